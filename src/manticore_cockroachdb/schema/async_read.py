"""Read the catalog of a live database, in as few round trips as the engine allows.

PostgreSQL answers one message with everything, from one snapshot.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from ..dialect import Server, server_of
from . import model as m
from . import postgres
from .postgres_queries import QUERIES, SETUP

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase


async def async_read(database: AsyncDatabase, *, ours: bool = False) -> m.Schema:
    """The catalog of a database; with ``ours``, the tables of this package in it too.

    Raises ConnectionFailed, and psycopg's errors where reading the catalog is not allowed.
    """
    async with await database.dedicated() as connection:
        return await async_read_from(connection, ours=ours)


async def async_read_from(connection: AsyncConnection[Any], *, ours: bool = False) -> m.Schema:
    """The catalog seen by a connection that is in no transaction."""
    sets = await async_fetch(connection, *SETUP, *QUERIES.values(), "COMMIT")
    answers = dict(zip(QUERIES, sets[len(SETUP) : -1], strict=True))
    schema = postgres.build(answers)
    return schema if ours else without_ours(schema)


async def async_which_server(connection: AsyncConnection[Any]) -> Server:
    """Which server a connection leads to, also behind a pooler that hides it."""
    announced = connection.pgconn.parameter_status(b"crdb_version")
    if announced is None:
        rows = (await async_fetch(connection, "SELECT version()"))[0]
        text = str(rows[0][0])
        announced = text.encode() if text.startswith("CockroachDB") else None
    return server_of(announced.decode() if announced else None, connection.info.server_version)


async def async_fetch(connection: AsyncConnection[Any], *statements: str) -> list[postgres.Rows]:
    """Send statements as one message; the rows of each, in order."""
    cursor = await connection.execute(";\n".join(statements).encode())
    sets: list[postgres.Rows] = []
    while True:
        sets.append(await cursor.fetchall() if cursor.description else [])
        if not cursor.nextset():
            return sets


def without_ours(schema: m.Schema) -> m.Schema:
    """The catalog without this package's own tables."""
    tables = tuple(t for t in schema.tables if not is_ours(t.name))
    return replace(schema, tables=tables)


def is_ours(name: str) -> bool:
    """Whether a table is one of this package's own."""
    return name == "_migrations" or name.startswith("_migrations_")
