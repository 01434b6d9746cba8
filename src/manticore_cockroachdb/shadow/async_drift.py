"""Drift: a database against what its applied migrations make, replayed on a scratch database.

Only what the history says is replayed, in order of version, with the files as they are now. The
scratch database is on the same server if that is allowed and safe, see `risks`; otherwise on a
throwaway one, and then versions may differ in how they print an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection

from ..errors import SchemaError
from ..migrations.file import MigrationFile
from ..migrations.repeatable import Repeatable
from ..migrations.squash import known_checksums, squashed_versions
from ..schema import model as m
from ..schema.async_read import async_fetch, async_read_from, async_which_server
from ..schema.changes import Drift, without
from ..schema.diff import compare
from .async_replay import around_home, async_make_home, async_replay
from .async_scratch import AsyncScratch
from .replay_context import ReplayContext
from .risks import shared

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..migrations.hooks import Hooks
    from ..runner.home import Home

_DATABASES = "SELECT datname FROM pg_catalog.pg_database"
_SCHEMAS = "SELECT nspname FROM pg_catalog.pg_namespace"


async def async_find_drift(
    database: AsyncDatabase,
    every: Sequence[MigrationFile],
    rows: Sequence[Mapping[str, Any]],
    settings: Mapping[str, str],
    ignore: Sequence[str] = (),
    repeatable: Sequence[Repeatable] = (),
    ran: Mapping[str, str] | None = None,
    hooks: Hooks | None = None,
    home: Home | None = None,
) -> Drift:
    """What a database has otherwise than its applied migrations make.

    ``every`` are the files there are, ``rows`` those of the history, oldest version first, and
    ``settings`` the session settings of the migrations. ``ignore`` are patterns of what to leave
    out, see `changes.without`. ``repeatable`` are the repeatable files there are, ``ran`` those
    that have run, with their checksums, ``hooks`` what runs around migrations. ``home`` is the
    schema that all happens in, and then the only one that is compared. Raises SchemaError when an
    applied migration has no file or cannot be replayed.
    """
    files = {file.version: file for file in every}
    # What is squashed is replayed by the file that stands for it.
    stands_for = {v: f.version for f in every for v in squashed_versions(f)}
    recorded = {row["version"] for row in rows}
    rows = [row for row in rows if stands_for.get(row["version"]) not in recorded]
    if missing := [row for row in rows if row["version"] not in files]:
        raise SchemaError(
            f"Migration {missing[0]['version']} is applied and has no file to be replayed.",
            hint="restore the file, or forget the migration: manticore repair VERSION",
        )
    applied = [files[row["version"]] for row in rows]
    notes = [
        f"the file of migration {row['version']} is not what was applied"
        for row in rows
        if row.get("checksum") not in known_checksums(files[row["version"]])
    ]
    ran = ran or {}
    objects = [file for file in repeatable if file.name in ran]
    notes += [
        f"the repeatable file {file.name} is not what has run"
        for file in objects
        if file.checksum != ran[file.name]
    ]
    here = {file.name for file in repeatable}
    notes += [
        f"the repeatable file {name} has run and is gone; what it made is not replayed"
        for name in ran
        if name not in here
    ]
    async with await database.dedicated() as connection:
        context = await async_replay_context(connection)
        actual = await async_read_from(connection)
    around = around_home(actual, home) if home else ""
    expected, note = await async_replayed(
        database, applied, settings, context, objects, hooks, home, around
    )
    if home is not None:
        expected, actual = expected.within((home.schema,)), actual.within((home.schema,))
    changes = without(compare(expected, actual), ignore)
    return Drift(changes, tuple(file.version for file in applied), (*notes, *note))


async def async_replay_context(connection: AsyncConnection[Any]) -> ReplayContext:
    """What a replay has to know of a connection's server and database."""
    databases, schemas, path = await async_fetch(
        connection, _DATABASES, _SCHEMAS, "SHOW search_path"
    )
    return ReplayContext(
        await async_which_server(connection),
        frozenset(row[0] for row in databases),
        frozenset(row[0] for row in schemas),
        str(path[0][0]),
    )


async def async_replayed(
    database: AsyncDatabase,
    files: Sequence[MigrationFile],
    settings: Mapping[str, str],
    context: ReplayContext,
    repeatable: Sequence[Repeatable] = (),
    hooks: Hooks | None = None,
    home: Home | None = None,
    around: str = "",
) -> tuple[m.Schema, tuple[str, ...]]:
    """The catalog that files make on a scratch database, and what to know about it; in the schema
    ``home``, with what is ``around`` it."""
    if home is None:
        settings = {**context.settings(), **settings}
    reason = shared(files, context.databases, context.schemas, repeatable, hooks)
    scratch = AsyncScratch(database, reason=reason)
    try:
        async with scratch.database() as empty:
            if home is not None:
                await async_make_home(empty, home, around)
            before = context.before(files) if home is None else ()
            expected = await async_replay(empty, files, settings, before, repeatable, hooks, home)
            if scratch.reason is None:
                return expected, ()
            async with await empty.dedicated() as connection:
                other = await async_which_server(connection)
    except SchemaError as error:
        if scratch.reason is None:
            raise
        raise SchemaError(
            f"The migrations could not be replayed on the server itself, since {scratch.reason}."
            f" {error.message}",
            hint=error.hint,
        ) from error
    return expected, (f"replayed on {other} of our own, since {scratch.reason}",)
