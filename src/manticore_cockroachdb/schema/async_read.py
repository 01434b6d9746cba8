"""Read the catalog of a live database, in as few round trips as the engine allows.

PostgreSQL answers one message with everything, from one snapshot. So does CockroachDB, but for
versions that have routines or triggers and no statement that shows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection, pq

from ..dialect import Server, Version, server_of
from ..own_tables import HISTORY, ONCE
from . import cockroach, cockroach_queries, postgres
from . import model as m
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
    server = await async_which_server(connection)
    if server.engine == "cockroachdb":
        schema = cockroach.build(await _ask_cockroach(connection, server.version))
    else:
        schema = postgres.build(await _ask(connection, SETUP, QUERIES))
    return schema if ours else without_ours(schema)


async def _ask(
    connection: AsyncConnection[Any], setup: Sequence[str], queries: Mapping[str, str]
) -> dict[str, postgres.Rows]:
    """The rows of each query, all from one transaction and one message."""
    sets = await async_fetch(connection, *setup, *queries.values(), "COMMIT")
    return dict(zip(queries, sets[len(setup) : -1], strict=True))


async def _ask_cockroach(
    connection: AsyncConnection[Any], version: Version
) -> dict[str, postgres.Rows]:
    queries = cockroach_queries.queries(version)
    try:
        answers = await _ask(connection, ("BEGIN",), queries)
    except psycopg.Error:
        if connection.closed:
            raise
        answers = await _ask_one_by_one(connection, queries)
    tables = [(schema, name) for schema, name, kind in answers["relations"] if kind == "r"]
    routines = [(row[0], row[1], row[2]) for row in answers.get("routine names", ())]
    more = cockroach_queries.followed_up(version, routines, tables)
    if more:
        sets = await async_fetch(connection, *more)
        answers["routines"] = [row for rows in sets[: len(routines)] for row in rows]
        triggers = [
            cockroach_queries.trigger(table, row[0])
            for table, rows in zip(tables, sets[len(routines) :], strict=False)
            for row in rows
        ]
        if triggers:
            sets = await async_fetch(connection, *triggers)
            answers["triggers"] = [row for rows in sets for row in rows]
    return answers


async def _ask_one_by_one(
    connection: AsyncConnection[Any], queries: Mapping[str, str]
) -> dict[str, postgres.Rows]:
    """The answers of a version that does not understand all of the questions.

    What it does not tell is left out of the catalog, and the catalog says so.
    """
    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
        await connection.rollback()
    answers: dict[str, postgres.Rows] = {}
    untold = []
    for name, query in queries.items():
        try:
            answers[name] = (await async_fetch(connection, query))[0]
        except psycopg.Error:
            if name in cockroach_queries.NEEDED:
                raise
            answers[name] = []
            untold.append((f"whatever this version does not tell of: {name}",))
    return {**answers, "untold": untold}


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
    return name in (HISTORY, ONCE) or name.startswith(f"{HISTORY}_")
