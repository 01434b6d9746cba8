"""Many rows at once: COPY where it is fastest and possible, multi-row INSERT otherwise.

A statement holds at most 65,535 parameters, so rows go in chunks of fewer. All chunks belong to
the transaction of the connection that is passed in. The parameters are numbered, ``$1`` and on,
and go through a raw cursor: rewriting thousands of ``%s`` costs more than sending them.

A row may lack keys that others have; it gets those columns' defaults, as it would alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

from psycopg import AsyncConnection, AsyncRawCursor

from . import sql

Row: TypeAlias = dict[str, Any]

MAX_PARAMETERS = 65_535
# Larger chunks gain nothing and make the server plan and keep longer statements.
CHUNK_PARAMETERS = 5_000


def columns_of(rows: Sequence[Mapping[str, object]]) -> tuple[tuple[str, ...], bool]:
    """Return all columns in order of appearance, and whether every row has every one."""
    columns = dict.fromkeys(rows[0])
    even = True
    for row in rows:
        if row.keys() != columns.keys():
            even = False
            columns |= dict.fromkeys(row)
    return tuple(columns), even


def picker(columns: tuple[str, ...]) -> Callable[[Mapping[str, object]], tuple[object, ...]]:
    """Return the function that takes a row's values in the order of the columns."""
    if len(columns) == 1:
        only = columns[0]
        return lambda row: (row[only],)
    return itemgetter(*columns)


async def copy_rows(
    connection: AsyncConnection[Row],
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Send rows that all have all columns by COPY."""
    async with (
        connection.cursor() as cursor,
        cursor.copy(sql.copy(table, columns)) as copy,
    ):
        for values in map(picker(columns), rows):
            await copy.write_row(values)


async def insert_rows(
    connection: AsyncConnection[Row],
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Mapping[str, object]],
    *,
    even: bool,
    returning: bool,
    batch_size: int | None = None,
) -> list[Row]:
    """Insert rows in chunks; return them as the server has them, or ``[]``.

    ``even`` says that every row has every column.
    """
    width = len(columns)
    size = min(batch_size or max(1, CHUNK_PARAMETERS // width), MAX_PARAMETERS // width)
    pick = picker(columns)
    found: list[Row] = []
    async with AsyncRawCursor(connection, row_factory=connection.row_factory) as cursor:
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            if even:
                gaps: frozenset[int] = frozenset()
                values = list(chain.from_iterable(map(pick, chunk)))
            else:
                cells = [(row, column) for row in chunk for column in columns]
                gaps = frozenset(i for i, (row, column) in enumerate(cells) if column not in row)
                values = [row[column] for row, column in cells if column in row]
            await cursor.execute(
                sql.insert_many(table, columns, len(chunk), gaps, returning), values
            )
            if returning:
                found += await cursor.fetchall()
    return found
