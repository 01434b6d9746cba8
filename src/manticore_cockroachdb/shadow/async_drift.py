"""Drift: a database against what its applied migrations make, replayed on a scratch database.

Only what the history says is replayed, in order of version, with the files as they are now. The
scratch database is on the same server if that is allowed and safe, see `risks`; otherwise on a
throwaway one, and then versions may differ in how they print an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection

from ..errors import SchemaError
from ..migrations.file import MigrationFile
from ..schema import model as m
from ..schema.async_read import async_fetch, async_read_from, async_which_server
from ..schema.diff import compare
from ..schema.report import Drift, without
from .async_replay import async_replay
from .async_scratch import async_scratch_apart, async_scratch_beside
from .risks import shared
from .surroundings import Surroundings

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
        around = await async_look_around(connection)
        actual = await async_read_from(connection)
    expected, note = await async_made_by(migrator.db, applied, migrator.settings, around)
    changes = without(compare(expected, actual), ignore)
    return Drift(changes, tuple(file.version for file in applied), (*notes, *note))


async def async_look_around(connection: AsyncConnection[Any]) -> Surroundings:
    """What a replay has to know of a connection's server and database."""
    databases, schemas, path = await async_fetch(
        connection, _DATABASES, _SCHEMAS, "SHOW search_path"
    )
    return Surroundings(
        await async_which_server(connection),
        frozenset(row[0] for row in databases),
        frozenset(row[0] for row in schemas),
        str(path[0][0]),
    )


async def async_made_by(
    database: AsyncDatabase,
    files: Sequence[MigrationFile],
    settings: Mapping[str, str],
    around: Surroundings,
) -> tuple[m.Schema, tuple[str, ...]]:
    """The catalog that files make on a scratch database, and what to know about it."""
    settings = {**around.settings(), **settings}
    before = around.before(files)
    reason = shared(files, around.databases, around.schemas)
    if reason is None:
        try:
            async with async_scratch_beside(database) as scratch:
                return await async_replay(scratch, files, settings, before), ()
        except psycopg.errors.InsufficientPrivilege:
            reason = "this user may not create databases"
    try:
        async with async_scratch_apart(around.server.engine, type(database)) as scratch:
            async with await scratch.dedicated() as connection:
                other = await async_which_server(connection)
            expected = await async_replay(scratch, files, settings, before)
    except SchemaError as error:
        raise SchemaError(
            f"The migrations could not be replayed on the server itself, since {reason}."
            f" {error.message}",
            hint=error.hint,
        ) from error
    return expected, (f"replayed on {other} of our own, since {reason}",)
