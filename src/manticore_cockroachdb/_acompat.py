"""What the asynchronous and the synchronous half of this package cannot share by renaming.

Each name exists twice: ``AsyncX`` or ``async_x`` for the hand-written modules, ``X`` or ``x`` for
the ones that ``tools/unasync.py`` generates. Both behave alike, seen from a caller that writes
``await`` before the first and nothing before the second:

=======================  ====================  =====================================================
``AsyncTask``            ``Task``              work beside the caller: an asyncio task, a thread
``AsyncEvent``           ``Event``             set once, waited for with a limit
``AsyncLock``            ``Lock``              one at a time, ``async with`` / ``with``
``async_sleep``          ``sleep``             wait; Ctrl-C or a cancellation ends it
``async_blocking``       ``blocking``          call a function that blocks
``async_batched``        ``batched``           what an iterable gives, in lists
``AsyncSource``          ``Source``            such an iterable
``async_owner``          ``owner``             who calls: a task; a thread, with its task if it has
                                               one (both are plain functions)
``AsyncCancelled``       ``Cancelled``         what a cancelled caller sees: CancelledError,
                                               KeyboardInterrupt
=======================  ====================  =====================================================

A task is stopped by an event that its function looks at, never by force: a thread cannot be
killed, and a half-sent message to the server is worse than a late stop.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AsyncSource: TypeAlias = Iterable[T] | AsyncIterable[T]
Source: TypeAlias = Iterable[T]
AsyncLock = asyncio.Lock
Lock = threading.Lock
Event = threading.Event
AsyncCancelled = asyncio.CancelledError
Cancelled = KeyboardInterrupt
async_sleep = asyncio.sleep
sleep = time.sleep


class AsyncEvent(asyncio.Event):
    """An `asyncio.Event` whose ``wait`` takes a limit, as that of threads does."""

    async def wait(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        """Return True once the event is set, False after ``timeout`` seconds."""
        if timeout is None:
            return await super().wait()
        try:
            async with asyncio.timeout(timeout):
                return await super().wait()
        except TimeoutError:
            return self.is_set()


class AsyncTask:
    """A function running as an asyncio task beside its caller.

    ``error`` holds the exception that ended it, None while it runs or when it ended well: nothing
    is raised behind the caller's back.
    """

    def __init__(self, function: Callable[[], Awaitable[None]], *, name: str) -> None:
        self.error: BaseException | None = None
        self._function = function
        self._task = asyncio.create_task(self._run(), name=name)

    async def _run(self) -> None:
        try:
            await self._function()
        except BaseException as error:  # noqa: BLE001 - kept for the caller to look at
            self.error = error

    def alive(self) -> bool:
        """Return whether it still runs."""
        return not self._task.done()

    async def join(self, timeout: float | None = None) -> bool:
        """Wait until it ends, at most ``timeout`` seconds; return whether it has ended."""
        await asyncio.wait({self._task}, timeout=timeout)
        return self._task.done()


class Task:
    """A function running in a daemon thread beside its caller; see `AsyncTask`.

    Its end is an event of its own: until Python 3.13 a thread whose `join` was interrupted by
    Ctrl-C counts as ended while it runs (https://github.com/python/cpython/issues/90882).
    """

    def __init__(self, function: Callable[[], None], *, name: str) -> None:
        self.error: BaseException | None = None
        self._function = function
        self._ended = threading.Event()
        # As a task has it: what is current here, such as a span, is so there.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name=name, daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:  # noqa: BLE001 - kept for the caller to look at
            self.error = error
        finally:
            self._ended.set()

    def alive(self) -> bool:
        """Return whether it still runs."""
        return not self._ended.is_set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it ends, at most ``timeout`` seconds; return whether it has ended."""
        return self._ended.wait(timeout)


async def async_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks, in a thread, so that the event loop goes on."""
    return await asyncio.to_thread(function, *args, **kwargs)


def blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks."""
    return function(*args, **kwargs)


def async_owner() -> object:
    """Return the task that runs, something to compare only."""
    return asyncio.current_task()


def owner() -> object:
    """Return the thread that runs and its task if it has one, something to compare only."""
    try:
        return threading.get_ident(), asyncio.current_task()
    except RuntimeError:  # no event loop
        return threading.get_ident(), None


async def async_batched(source: AsyncSource[T], size: int) -> AsyncIterator[list[T]]:
    """Yield what ``source`` gives in lists of ``size``, the last one perhaps shorter."""
    if isinstance(source, Iterable):
        for batch in batched(source, size):
            yield batch
        return
    found: list[T] = []
    async for item in source:
        found.append(item)
        if len(found) == size:
            yield found
            found = []
    if found:
        yield found


def batched(source: Source[T], size: int) -> Iterator[list[T]]:
    """Yield what ``source`` gives in lists of ``size``, the last one perhaps shorter."""
    items = iter(source)
    while batch := list(islice(items, size)):
        yield batch
