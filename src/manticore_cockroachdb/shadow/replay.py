# Generated from async_replay.py by tools/unasync.py; do not edit.
"""Make a database from SQL: from the files of migrations, or from a dump.

Both run on a scratch database (`scratch`) and are thrown away once their catalog is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from ..backfill.inline import InlineBackfills
from ..errors import MigrationError, SchemaError
from ..migrations.choose import Allowances, Recorded, resolve
from ..migrations.file import MigrationFile
from ..migrations.objects import arranged
from ..migrations.repeatable import Repeatable
from ..outcome import names_nothing
from ..parser import client
from ..parser.quoting import quote
from ..parser.split import Unterminated, excerpt, line_column, split
from ..retry import RetryPolicy
from ..runner.bookkeeping import ORDERED_COLUMNS
from ..runner.events import Event
from ..runner.home import Home
from ..runner.run import Run
from ..runner.session import Session
from ..schema import model as m
from ..schema.read import read, which_server
from ..schema.render import render

if TYPE_CHECKING:
    from ..database import Database
    from ..migrations.hooks import Hooks

_LET_PASS = Allowances(out_of_order=True, changed=True, missing=True)
_LEASE = 30.0
# What older versions of CockroachDB hide some of their syntax behind.
_EXPERIMENTS = (
    "SET experimental_enable_hash_sharded_indexes = on",
    "SET experimental_enable_unique_without_index_constraints = on",
    "SET enable_experimental_alter_column_type_general = on",
)


def replay(
    scratch: Database,
    files: Sequence[MigrationFile],
    settings: Mapping[str, str],
    before: Sequence[str] = (),
    repeatable: Sequence[Repeatable] = (),
    hooks: Hooks | None = None,
    home: Home | None = None,
) -> m.Schema:
    """The catalog that these migrations, and then repeatable files, make of an empty database.

    ``before`` are statements that run first, ``hooks`` what runs around the migrations, ``home``
    a schema, there already, that all happens in. Raises SchemaError when a migration fails there.
    """
    if before:
        with scratch.dedicated() as connection:
            for statement in before:
                connection.execute(statement.encode())
    files = [replace(file, environments=()) for file in files]
    session = Session(scratch, settings, _ignore, home=home)
    session.open()
    try:
        run = _run(session, files)
        session.read_applied()
        objects = arranged(repeatable) if repeatable else None
        first_look = resolve(files, (), (), None)
        run.up(files, first_look, None, fresh=True, objects=objects, hooks=hooks)
    except MigrationError as error:
        said, _, hint = str(error).partition("\nhint: ")
        raise SchemaError(
            f"The migrations cannot be replayed on an empty database: {said}",
            hint=hint or "a migration must not rely on data or objects that no migration made",
        ) from error
    finally:
        session.close()
    return read(scratch)


def _run(session: Session, files: Sequence[MigrationFile]) -> Run:
    return Run(
        session,
        ttl=_LEASE,
        wait=_LEASE,
        allow=_LET_PASS,
        environment=None,
        policy=RetryPolicy(),
        backfills=InlineBackfills(files, finish=True),
    )


def take_back(
    scratch: Database, files: Sequence[MigrationFile], settings: Mapping[str, str]
) -> None:
    """Roll all of these migrations back. Raises SchemaError when one fails."""
    session = Session(scratch, settings, _ignore)
    session.open()
    try:
        rows = session.read_applied(ORDERED_COLUMNS) or ()
        statuses = resolve(files, [Recorded(*row) for row in rows], (), None)
        _run(session, files).down(files, statuses, len(files), None)
    except MigrationError as error:
        raise SchemaError(
            f"The undo part does not run: {error.message}", hint=error.hint
        ) from error
    finally:
        session.close()


def make_home(scratch: Database, home: Home, around: str) -> None:
    """Make a tenant's schema in an empty database, and what is ``around`` it."""
    if around:
        load_dump(scratch, around, f"the schemas {', '.join(home.behind)}")
    with scratch.dedicated() as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(home.schema)}".encode())


def around_home(schema: m.Schema, home: Home) -> str:
    """What a tenant's migrations may rely on in the schemas behind its own, as SQL."""
    return render(schema.within(home.behind)) if home.behind else ""


def load_dump(scratch: Database, text: str, path: str) -> m.Schema:
    """The catalog that a dump makes of an empty database.

    Raises SchemaError, with line and column, when a statement of it fails.
    """
    text = client.without(text)
    with scratch.dedicated() as connection:
        _prepare(connection)
        offset = 0
        try:
            for offset, end in split(text):
                connection.execute(text[offset:end].encode())
        except Unterminated as error:
            raise _bad(path, text, error.offset, f"unterminated {error.kind}") from error
        except psycopg.Error as error:
            position = error.diag.statement_position
            offset += int(position) - 1 if position else 0
            message = error.diag.message_primary or str(error)
            raise _bad(path, text, offset, message) from error
    return read(scratch)


def run_statements(scratch: Database, statements: Sequence[str], whose: str) -> m.Schema:
    """The catalog that statements make of an empty database, in their order.

    Raises SchemaError with the statement that fails.
    """
    with scratch.dedicated() as connection:
        _prepare(connection)
        for text in statements:
            for start, end in split(text):
                try:
                    connection.execute(text[start:end].encode())
                except psycopg.Error as error:
                    shown = " ".join(text[start:end].split())
                    raise SchemaError(
                        f"{whose} does not make a schema: {error.diag.message_primary or error},"
                        f" in {shown[:200]}",
                        hint="what models need besides tables, such as an extension, has to be"
                        " made by them, too: by a DDL event of SQLAlchemy's, for example",
                    ) from error
    return read(scratch)


def run_files(scratch: Database, paths: Sequence[Path]) -> m.Schema:
    """The catalog that files of statements make, in whatever order they need each other.

    A statement that misses something waits until others have run. Raises SchemaError, with file,
    line and column, for the first that never can.
    """
    left: list[tuple[str, str, int, int]] = []
    for path in paths:
        text = path.read_text(encoding="utf-8-sig")
        try:
            left += [(str(path), text, start, end) for start, end in split(text)]
        except Unterminated as error:
            raise _bad(str(path), text, error.offset, f"unterminated {error.kind}") from error
    with scratch.dedicated() as connection:
        _prepare(connection)
        while left:
            waiting: list[tuple[str, str, int, int]] = []
            first: SchemaError | None = None
            for path_, text, start, end in left:
                try:
                    connection.execute(text[start:end].encode())
                except psycopg.Error as error:
                    position = error.diag.statement_position
                    offset = start + (int(position) - 1 if position else 0)
                    message = error.diag.message_primary or str(error)
                    first = first or _bad(path_, text, offset, message)
                    if not names_nothing(error.sqlstate):
                        raise first from error
                    waiting.append((path_, text, start, end))
            if len(waiting) == len(left):
                assert first is not None
                raise first
            left = waiting
    return read(scratch)


def _prepare(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let an older CockroachDB take all of its own syntax."""
    server = which_server(connection)
    if server.engine == "cockroachdb":
        for experiment in _EXPERIMENTS:
            _try(connection, experiment)


def _try(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error:
        return  # a version that needs no such setting any more, or knows it not yet


def _bad(path: str, text: str, offset: int, message: str) -> SchemaError:
    line, column = line_column(text, offset)
    return SchemaError(
        f"{path}:{line}:{column}: the dump does not run: {message}\n{excerpt(text, offset)}",
        hint="a dump is made by `manticore dump`, for the same kind of server",
    )


def _ignore(_: Event) -> None:
    """Nobody wants to know."""
