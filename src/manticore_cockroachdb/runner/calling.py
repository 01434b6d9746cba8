"""A Python migration's function, called with a connection of its own colour.

One that is ``def`` runs in a thread where the migrator is asynchronous, and one that is ``async
def`` in an event loop of its own where the migrator is not; either way over the session's one libpq
connection, which nobody else uses meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from psycopg import pq

from ..errors import TransactionError
from .async_lent import async_lent, async_use
from .guard import Guard
from .lent import lent, use

Function = Callable[[Any], Any]
Keep = Callable[[object], None]
Notices = Callable[[pq.abc.PGresult], None] | None


async def async_call(
    function: Function,
    pgconn: pq.abc.PGconn,
    guard: Guard,
    database: object,
    keep: Keep,
    abandon: Callable[[], None],
) -> None:
    """Call a function with a connection over `pgconn`, which is in a transaction.

    `database`: whose verbs join it. `keep` is handed what has to live as long as the connection.
    `abandon` ends the connection, where the caller is cancelled.
    """
    handler = pgconn.notice_handler
    try:
        if inspect.iscoroutinefunction(function):
            own = async_lent(pgconn, guard, database)
            keep(own)
            pgconn.notice_handler = _both(handler, pgconn.notice_handler)
            await async_use(own, function)
            return
        other = lent(pgconn, guard, None)
        keep(other)
        pgconn.notice_handler = _both(handler, pgconn.notice_handler)
        # No task: one that ends with SystemExit ends the loop. A thread of its own: those that all
        # share, for looking names up among others, must not be all at work in migrations.
        context, plain = contextvars.copy_context(), _plain(function)
        thread = ThreadPoolExecutor(1, thread_name_prefix="manticore-migration")
        done = asyncio.get_running_loop().run_in_executor(
            thread, lambda: context.run(use, other, plain)
        )
        thread.shutdown(wait=False)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            abandon()  # a thread cannot be ended; without a connection it does no more harm
            await asyncio.wait({done})
            raise
    finally:
        pgconn.notice_handler = handler


def call(
    function: Function,
    pgconn: pq.abc.PGconn,
    guard: Guard,
    database: object,
    keep: Keep,
    abandon: Callable[[], None],
) -> None:
    """The same, for a synchronous migrator."""
    handler = pgconn.notice_handler
    try:
        if not inspect.iscoroutinefunction(function):
            own = lent(pgconn, guard, database)
            keep(own)
            pgconn.notice_handler = _both(handler, pgconn.notice_handler)
            use(own, _plain(function))
            return
        _in_a_loop(function, pgconn, guard, keep, abandon)
    finally:
        pgconn.notice_handler = handler


def _both(ours: Notices, theirs: Notices) -> Notices:
    """Who hears of a notice: the session, whose events tell of it, and the connection that is lent,
    whose making took the place of the session."""

    def heard(result: pq.abc.PGresult) -> None:
        for handler in (ours, theirs):
            if handler is not None:
                handler(result)

    return heard


def _plain(function: Function) -> Function:
    def checked(connection: Any) -> None:
        result = function(connection)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TransactionError(
                "The migration's function returned something to be awaited, and is no `async def`.",
                hint="write `async def`, or return nothing",
            )

    return checked


def _in_a_loop(
    function: Function,
    pgconn: pq.abc.PGconn,
    guard: Guard,
    keep: Keep,
    abandon: Callable[[], None],
) -> None:
    """Run a coroutine function to its end, in a thread: there may be a loop in this one."""
    failure: list[BaseException] = []

    async def main() -> None:
        handler = pgconn.notice_handler
        connection = async_lent(pgconn, guard, None)
        keep(connection)
        pgconn.notice_handler = _both(handler, pgconn.notice_handler)
        await async_use(connection, function)

    def run() -> None:
        # psycopg waits for sockets, which the usual loop of Windows does not.
        factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(main())
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            failure.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="manticore-migration")
    try:
        thread.start()
        thread.join()
    except BaseException:
        abandon()  # a thread cannot be ended; without a connection it does no more harm
        if thread.ident is not None:
            thread.join()
        raise
    if failure:
        raise failure[0]
