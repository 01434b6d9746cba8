# Generated from async_sources.py by tools/unasync.py; do not edit.
"""Whatever can be compared, as a catalog: a database, a URL, a dump, a directory of migrations, a
file or folder of CREATE statements, the models of SQLAlchemy and of Django.

What has to be made is made on a scratch database by the server itself, and read back from there;
so everything that a server knows of a schema is compared, whatever it was written in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import psycopg

from .._acompat import blocking
from ..dialect import Engine
from ..errors import ConfigError, SchemaError
from ..interpreter import ask
from ..migrations.directory import BESIDE, HOOKS, load, load_repeatable
from ..migrations.hooks import hooks_of
from ..parser.quoting import quote
from ..schema import model as m
from ..schema.read import read
from ..schema.rename import Rename, followers, rename
from ..schema.render import render
from .drift import replay_context, replayed
from .replay import load_dump, run_files, run_statements
from .scratch import Scratch, scratch_apart

if TYPE_CHECKING:
    from ..database import Database
    from ..migrations.values import Values

MODELS = ("sqlalchemy", "django")
_HARMLESS = re.compile(r"[\w./\\ -]+")
Source: TypeAlias = Union["Database", m.Schema, str, Path, "Models", "Written"]


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a project: ``kind`` is one of `MODELS`, ``target`` ``package.module:name`` for
    SQLAlchemy and the module of the settings for Django. ``python`` is the interpreter that has
    them, by default ours; ``directory`` where it runs."""

    kind: str
    target: str
    python: str | None = None
    directory: Path = Path()


def models_of(text: str, python: str | None = None) -> Models | None:
    """The models that a text such as ``sqlalchemy:app.models:Base`` names; None if it is none."""
    kind, colon, target = text.partition(":")
    if kind not in MODELS or not colon or not target or target.startswith("//"):
        return None
    return Models(kind, target, python)


def is_url(text: str) -> bool:
    """Whether a text names a database rather than a file: a URL, ``local:`` or ``host=…``."""
    return "://" in text or "=" in text or text.startswith("local:")


def shown(text: str) -> str:
    """A text as a message may have it: one that could hold a password is not repeated."""
    return repr(text) if _HARMLESS.fullmatch(text) else "What was given"


