"""What takes the place of psycopg's cursors where telemetry is on.

A cursor tells of each statement that it sends. Where a verb of the database is told of as a whole,
its attempts included, its operation waits on the connection (`operation_of_verb`), and the first
statement there is that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor
from psycopg.copy import AsyncCopy

from ..rows import Parameters

if TYPE_CHECKING:
    from .handle import Operation, Target


def async_tracked(connection: AsyncConnection[Any], target: Target) -> None:
    """Let a connection tell of its statements."""
    tracked: Any = connection
    tracked.target = target
    tracked.operation_of_verb = None
    tracked.cursor_factory = AsyncTrackedCursor
    tracked.raw_cursor = AsyncTrackedRawCursor


class AsyncTracking(AsyncCursor[Any]):
    """A cursor that tells what it sends."""

    __slots__ = ()

    async def execute(self, query: Any, params: Parameters | None = None, **options: Any) -> Any:
        """Execute a statement, and tell of it, where that has not begun with a verb."""
        connection: Any = self._conn
        verb: Operation | None = connection.operation_of_verb
        target: Target = connection.target
        if verb is None:
            with target.operation(query):
                return await super().execute(query, params, **options)
        connection.operation_of_verb = None
        if verb.target is not target:
            verb.on(target)
        return await super().execute(query, params, **options)

    async def executemany(
        self, query: Any, params_seq: Iterable[Parameters], *, returning: bool = False
    ) -> None:
        """Execute a statement for many parameters, and tell of it."""
        given: Sequence[Parameters] = (
            params_seq if isinstance(params_seq, Sequence) else list(params_seq)
        )
        target: Target = self._conn.target  # type: ignore[attr-defined]
        with target.many(query, len(given)):
            await super().executemany(query, given, returning=returning)

    async def stream(
        self, query: Any, params: Parameters | None = None, *, binary: Any = None, size: int = 1
    ) -> AsyncIterator[Any]:
        """Yield rows as they come, and tell of them once the last one has."""
        target: Target = self._conn.target  # type: ignore[attr-defined]
        rows: Any = super().stream(query, params, binary=binary, size=size)
        with target.operation(query):
            try:
                async for found in rows:
                    yield found
            finally:
                await rows.aclose()

    @asynccontextmanager
    async def copy(
        self, statement: Any, params: Parameters | None = None, *, writer: Any = None
    ) -> AsyncIterator[AsyncCopy]:
        """Copy, and tell of it."""
        target: Target = self._conn.target  # type: ignore[attr-defined]
        with target.operation(statement):
            copying = super().copy(statement, params, writer=writer)
            async with copying as copy:
                yield copy


class AsyncTrackedCursor(AsyncTracking):
    """The usual cursor."""

    __slots__ = ()


class AsyncTrackedRawCursor(AsyncTracking, AsyncRawCursor[Any]):
    """One for `$1` placeholders."""

    __slots__ = ()
