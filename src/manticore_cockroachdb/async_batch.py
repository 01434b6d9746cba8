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

from psycopg import AsyncConnection, AsyncRawCursor, postgres
from psycopg.crdb import AsyncCrdbConnection

from . import sql

Row: TypeAlias = dict[str, Any]

MAX_PARAMETERS = 65_535
# Larger chunks gain nothing and make the server plan and keep longer statements.
CHUNK_PARAMETERS = 2_000
# Rows of a generator that are in memory at a time.
AT_ONCE = 5_000


def picker(columns: tuple[str, ...]) -> Callable[[Mapping[str, object]], tuple[object, ...]]:
    """Return the function that takes a row's values in the order of the columns."""
    if len(columns) < 2:
        return lambda row: tuple(row[column] for column in columns)
    return itemgetter(*columns)


class NoCopy(Exception):
    """COPY cannot do it: rows with different keys, or types that CockroachDB reads otherwise."""


# Types that CockroachDB reads in COPY as in INSERT. It takes the text of BYTES for the bytes
# (20.2, silently), and refuses JSON and arrays.
_SAFE = frozenset(
    postgres.types[name].oid
    for name in (
        *("bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar"),
        *("date", "time", "timestamp", "timestamptz", "interval", "uuid", "inet"),
    )
)


async def copy_rows(
    connection: AsyncConnection[Row], table: str, rows: Sequence[Mapping[str, object]]
) -> None:
    """Send rows by COPY. Raises `NoCopy`, perhaps having sent some, when that cannot be done.

    Looking at all keys before would cost a tenth of the whole.
    """
    columns = tuple(rows[0])
    width, pick = len(columns), picker(columns)
    if not await reads_alike(connection, table, columns):
        raise NoCopy
    async with (
        connection.cursor() as cursor,
        cursor.copy(sql.copy(table, columns)) as copy,
    ):
        write = copy.write_row
        try:
            for row in rows:
                if len(row) != width:
                    raise NoCopy
                await write(pick(row))
        except KeyError as error:
            raise NoCopy from error


async def reads_alike(
    connection: AsyncConnection[Row], table: str, columns: tuple[str, ...]
) -> bool:
    """Return whether the server takes these columns from COPY as it does from INSERT."""
    if not AsyncCrdbConnection.is_crdb(connection):
        return True
    kinds = (await connection.execute(sql.kinds(table, columns))).description or ()
    return _SAFE.issuperset(kind.type_code for kind in kinds)


def columns_of(rows: Sequence[Mapping[str, object]]) -> tuple[tuple[str, ...], bool]:
    """Return all columns in order of appearance, and whether every row has every one."""
    columns = dict.fromkeys(rows[0])
    even = True
    for row in rows:
        if row.keys() != columns.keys():
            even = False
            columns |= dict.fromkeys(row)
    return tuple(columns), even


async def insert_rows(
    connection: AsyncConnection[Row],
    table: str,
    rows: Sequence[Mapping[str, object]],
    *,
    batch_size: int | None,
    returning: bool,
) -> list[Row]:
    """Insert rows in chunks; return them as the server has them, or ``[]``."""
    columns, even = columns_of(rows)
    # Rows without any column go one by one: SQL has no other way to say DEFAULT VALUES twice.
    width = len(columns) or MAX_PARAMETERS
    size = min(batch_size or max(1, CHUNK_PARAMETERS // width), MAX_PARAMETERS // width)
    pick = picker(columns)
    found: list[Row] = []
    kind: type[AsyncRawCursor[Any]] = getattr(connection, "raw_cursor", AsyncRawCursor)
    async with kind(connection, row_factory=connection.row_factory) as cursor:
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            gaps: frozenset[int] = frozenset()
            if even:
                values = list(chain.from_iterable(map(pick, chunk)))
            else:
                cells = [(row, column) for row in chunk for column in columns]
                gaps = frozenset(i for i, (row, column) in enumerate(cells) if column not in row)
                values = [row[column] for row, column in cells if column in row]
            text = sql.insert_many(table, columns, len(chunk), gaps, returning)
            await cursor.execute(text, values)
            if returning:
                found += await cursor.fetchall()
    return found
