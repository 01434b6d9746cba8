"""Linting with a server: which one it is, how large its tables are, what is applied.

The rules are in `lint`, which is pure; this is its I/O half.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._acompat import async_blocking
from ..dialect import Server
from ..migrations import directory
from . import Finding, LintConfig, ServerFacts, Source, lint_files
from .read import ROLES

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase

_POSTGRESQL = """
    SELECT n.nspname, c.relname, c.relkind IN ('r', 'p', 'm'),
           CASE WHEN c.reltuples >= 0 AND c.relkind <> 'p' THEN c.reltuples::INT8
                WHEN c.relkind = 'r' AND pg_catalog.pg_relation_size(c.oid) = 0 THEN 0 END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S', 'f')
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
# 0 is also what a table has that nobody has counted yet.
_COCKROACHDB = """
    SELECT schema_name, table_name, type = 'table', nullif(estimated_row_count, 0)
    FROM [SHOW TABLES]
"""
_HISTORY = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = '_migrations'"


async def async_server_facts(database: AsyncDatabase) -> tuple[Server, ServerFacts]:
    """Which server this is, and what it knows. Raises ConnectionFailed."""
    from ..schema.async_read import async_fetch, async_which_server

    async with await database.dedicated() as connection:
        server = await async_which_server(connection)
        sql = _COCKROACHDB if server.engine == "cockroachdb" else _POSTGRESQL
        relations, [(history,)] = await async_fetch(connection, sql, _HISTORY)
        applied: Sequence[Sequence[int]] = ()
        if history:
            [applied] = await async_fetch(connection, "SELECT version FROM _migrations")
    tables = {
        name if schema == "public" else f"{schema}.{name}": None if rows is None else int(rows)
        for schema, name, is_table, rows in relations
        if is_table
    }
    return server, ServerFacts(tables, len(relations), frozenset(row[0] for row in applied))


async def async_lint_directory(
    database: AsyncDatabase, path: Path, target: str | None, config: LintConfig | None
) -> tuple[Finding, ...]:
    """What the rules find in a directory: for ``target`` without any connection, else for the
    server of ``database``, in what is not applied there yet."""
    sources = await async_blocking(_read, path)
    if target is not None:
        return lint_files(sources, target, config)
    server, facts = await async_server_facts(database)
    return lint_files(sources, server, config, facts)


def _read(path: Path) -> list[Source]:
    found = [Source.decoded(str(path / name), data) for name, data in directory.read(path)]
    for folder, inner, data in directory.read_beside(path):
        found.append(Source.decoded(inner, data, role=ROLES[folder], home=str(path)))
    return found
