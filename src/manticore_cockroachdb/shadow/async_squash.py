"""Squash: many migrations as one file, proven on scratch databases to make the same.

The old files are replayed, and the schema they make is written down; the new file is replayed, and
must make that schema, with the same rows and privileges. Where only rows differ that repeatable
files put there (a seed that was moved to one), whole directories are compared: everything as it
was against everything as it would be. Nothing is written to a disk here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import LONGEST_NAME, Engine
from ..errors import FileError, SchemaError, UnknownVersion, raise_all
from ..migrations.file import MigrationFile, parse_file
from ..migrations.repeatable import Repeatable
from ..migrations.squash import Squash, entries_of, folder_of
from ..schema import model as m
from ..schema.async_read import async_fetch, async_read
from ..schema.changes import as_text
from ..schema.diff import compare
from ..schema.draft import draft
from . import remains as r
from .async_drift import async_replay_context
from .async_replay import async_replay, async_take_back
from .async_scratch import AsyncScratch
from .replay_context import ReplayContext
from .risks import shared
from .squashing import Beside, beside, names_public, squash_text, with_rows, without_public

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..migrations.hooks import Hooks

_SHOWN = 12  # lines of a difference in a message


@dataclass(frozen=True, slots=True)
class _Made:
    """What files made of an empty database."""

    before: m.Schema
    schema: m.Schema
    remains: r.Remains


async def async_squash(
    database: AsyncDatabase,
    directory: Path,
    every: Sequence[MigrationFile],
    version: int,
    *,
    settings: Mapping[str, str],
    repeatable: Sequence[Repeatable] = (),
    hooks: Hooks | None = None,
    undo: bool = False,
    on: Engine | None = None,
) -> Squash:
    """The squash of all files up to ``version``, proven and not written.

    Raises UnknownVersion; FileError, with file and line, for what cannot be squashed; SchemaError
    where the old files cannot be replayed, or where the squashed file does not make the same.
    """
    old = [file for file in every if file.version <= version]
    if not old or old[-1].version != version:
        raise UnknownVersion(
            f"No migration has version {version}.",
            version=version,
            hint="name the last migration that is to be squashed; manticore status lists them",
        )
    if len(old) == 1:
        raise FileError(
            f"Up to version {version} there is nothing to squash but that file itself.",
            path=old[0].path,
            version=version,
            hint="name a later version",
        )
    found = beside(old)
    entries = entries_of(old)
    name = _name(directory, version)
    later = [file for file in every if file.version > version]
    trial = await _Trial.on(database, [*old, *later], settings, repeatable, hooks, on)
    was = await trial.replay(old, hint="squash up to a version that can be replayed")
    back = draft(was.before, was.schema).down if undo else None
    text = squash_text(entries, _without(was.schema, was.before), found, back)
    path = str(directory / name)
    hint = _CARRIED if found.carried else None
    new, now = None, None
    if not names_public(old):  # what runs in whichever schema is first in the path stays so
        new = parse_file(name, without_public(text), path)
        try:
            now = await trial.replay([new], hint=hint, undo=undo)
            _same_schema(was, now, found)
        except SchemaError:
            new, now = None, None
    if new is None or now is None:
        new = parse_file(name, text, path)
        now = await trial.replay([new], hint=hint, undo=undo)
        _same_schema(was, now, found)
    text = new.text
    missing = _lost(was.remains, now.remains)
    notes = [*found.notes]
    if missing and repeatable:
        was = await trial.replay([*old, *later], repeatable)
        now = await trial.replay([new, *later], repeatable)
        _same_schema(was, now, found)
        missing = _lost(was.remains, now.remains)
        notes.append("rows come from repeatable files; everything was replayed with them")
    if missing:
        longest = LONGEST_NAME if was.schema.engine == "postgresql" else None
        raise_all([_of_rows(old, *key, n, longest) for key, n in missing.items()])
    _same_positions(was.remains, now.remains)
    if hooks:
        was = await trial.replay([*old, *later], repeatable, hooks)
        now = await trial.replay([new, *later], repeatable, hooks)
        _same_schema(was, now, found)
    if trial.note is not None:
        notes.append(trial.note)
    numbers = tuple(dict.fromkeys(one.version for one in entries))
    return Squash(version, path, text, numbers, folder_of(new), tuple(notes))


def _without(schema: m.Schema, before: m.Schema) -> m.Schema:
    """A schema without the namespaces and extensions that were there before anything ran."""
    return replace(
        schema,
        namespaces=tuple(one for one in schema.namespaces if one not in before.namespaces),
        extensions=tuple(one for one in schema.extensions if one not in before.extensions),
    )


_CARRIED = (
    "statements that a dump does not hold are carried over as written, the line above each says"
    " where from; squash up to a version before one that cannot stand there"
)


class _Trial:
    """Where files are replayed: beside the database, or on a server of our own."""

    def __init__(
        self, scratch: AsyncScratch, settings: Mapping[str, str], context: ReplayContext | None
    ) -> None:
        self.scratch = scratch
        self.settings = settings
        self.context = context

    @classmethod
    async def on(
        cls,
        database: AsyncDatabase,
        files: Sequence[MigrationFile],
        settings: Mapping[str, str],
        repeatable: Sequence[Repeatable],
        hooks: Hooks | None,
        on: Engine | None,
    ) -> _Trial:
        """Decide where."""
        if on is not None:
            return cls(AsyncScratch(database, on=on), settings, None)
        async with await database.dedicated() as connection:
            context = await async_replay_context(connection)
        reason = shared(files, context.databases, context.schemas, repeatable, hooks)
        scratch = AsyncScratch(database, reason=reason)
        return cls(scratch, {**context.settings(), **settings}, context)

    @property
    def note(self) -> str | None:
        """What to know of the place."""
        if self.scratch.reason is None:
            return None
        return f"replayed on a server of our own, since {self.scratch.reason}"

    async def replay(
        self,
        files: Sequence[MigrationFile],
        repeatable: Sequence[Repeatable] = (),
        hooks: Hooks | None = None,
        *,
        hint: str | None = None,
        undo: bool = False,
    ) -> _Made:
        """What files make; with ``undo`` what takes them back is tried too."""
        async with self.scratch.database() as empty:
            async with await empty.dedicated() as connection:
                for statement in self.context.before(files) if self.context else ():
                    await connection.execute(statement.encode())
            before = await async_read(empty)
            try:
                schema = await async_replay(empty, files, self.settings, (), repeatable, hooks)
            except SchemaError as error:
                raise SchemaError(error.message, hint=hint or error.hint) from error
            made = _Made(before, schema, await _remains(empty, schema))
            if undo:
                await async_take_back(empty, files, self.settings)
                if changes := compare(before, await async_read(empty)):
                    raise SchemaError(
                        "The undo part that takes back everything would leave\n"
                        f"{_shown(as_text(changes).splitlines())}",
                        hint="squash without --undo, and write the undo part by hand if there is"
                        " to be one",
                    )
            return made


async def _remains(database: AsyncDatabase, schema: m.Schema) -> r.Remains:
    """What a database has besides its schema."""
    cockroachdb = schema.engine == "cockroachdb"
    rows: dict[tuple[str, str], tuple[int, str]] = {}
    sequences: dict[tuple[str, str], str] = {}
    async with await database.dedicated() as connection:
        if schema.tables:
            for i, number in (await async_fetch(connection, r.counts(schema.tables)))[0]:
                if number:
                    table = schema.tables[i]
                    query = r.content(table)
                    found = (await async_fetch(connection, query))[0] if query else []
                    rows[table.key] = (number, r.digest(found))
        if schema.sequences:
            query = r.positions(schema.sequences, cockroachdb=cockroachdb)
            for home, name, where in (await async_fetch(connection, query))[0]:
                sequences[home, name] = where
        query = r.PRIVILEGES_COCKROACHDB if cockroachdb else r.PRIVILEGES_POSTGRESQL
        told = (await async_fetch(connection, query))[0]
    privileges = frozenset(tuple(str(cell or "") for cell in row) for row in told)
    return r.Remains(rows, sequences, privileges)


def _same_schema(was: _Made, now: _Made, found: Beside) -> None:
    """Raise SchemaError where the squashed file makes another schema, or other privileges."""
    if changes := compare(was.schema, now.schema):
        raise SchemaError(
            "The squashed file would not make the same schema; nothing has been written:\n"
            f"{_shown(as_text(changes).splitlines())}",
            hint="- is what the old files make, + what the squashed one makes; squash up to a"
            " version before what differs came to be",
        )
    if was.remains.privileges != now.remains.privileges:
        one, other = was.remains.privileges, now.remains.privileges
        lines = [f"- {' '.join(row)}" for row in sorted(one - other)]
        lines += [f"+ {' '.join(row)}" for row in sorted(other - one)]
        places = ", ".join(one.where for one in found.carried) or "the migrations"
        raise SchemaError(
            "The squashed file would not give the same owners and privileges; nothing has been"
            f" written:\n{_shown(lines)}",
            hint=f"they come from {places}; give them in a repeatable file instead",
        )


def _lost(was: r.Remains, now: r.Remains) -> dict[tuple[str, str], int]:
    """The tables whose rows would be others, with how many the old files leave there."""
    keys = [key for key in {**was.rows, **now.rows} if was.rows.get(key) != now.rows.get(key)]
    return {key: was.rows.get(key, (0, ""))[0] for key in sorted(keys)}


def _of_rows(
    files: Sequence[MigrationFile], schema: str, table: str, count: int, longest: int | None
) -> FileError | SchemaError:
    rows = "1 row" if count == 1 else f"{count:,} rows"
    message = f"The old files leave {rows} in {table} that a squashed one would not make."
    if not count:
        message = f"A squashed file would leave rows in {table} that the old ones do not."
    error = with_rows(files, schema, table, message, longest)
    return error or SchemaError(message, hint="squash up to a version before they come to be")


def _same_positions(was: r.Remains, now: r.Remains) -> None:
    moved = [
        name for (_, name), where in was.sequences.items() if now.sequences.get((_, name)) != where
    ]
    if moved:
        raise SchemaError(
            f"The old files leave the sequence {moved[0]} at another value than a new one has.",
            hint="squash up to a version before the statement that moves it (setval, nextval or an"
            " INSERT)",
        )


def _shown(lines: Sequence[str]) -> str:
    more = [f"… and {len(lines) - _SHOWN:,} lines more"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])


def _name(directory: Path, version: int) -> str:
    """A file name that is free."""
    names = (f"{version}_squashed{'' if i == 1 else f'_{i}'}.sql" for i in range(1, 1000))
    return next(name for name in names if not (directory / name).exists())


def with_path(found: Squash, path: str) -> Squash:
    """The same, as written to a path."""
    return replace(found, path=path, written=True)
