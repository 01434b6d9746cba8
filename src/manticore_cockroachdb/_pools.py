"""The pools of psycopg_pool, the asynchronous one with workers that can be cancelled.

Its workers survive a cancellation that reaches them while they connect. ``asyncio.run`` cancels
every task at its end and waits for all of them, so a program that leaves a pool open would hang
there for ever if a connection happened to be under way.
"""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg_pool import AsyncConnectionPool, ConnectionPool
from psycopg_pool.abc import ACT

__all__ = ["AsyncPool", "Pool"]

Pool = ConnectionPool


class AsyncPool(AsyncConnectionPool[ACT]):
    """An `AsyncConnectionPool` whose workers end when they are cancelled."""

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
