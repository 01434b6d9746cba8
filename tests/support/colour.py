"""One test body for both colours: written with ``await``, run against either half.

``AsyncDatabase`` is what the body was written for and needs nothing. For ``Database`` the body
gets an `Awaited`: an object that looks like the asynchronous twin of what it wraps and calls the
synchronous one. Which methods are to be awaited, it asks the twin; what a call returns, it wraps
in turn, down to psycopg's connections and cursors. Callbacks that are coroutine functions are
turned into plain ones on the way in.

Nothing in such a body ever really waits, so `run_plain` drives it without an event loop, and
says so when a body awaits something of asyncio's by mistake.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from functools import cache, wraps
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

from manticore_cockroachdb import _acompat
from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database

ODD_TWINS = {"Migration": "AsyncMigrator"}


def run_plain(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never really waits; return what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError(
        "this test awaits something that only an event loop can do; "
        "use colour.sleep, colour.spawn or colour.concurrently"
    )


@cache
def twin_of(kind: type) -> type | None:
    """Return the asynchronous class that corresponds to a synchronous one."""
    for base in kind.__mro__:
        package, _, leaf = base.__module__.rpartition(".")
        name = ODD_TWINS.get(base.__name__, f"Async{base.__name__}")
        if base.__module__.startswith("psycopg"):
            homes = ["psycopg", "psycopg.crdb", "psycopg_pool"]
        elif base.__module__.startswith("manticore_cockroachdb"):
            homes = [base.__module__, f"{package}.async_{leaf}"]
        else:
            continue
        for home in homes:
            try:
                found = getattr(import_module(home), name, None)
            except ModuleNotFoundError:
                continue
            if isinstance(found, type):
                return found
    return None


def wrap(value: Any) -> Any:
    """Return the value as the asynchronous half would give it."""
    if isinstance(value, Awaited):
        return value
    twin = twin_of(value if isinstance(value, type) else type(value))
    if twin is not None or isinstance(value, AbstractContextManager | Iterator):
        return Awaited(value, twin)
    return value


def unwrap(value: Any) -> Any:
    """Return what the synchronous half takes in place of the value."""
    if isinstance(value, Awaited):
        return object.__getattribute__(value, "_plain")
    if iscoroutinefunction(value):

        @wraps(value)
        def plain(*args: Any, **kwargs: Any) -> Any:
            return unwrap(
                run_plain(
                    value(*map(wrap, args), **{k: wrap(v) for k, v in kwargs.items()}),
                )
            )

        return plain
    return value


class Awaited:
    """A synchronous object with the manners of its asynchronous twin."""

    def __init__(self, plain: Any, twin: type | None) -> None:
        object.__setattr__(self, "_plain", plain)
        object.__setattr__(self, "_twin", twin)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._plain, name)
        if not callable(value) or isinstance(value, type):
            return wrap(value)
        if iscoroutinefunction(getattr(self._twin, name, None)):

            async def awaitable(*args: Any, **kwargs: Any) -> Any:
                return _call(value, args, kwargs)

            return awaitable
        return lambda *args, **kwargs: _call(value, args, kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._plain, name, unwrap(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _call(self._plain, args, kwargs)

    def __repr__(self) -> str:
        return repr(self._plain)

    def __eq__(self, other: object) -> bool:
        return bool(self._plain == unwrap(other))

    def __hash__(self) -> int:
        return hash(self._plain)

    async def __aenter__(self) -> Any:
        return wrap(self._plain.__enter__())

    async def __aexit__(self, *error: Any) -> Any:
        return self._plain.__exit__(*error)

    def __aiter__(self) -> Any:
        return Awaited(iter(self._plain), None)

    async def __anext__(self) -> Any:
        try:
            return wrap(next(self._plain))
        except StopIteration:
            raise StopAsyncIteration from None


def _call(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return wrap(function(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()}))


class Colour:
    """The half under test, ``name`` "sync" or "async", and what a test body needs of it."""

    name = "async"

    def __init__(self) -> None:
        self._databases: list[Any] = []

    @property
    def Database(self) -> Any:
        """`AsyncDatabase`, or `Database` in its manners. Close what you open with it."""
        return AsyncDatabase

    @property
    def Migration(self) -> Any:
        """`AsyncMigrator`, or `Migration` in its manners."""
        from manticore_cockroachdb.async_migration import AsyncMigrator

        return AsyncMigrator

    @property
    def Fleet(self) -> Any:
        """`AsyncFleet`, or `Fleet` in its manners."""
        from manticore_cockroachdb.fleet.async_fleet import AsyncFleet

        return AsyncFleet

    def database(self, url: str, **parameters: Any) -> Any:
        """Return a database that is closed at the end of the test."""
        database = self.Database.from_url(url, **parameters)
        self._databases.append(database)
        return database

    def wrap(self, value: Any) -> Any:
        """Return any object of this half in the asynchronous manners."""
        return value

    async def concurrently(self, *functions: Callable[[], Awaitable[Any]]) -> list[Any]:
        """Call all functions at the same time; return their results, or raise the first error."""
        return list(await asyncio.gather(*(function() for function in functions)))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def event(self) -> Any:
        """Return an event of `_acompat`."""
        return _acompat.AsyncEvent()

    def spawn(self, function: Callable[[], Awaitable[None]]) -> Any:
        """Start a task of `_acompat` beside the test."""
        return _acompat.AsyncTask(function, name="test")

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a test's body and close its databases."""
        asyncio.run(self._whole(coroutine))

    async def _whole(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        finally:
            for database in self._databases:
                await database.close()


class SyncColour(Colour):
    """The synchronous half."""

    name = "sync"

    @property
    def Database(self) -> Any:
        return wrap(Database)

    @property
    def Migration(self) -> Any:
        from manticore_cockroachdb.migration import Migration

        return wrap(Migration)

    @property
    def Fleet(self) -> Any:
        from manticore_cockroachdb.fleet.fleet import Fleet

        return wrap(Fleet)

    def wrap(self, value: Any) -> Any:
        return wrap(value)

    async def concurrently(self, *functions: Callable[[], Awaitable[Any]]) -> list[Any]:
        results: dict[int, Any] = {}
        errors: list[BaseException] = []

        def call(number: int, function: Callable[[], Any]) -> None:
            try:
                results[number] = run_plain(function())
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's thread
                errors.append(error)

        threads = [threading.Thread(target=call, args=item) for item in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return [results[number] for number in range(len(functions))]

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def event(self) -> Any:
        return Awaited(_acompat.Event(), _acompat.AsyncEvent)

    def spawn(self, function: Callable[[], Awaitable[None]]) -> Any:
        return wrap(_acompat.Task(unwrap(function), name="test"))

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        run_plain(self._whole(coroutine))


COLOURS: dict[str, type[Colour]] = {"sync": SyncColour, "async": Colour}
