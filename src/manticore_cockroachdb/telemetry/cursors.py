# Generated from async_cursors.py by tools/unasync.py; do not edit.
"""What takes the place of psycopg's cursors where telemetry is on.

A cursor tells of each statement that it sends. Where a verb of the database is told of as a whole,
its attempts included, its operation waits on the connection (`operation_of_verb`), and the first
statement there is that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import Connection, Cursor, RawCursor
from psycopg.copy import Copy

from ..rows import Parameters

if TYPE_CHECKING:
    from .handle import Operation, Target


def tracked(connection: Connection[Any], target: Target) -> None:
    """Let a connection tell of its statements."""
    tracked: Any = connection
    tracked.target = target
    tracked.operation_of_verb = None
    tracked.cursor_factory = TrackedCursor
    tracked.raw_cursor = TrackedRawCursor


class Tracking(Cursor[Any]):
    """A cursor that tells what it sends."""

    __slots__ = ()

    def execute(self, query: Any, params: Parameters | None = None, **options: Any) -> Any:
        """Execute a statement, and tell of it, where that has not begun with a verb."""
        connection: Any = self._conn
        verb: Operation | None = connection.operation_of_verb
        target: Target = connection.target
        if verb is None:
            with target.operation(query):
                return super().execute(query, params, **options)
        connection.operation_of_verb = None
        if verb.target is not target:
            verb.on(target)
        return super().execute(query, params, **options)

    def executemany(
        self, query: Any, params_seq: Iterable[Parameters], *, returning: bool = False
    ) -> None:
        """Execute a statement for many parameters, and tell of it."""
        given: Sequence[Parameters] = (
            params_seq if isinstance(params_seq, Sequence) else list(params_seq)
        )
        target: Target = self._conn.target  # type: ignore[attr-defined]
        with target.many(query, len(given)):
            super().executemany(query, given, returning=returning)

    def stream(
        self, query: Any, params: Parameters | None = None, *, binary: Any = None, size: int = 1
    ) -> Iterator[Any]:
        """Yield rows as they come, and tell of them once the last one has."""
        target: Target = self._conn.target  # type: ignore[attr-defined]
        rows: Any = super().stream(query, params, binary=binary, size=size)
        with target.operation(query):
            try:
                for found in rows:
                    yield found
            finally:
                rows.close()

    @contextmanager
    def copy(
        self, statement: Any, params: Parameters | None = None, *, writer: Any = None
    ) -> Iterator[Copy]:
        """Copy, and tell of it."""
        target: Target = self._conn.target  # type: ignore[attr-defined]
        with target.operation(statement):
            copying = super().copy(statement, params, writer=writer)
            with copying as copy:
                yield copy


class TrackedCursor(Tracking):
    """The usual cursor."""

    __slots__ = ()


class TrackedRawCursor(Tracking, RawCursor[Any]):
    """One for `$1` placeholders."""

    __slots__ = ()
