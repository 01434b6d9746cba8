"""Drift: a database against what its applied migrations make, replayed on a scratch database.

Only what the history says is replayed, in order of version, with the files as they are now. The
scratch database is on the same server if that is allowed and safe, see `risks`; otherwise on a
throwaway one, and then versions may differ in how they print an expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import psycopg

from ..dialect import Server
from ..errors import SchemaError
from ..migrations.file import MigrationFile
from . import model as m
from .async_read import async_fetch, async_read_from, async_which_server
from .async_replay import async_replay
from .async_scratch import async_scratch_apart, async_scratch_beside
from .diff import compare
from .report import Drift, without
from .risks import shared

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..async_migration import AsyncMigrator

_DATABASES = "SELECT datname FROM pg_catalog.pg_database"
_SCHEMAS = "SELECT nspname FROM pg_catalog.pg_namespace"


async def async_find_drift(migrator: AsyncMigrator, ignore: Sequence[str] = ()) -> Drift:
    """What a migrator's database has otherwise than its applied migrations make.

    ``ignore`` are patterns of what to leave out, see `report.without`. Raises SchemaError when
    an applied migration has no file or cannot be replayed.
    """
    files = {file.version: file for file in await migrator.load_migrations()}
    rows = await migrator.get_applied_migrations()
    if missing := [row for row in rows if row["version"] not in files]:
        raise SchemaError(
            f"Migration {missing[0]['version']} is applied and has no file to be replayed.",
            hint="restore the file, or forget the migration: manticore repair VERSION",
        )
    applied = [files[row["version"]] for row in rows]
    notes = [
        f"the file of migration {row['version']} is not what was applied"
        for row in rows
        if row.get("checksum") not in (None, files[row["version"]].checksum)
    ]
    async with await migrator.db.dedicated() as connection:
        server = await async_which_server(connection)
        actual = await async_read_from(connection)
        names = await async_fetch(connection, _DATABASES, _SCHEMAS, "SHOW search_path")
    expected, note = await async_made_by(
        migrator.db,
        applied,
        {**migrator.settings, **_path(server, str(names[2][0][0]))},
        server,
        {row[0] for row in names[0]},
        {row[0] for row in names[1]},
    )
    changes = without(compare(expected, actual), ignore)
    return Drift(changes, tuple(file.version for file in applied), (*notes, *note))


def _path(server: Server, path: str) -> dict[str, str]:
    """The schemas in which a database of its own settings makes what has no other."""
    usual = path.replace(" ", "") == '"$user",public'
    return {} if usual or server.engine == "cockroachdb" else {"search_path": path}


async def async_made_by(
    database: AsyncDatabase,
    files: Sequence[MigrationFile],
    settings: dict[str, str],
    server: Server,
    databases: set[str],
    schemas: set[str],
) -> tuple[m.Schema, tuple[str, ...]]:
    """The catalog that files make on a scratch database, and what to know about it."""
    reason = shared(files, databases, schemas)
    if reason is None:
        try:
            async with async_scratch_beside(database) as scratch:
                return await async_replay(scratch, files, settings), ()
        except psycopg.errors.InsufficientPrivilege:
            reason = "this user may not create databases"
    try:
        async with async_scratch_apart(server.engine, type(database)) as scratch:
            async with await scratch.dedicated() as connection:
                other = await async_which_server(connection)
            expected = await async_replay(scratch, files, settings)
    except SchemaError as error:
        raise SchemaError(
            f"The migrations could not be replayed on the server itself, since {reason}."
            f" {error.message}",
            hint=error.hint,
        ) from error
    return expected, (f"replayed on {other} of our own, since {reason}",)
