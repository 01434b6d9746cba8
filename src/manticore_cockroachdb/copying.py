# Generated from async_copying.py by tools/unasync.py; do not edit.
"""COPY from the client: what `copy_in` takes, and how it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from . import sql as statements
from ._acompat import Source, batched
from .batch import picker, reads_alike
from .errors import QueryError

if TYPE_CHECKING:
    from .pooled import PooledConnection

BLOCK = 64 * 1024


class Readable(Protocol):
    """An open file, of bytes or of text."""

    def read(self, size: int, /) -> bytes | str:
        """Return the next so many bytes or characters, none at the end."""
        ...


def copy_in(
    connection: PooledConnection,
    table: str,
    source: Source[object] | bytes | str | Readable,
    columns: tuple[str, ...],
    format: str,
    header: bool,
) -> int:
    """Send what ``source`` has; return how many rows the server counted."""
    if isinstance(source, bytes | str):
        source = [source]
    elif callable(read := getattr(source, "read", None)):
        source = iter(lambda: read(BLOCK) or None, None)
    pieces = batched(source, 1000)  # type: ignore[arg-type]
    batch: list[object] = next(pieces, [])
    if not batch:
        return 0
    model = batch[0]
    if isinstance(model, Mapping):
        columns = columns or tuple(model)
    rows = not isinstance(model, bytes | str)
    if rows and not isinstance(model, Mapping | Sequence):
        raise QueryError(
            f"copy_in takes bytes or rows, not {type(model).__name__}.",
            hint="A row is a sequence of values, or a mapping.",
        )
    if rows and (format != "text" or header):
        raise QueryError("format and header are for bytes; rows need neither.")
    if rows and not reads_alike(connection, table, columns):
        raise QueryError(
            f"COPY does not take every type of {table} as INSERT does on CockroachDB.",
            hint="batch_insert(…, returning=False) does, and uses COPY where it can.",
        )
    text = statements.copy(table, columns, format, header)
    pick = picker(columns) if isinstance(model, Mapping) else tuple
    with connection.cursor() as cursor:
        with cursor.copy(text) as copy:
            send = copy.write_row if rows else copy.write
            while batch:
                for piece in batch:
                    send(pick(piece) if rows else piece)  # type: ignore[arg-type]
                batch = next(pieces, [])
        return cursor.rowcount
