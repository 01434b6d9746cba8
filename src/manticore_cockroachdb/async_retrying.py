"""The loop ``async for attempt in db.retrying(): async with attempt: …``.

An attempt that fails in a way `manticore_cockroachdb.retry` deems worth another one swallows its
error and waits; any other error, and the last one, goes through untouched. Inside a transaction
every error goes through: the server aborted all of it, so trying a part again is of no use, and
the loop that is around all of it will try again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg

from ._acompat import async_sleep
from .outcome import Verdict, verdict_of
from .retry import RetryPolicy, decide, state_of, told_retry

if TYPE_CHECKING:
    from .telemetry.handle import Telemetry


class AsyncAttempt:
    """One attempt; ``number`` counts from 1."""

    def __init__(
        self,
        policy: RetryPolicy,
        number: int,
        inside: Callable[[], bool],
        until: float | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.number = number
        self.again = False
        self._policy = policy
        self._inside = inside
        self._until = until
        self._telemetry = telemetry

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, psycopg.Error) or self._inside():
            return False
        state = state_of(error)
        delay = decide(self._policy, state, self.number, random.random())
        if delay is None:
            if verdict_of(state) is Verdict.RETRY:
                error.add_note(f"given up after {self.number} attempts")
            return False
        if self._until is not None and monotonic() + delay >= self._until:
            error.add_note(f"given up after {self.number} attempts: the deadline is over")
            return False
        told_retry(error, self.number, delay)
        if self._telemetry is not None:
            self._telemetry.retry(error, self.number, delay)
        await async_sleep(delay)
        self.again = True
        return True


class AsyncRetrying:
    """Attempts, one after another until one succeeds or its error is not worth another."""

    def __init__(
        self,
        policy: RetryPolicy,
        inside: Callable[[], bool],
        until: float | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._policy = policy
        self._inside = inside
        self._until = until
        self._telemetry = telemetry
        self._last: AsyncAttempt | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncAttempt:
        number = 1
        if self._last is not None:
            if not self._last.again:
                raise StopAsyncIteration
            number += self._last.number
        self._last = AsyncAttempt(self._policy, number, self._inside, self._until, self._telemetry)
        return self._last
