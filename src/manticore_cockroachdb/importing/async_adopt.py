"""The old tool's history becomes ours, once the files have been proven on a scratch database.

`async_examine` changes nothing: it reads the old history, refuses what is dirty or unknown, replays
the applied files on a scratch database and compares that with the live one. What it found is then
recorded by `AsyncMigrator.carry_over`, in one transaction under the lease. The old table is only
ever read: the old tool works on until the switch. Rows that are there already stay, so a second
time changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import HistoryError
from ..migrations import foreign
from ..migrations.file import MigrationFile
from ..migrations.repeatable import Repeatable
from ..parser.quoting import literal, qualified
from ..runner.bookkeeping import Carried
from ..schema import model as m
from ..schema.async_read import async_read, async_read_from
from ..schema.changes import without
from ..schema.diff import Change, compare
from ..schema.render import render
from ..shadow.async_drift import async_replay_context, async_replayed
from .convert import BASELINE, Conversion, Converted, with_baseline
from .model import Applied, Finding, Findings, Old, Reader
from .theirs import without_theirs

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..async_migration import AsyncMigrator


@dataclass(frozen=True, slots=True)
class Adoption:
    """What can become of a history.

    ``table`` is the old one, None where the database has none. ``applied`` and ``pending`` are
    versions of ours, ``new`` what our history does not have yet. ``changes`` say what the live
    database has otherwise than the applied files make.
    """

    table: str | None
    applied: tuple[int, ...]
    pending: tuple[int, ...]
    new: tuple[Carried, ...]
    changes: tuple[Change, ...]
    refused: tuple[Finding, ...]
    notes: tuple[Finding, ...]


async def async_histories(database: AsyncDatabase) -> list[tuple[str, str, str]]:
    """The histories of other tools that a database has: tool, schema, table."""
    rows = await database.execute(foreign.histories_query())
    triples = [tuple(str(value) for value in row.values()) for row in rows]
    found = []
    for tool, name in foreign.histories([(s, t, c) for s, t, c in triples]):
        schema, table = next((s, t) for s, t, _ in triples if f"{s}.{t}" == name)
        found.append((tool.name, schema, table))
    return found


async def async_examine(
    migrator: AsyncMigrator,
    conversion: Conversion,
    reader: Reader,
    *,
    table: str | None = None,
    ignore: Sequence[str] = (),
) -> Adoption:
    """Read the old tool's history and prove the files that it says are applied, see the module.

    ``table`` names its table where it has not the usual name, ``ignore`` what the comparison leaves
    out. Raises HistoryError where the old history cannot be told, SchemaError where the files
    cannot be replayed.
    """
    found = Findings()
    home, applied = await _applied(
        migrator, reader, [one.old for one in conversion.files], table, found
    )
    pairs, pending = _matched(conversion, applied, found)
    repeatable = conversion.repeatable
    return await _judged(migrator, reader, home, pairs, pending, found, ignore, repeatable)


async def async_baseline(
    migrator: AsyncMigrator,
    reader: Reader,
    olds: Sequence[Old],
    found: Findings,
    version: int,
    *,
    table: str | None = None,
    ignore: Sequence[str] = (),
) -> tuple[Conversion, Adoption]:
    """The same with one file, the schema as it is, in place of all that is applied.

    ``olds`` and ``found`` are what `read.read_olds` gave; none for a tool whose migrations are
    programs. Raises HistoryError where the old history cannot be told.
    """
    home, applied = await _applied(migrator, reader, olds, table, found)
    actual = _without_theirs(await async_read(migrator.db), reader, home)
    keys = {what.key for what in applied}
    conversion = with_baseline(reader.name, olds, found, keys, version, render(actual))
    times = [what.at for what in applied if what.at is not None]
    whole = Applied(BASELINE, max(times, default=None))
    after = Findings()
    pairs, pending = _matched(conversion, [whole] if conversion.files else [], after)
    return conversion, await _judged(migrator, reader, home, pairs, pending, after, ignore)


async def _applied(
    migrator: AsyncMigrator,
    reader: Reader,
    olds: Sequence[Old],
    table: str | None,
    found: Findings,
) -> tuple[tuple[str, str] | None, list[Applied]]:
    """Where the old history is, and what it says is applied."""
    database = migrator.db
    if reader.ledger is None:  # manticore 0.3.1, whose history is ours already
        return None, [
            Applied(str(row["version"])) for row in await migrator.get_applied_migrations()
        ]
    home = await _home(database, reader, table)
    if home is None:
        found.note("", None, f"the database has no history of {reader.name}'s: nothing is applied")
        return None, []
    rows = await database.execute(reader.ledger.query(qualified(*home)))
    await _not_at_work(database, reader, home[0], found)
    return home, reader.ledger.applied(rows, olds, found)


async def _judged(
    migrator: AsyncMigrator,
    reader: Reader,
    home: tuple[str, str] | None,
    pairs: list[tuple[Converted, Applied]],
    pending: tuple[int, ...],
    found: Findings,
    ignore: Sequence[str],
    repeatable: Sequence[Repeatable] = (),
) -> Adoption:
    """Compare with what manticore knows, then with a replay."""
    files = [one.file for one, _ in pairs]
    own = await migrator.get_applied_migrations()
    _agree(own, files, found)
    changes: tuple[Change, ...] = ()
    if not found.refused:
        changes, notes = await _differences(migrator, files, reader, home, ignore, repeatable)
        for note in notes:
            found.note("", None, note)
    known = {row["version"] for row in own}
    return Adoption(
        table=None if home is None else f"{home[0]}.{home[1]}",
        applied=tuple(file.version for file in files),
        pending=pending,
        new=tuple(
            Carried(one.file, what.at, what.by)
            for one, what in pairs
            if one.file.version not in known
        ),
        changes=changes,
        refused=tuple(found.refused),
        notes=tuple(found.notes),
    )


async def _home(
    database: AsyncDatabase, reader: Reader, table: str | None
) -> tuple[str, str] | None:
    """Schema and name of the old tool's table. Raises HistoryError where that cannot be told."""
    if table is not None:
        schema, dot, name = table.rpartition(".")
        where = f" AND n.nspname = {literal(schema)}" if dot else ""
        rows = await database.execute(
            "SELECT n.nspname AS schema FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE c.relname = {literal(name)} AND c.relkind IN ('r', 'p'){where}"
        )
        found = [(str(row["schema"]), name) for row in rows]
        if not found:
            raise HistoryError(
                f"The database has no table {table}.", hint="write --table SCHEMA.NAME"
            )
    else:
        every = await async_histories(database)
        found = [(schema, name) for tool, schema, name in every if tool == reader.name]
        if not found and every:
            others = ", ".join(f"{tool}'s {schema}.{name}" for tool, schema, name in every)
            raise HistoryError(
                f"The database has no history of {reader.name}'s, but {others}.",
                hint="name the tool whose history it is, or its table: --table SCHEMA.NAME",
            )
    if len(found) > 1:
        names = ", ".join(f"{schema}.{name}" for schema, name in found)
        raise HistoryError(
            f"The database has {len(found)} histories of {reader.name}'s: {names}.",
            hint="say which one: --table SCHEMA.NAME",
        )
    return found[0] if found else None