def schema_of(source: Source, beside: Database, values: Values | None = None) -> m.Schema:
    """The catalog of a source; ``values`` are those of the variables of migrations.

    A dump, and a directory of migrations, is run on a scratch database on the server of
    ``beside``, or on one of our own. Raises ConfigError for a source that is none, SchemaError
    for one that cannot be run.
    """
    if isinstance(source, m.Schema):
        return source
    if isinstance(source, str) and (named := models_of(source)) is not None:
        source = named
    if isinstance(source, Models | Written):
        return _of_models(source, beside)
    if not isinstance(source, str | Path):
        return read(source)
    path = Path(source)
    if isinstance(source, str) and is_url(source) and not path.exists():
        database = type(beside).from_url(source)
        try:
            return read(database)
        finally:
            database.close()
    if path.is_dir() and is_of_statements(path):
        with Scratch(beside).database() as empty:
            return run_files(empty, sorted(path.rglob("*.sql")))
    if path.is_dir():
        return _of_migrations(path, beside, values)
    if path.suffix == ".sql" and path.is_file():
        return schema_of_dump(path, beside)
    raise ConfigError(
        f"{shown(str(source))} is no database, no dump and no directory of migrations.",
        hint="give a URL, a file that ends in .sql, a directory, sqlalchemy:MODULE:NAME or"
        " django:SETTINGS",
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """Two catalogs. ``renames`` were done to the first one already."""

    before: m.Schema
    after: m.Schema
    renames: tuple[Rename, ...] = ()


def schemas_of(
    sources: Sequence[Database | Path | Models],
    kind: type[Database],
    *,
    on: Engine | None = None,
    renames: Sequence[str] = (),
    values: Values | None = None,
) -> Compared:
    """The catalogs of two sources; what has to be run is run beside the first database.

    Without one, on a throwaway server of the engine ``on``, or of the one that a dump names in its
    first line. ``renames``, such as ``users.name=full_name``, are done to the first. Raises
    ConfigError for one that cannot be.
    """
    asked = [_written(source) for source in sources]
    beside = next((s for s in sources if not isinstance(s, Path | Models)), None)
    if beside is not None and on is None:
        return _compared(asked, beside, renames, values)
    with scratch_apart(on or _engine(sources), kind) as scratch:
        return _compared(asked, scratch, renames, values)


def schema_of_one(
    source: Database | Path | Models,
    kind: type[Database],
    *,
    on: Engine | None = None,
    values: Values | None = None,
) -> m.Schema:
    """The catalog of one source; see `schemas_of`."""
    if not isinstance(source, Path | Models):
        return read(source)
    asked = _written(source)
    with scratch_apart(on or _engine([source]), kind) as scratch:
        return schema_of(asked, scratch, values)


def _compared(
    sources: Sequence[Database | Path | Models | Written],
    beside: Database,
    renames: Sequence[str],
    values: Values | None,
) -> Compared:
    before, after = [schema_of(source, beside, values) for source in sources]
    if not renames:
        return Compared(before, after)
    done = [rename(before, wish) for wish in renames]
    # The server renames, and so everything that mentions the old name is right.
    with Scratch(beside).database() as empty:
        load_dump(empty, render(before), "what is to be renamed")
        _run(empty, done)
        follow = list(followers(read(empty), after, done))
        _run(empty, follow)
        return Compared(read(empty), after, (*done, *follow))


def _run(database: Database, renames: Sequence[Rename]) -> None:
    with database.dedicated() as connection:
        for one in renames:
            try:
                connection.execute(one.sql.encode())
            except psycopg.Error as error:
                raise SchemaError(
                    f"{one.sql} does not run: {error.diag.message_primary or error}",
                    hint="renames run in the order in which they are given",
                ) from error


def _engine(sources: Sequence[Database | Path | Models]) -> Engine:
    for source in sources:
        if isinstance(source, Path) and source.is_file():
            with source.open(encoding="utf-8-sig", errors="replace") as file:
                if "CockroachDB" in file.readline():
                    return "cockroachdb"
    return "postgresql"


def schema_of_dump(path: Path, beside: Database) -> m.Schema:
    """The catalog that a dump makes on a scratch database."""
    text = path.read_text(encoding="utf-8-sig")
    with Scratch(beside).database() as empty:
        return load_dump(empty, text, str(path))


def _of_migrations(path: Path, beside: Database, values: Values | None) -> m.Schema:
    files, repeatable = load(path, values), load_repeatable(path, values=values)
    hooks = hooks_of(load_repeatable(path, HOOKS, values=values))
    with beside.dedicated() as connection:
        context = replay_context(connection)
    return (replayed(beside, files, {}, context, repeatable, hooks))[0]


def is_of_statements(path: Path) -> bool:
    """Whether a folder holds plain statements rather than migrations: SQL files, at least one of
    which, here or in a folder below, has a name without a version. Repeatable files beside
    migrations are none of these."""
    if any(file.name[:1].isdigit() for file in path.glob("*.sql")):
        return any(
            not file.name[:1].isdigit()
            for file in path.rglob("*.sql")
            if file.relative_to(path).parts[0] not in BESIDE
        )
    return any(not file.name[:1].isdigit() for file in path.rglob("*.sql"))


@dataclass(frozen=True, slots=True)
class Written:
    """What models say, as statements; ``whose`` they are, for messages."""

    whose: str
    statements: tuple[str, ...]


def _written(
    source: Database | Path | Models,
) -> Database | Path | Models | Written:
    """The source, asked for its statements where that needs no database: before a server starts."""
    if not isinstance(source, Models) or source.kind != "sqlalchemy":
        return source
    module, _, name = source.target.partition(":")
    return _asked(source, {"module": module, "name": name, "dialect": "postgresql"})


def _asked(models: Models, request: dict[str, object]) -> Written:
    answer = blocking(
        ask,
        f"{models.kind}_ddl",
        request,
        python=models.python,
        directory=models.directory,
        environment={"DJANGO_SETTINGS_MODULE": models.target} if models.kind == "django" else None,
    )
    schemas = [f"CREATE SCHEMA IF NOT EXISTS {quote(name)}" for name in answer["schemas"]]
    return Written(f"{models.kind}:{models.target}", (*schemas, *answer["statements"]))


def _of_models(source: Models | Written, beside: Database) -> m.Schema:
    """The catalog that models make on a scratch database."""
    with Scratch(beside).database() as empty:
        written = source if isinstance(source, Written) else _written(source)
        if not isinstance(written, Written):
            assert isinstance(source, Models)
            with empty.dedicated() as connection:
                info = connection.info
                database = {**info.get_parameters(), "password": info.password}
            written = _asked(source, {"database": database})
        return run_statements(empty, written.statements, written.whose)
