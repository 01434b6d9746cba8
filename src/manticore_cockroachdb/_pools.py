"""The pools of psycopg_pool, which try to connect at least twice a second.

Left alone they double the time between two attempts, so that after an outage of a minute callers
wait for up to another one, long after the server is back. An attempt costs the server nothing,
and a host that is down is left out where there are others (`hosts`).

A task that is cancelled while it gives a connection back to the asynchronous pool does give it
back.

The workers of the asynchronous pool can be cancelled. Those of psycopg_pool survive a cancellation
that reaches them while they connect. ``asyncio.run`` cancels every task at its end and waits for
all of them, so a program that leaves a pool open would hang there for ever if a connection
happened to be under way.
"""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg_pool import AsyncConnectionPool, ConnectionPool, pool, pool_async
from psycopg_pool.abc import ACT, CT

__all__ = ["AsyncPool", "Pool"]

RETRY_EVERY = 0.5


class Pool(ConnectionPool[CT]):
    """A `ConnectionPool` that connects again soon."""

    def schedule_task(self, task: Any, delay: float) -> None:
        """Run a task of maintenance later, one that connects within half a second."""
        connects = isinstance(task, pool.AddConnection)
        super().schedule_task(task, min(delay, RETRY_EVERY) if connects else delay)


class AsyncPool(AsyncConnectionPool[ACT]):
    """An `AsyncConnectionPool` that connects again soon; its workers can be cancelled."""

    async def schedule_task(self, task: Any, delay: float) -> None:
        """Run a task of maintenance later, one that connects within half a second."""
        connects = isinstance(task, pool_async.AddConnection)
        await super().schedule_task(task, min(delay, RETRY_EVERY) if connects else delay)

    async def putconn(self, conn: ACT) -> None:
        """Take a connection back, also from a task that is cancelled meanwhile."""
        try:
            await super().putconn(conn)
        except asyncio.CancelledError:
            # It was waiting for the pool's lock, or for a rollback: the connection is in nobody's
            # hands now, and would be missing for good.
            self.run_task(pool_async.ReturnConnection(self, conn, from_getconn=False))
            raise

    @classmethod
    async def worker(cls, q: Any) -> None:
        """Carry out the tasks of a queue, until told to stop or cancelled."""
        await super().worker(_UntilCancelled(q))  # type: ignore[arg-type]


class _UntilCancelled:
    """A queue that gives a task that was cancelled nothing more to do."""

    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        self._queue = queue

    async def get(self) -> Any:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return await self._queue.get()