async def _not_at_work(
    database: AsyncDatabase, reader: Reader, schema: str, found: Findings
) -> None:
    """Refuse while the old tool holds its own lock."""
    assert reader.ledger is not None
    for name, condition in reader.ledger.held.items():
        there = await database.execute(
            "SELECT 1 FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE c.relname = {literal(name)} AND n.nspname = {literal(schema)}"
        )
        if not there:
            continue
        rows = await database.execute(f"SELECT 1 FROM {qualified(schema, name)} WHERE {condition}")
        if rows:
            found.refuse(
                "",
                None,
                f"the table {schema}.{name} says that {reader.name} is at work, or died at it",
                "let it finish, or free its lock with its own command",
            )


def _matched(
    conversion: Conversion, applied: Sequence[Applied], found: Findings
) -> tuple[list[tuple[Converted, Applied]], tuple[int, ...]]:
    """The files that the history says are applied, in order; and the versions of the others."""
    by_key = {one.old.key: one for one in conversion.files}
    pairs: dict[int, tuple[Converted, Applied]] = {}
    for what in applied:
        one = by_key.get(what.key)
        if one is None:
            found.refuse(
                "",
                None,
                f"{what.key} is applied and has no file",
                "bring its file back, or begin with the schema as it is: --baseline-from VERSION",
            )
        elif None not in (what.checksum, one.old.checksum) and what.checksum != one.old.checksum:
            found.refuse(
                one.old.origin[0] if one.old.origin else "",
                None,
                "was changed after it was applied: the old history has another checksum",
                "undo the change; the old tool would refuse it as well",
            )
        else:
            pairs[one.file.version] = (one, what)
    newest = max(pairs, default=-1)
    pending = tuple(o.file.version for o in conversion.files if o.file.version not in pairs)
    for one in conversion.files:
        if one.file.version in pending and one.file.version < newest:
            found.note(
                one.old.origin[0] if one.old.origin else "",
                None,
                f"is not applied, although a newer one is; `manticore migrate` applies"
                f" {one.file.version} with --allow-out-of-order only",
            )
    return [pairs[version] for version in sorted(pairs)], pending


def _agree(own: Sequence[dict[str, object]], files: list[MigrationFile], found: Findings) -> None:
    """Refuse where our own history knows one of the versions, and something else by it."""
    by_version = {file.version: file for file in files}
    for row in own:
        version = row["version"]
        assert isinstance(version, int)
        file = by_version.get(version)
        if file is not None and row.get("checksum") not in (None, file.checksum):
            found.refuse(
                file.path,
                None,
                f"manticore's own history has another migration {version} already",
                "import into a database without a history of manticore's, or with the same one",
            )


def _without_theirs(schema: m.Schema, reader: Reader, home: tuple[str, str] | None) -> m.Schema:
    """The catalog without what the old tool has made for itself."""
    if home is None or reader.ledger is None:
        return schema
    return without_theirs(schema, home[0], {home[1], *reader.ledger.tables}, reader.ledger.schemas)


async def _differences(
    migrator: AsyncMigrator,
    files: list[MigrationFile],
    reader: Reader,
    home: tuple[str, str] | None,
    ignore: Sequence[str],
    repeatable: Sequence[Repeatable],
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """What the live database has otherwise than these files make on a scratch database."""
    async with await migrator.db.dedicated() as connection:
        context = await async_replay_context(connection)
        actual = await async_read_from(connection)
    expected, notes = await async_replayed(
        migrator.db, files, migrator.settings, context, repeatable
    )
    expected = _without_theirs(expected, reader, home)
    actual = _without_theirs(actual, reader, home)
    return without(compare(expected, actual), ignore), notes
