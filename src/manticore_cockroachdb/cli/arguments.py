"""What a person types on a command line, made into what it means: a version, a schema."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ..errors import ConfigError
from .call import Call
from .settings import VARIABLES

if TYPE_CHECKING:
    from ..database import Database
    from ..dialect import Engine
    from ..migrations.values import Values
    from ..schema.model import Schema
    from ..shadow.sources import Compared, Models

Place: TypeAlias = "Database | Path | Models"
HISTORY = "history"
"""The word for what the command's own migrations make."""


class Versioned(Protocol):
    """Something with a version: a file, or a row of the history."""

    @property
    def version(self) -> int: ...


def known_version(text: str, known: Iterable[Versioned], directory: Path) -> int:
    """Return the version that a text means. Raises ConfigError, or UnknownVersion."""
    from ..migrations.choose import check_known, parse_version

    version = parse_version(text)
    assert version is not None
    check_known(version, (one.version for one in known), directory)
    return version


@contextmanager
def _places(call: Call, names: Sequence[str], python: str | None) -> Iterator[list[Place]]:
    """What ``names`` mean: URLs, names of environments, dumps, directories of migrations, models.

    A single one is compared with the command's own database. Raises ConfigError for what is
    none of them.
    """
    from ..database import Database

    found: list[Place] = []
    try:
        if len(names) == 1:
            found.append(call.open_database())
        for name in names:
            found.append(_place(call, name, python))
        yield found
    finally:
        for place in found:
            if isinstance(place, Database):
                place.close()


def _place(call: Call, name: str, python: str | None) -> Place:
    from ..shadow.sources import is_url, models_of, shown

    path = Path(name)
    if name == HISTORY and not path.exists():
        return Path(call.settings.dir)
    if (models := models_of(name, python)) is not None:
        return models
    if path.is_dir() or (path.suffix == ".sql" and path.is_file()):
        return path
    if is_url(name) or name.startswith("env:"):
        return call.open_database(name)
    # Its own url, or that of the configuration's top; but no variable, which would stand for
    # either of two environments without one.
    environ = {k: v for k, v in os.environ.items() if k not in (VARIABLES["url"], "DATABASE_URL")}
    other = Call(replace(call.given, env=name, url=None), call.console, environ=environ)
    try:
        known, url = name in other.settings.environments, other.settings.url
    except ConfigError:
        known, url = False, None
    if known and url is None:
        raise ConfigError(
            f"The environment {name} has no url in the configuration, nor has its top.",
            hint='give a URL, or write one into the configuration, such as url = "env:NAME"',
        )
    if not known:
        raise ConfigError(
            f"{shown(name)} is no URL, no dump, no directory and no environment.",
            hint="give a URL, a file that ends in .sql, a directory, history, the name of an"
            " environment of the configuration, sqlalchemy:MODULE:NAME or django:SETTINGS",
        )
    return other.open_database()


def named_schemas(
    call: Call,
    names: Sequence[str],
    *,
    on: Engine | None = None,
    renames: Sequence[str] = (),
    python: str | None = None,
) -> Compared:
    """The two schemas that ``names`` mean, see `_places`; ``renames`` are done to the first."""
    from ..database import Database
    from ..shadow.sources import schemas_of

    with _places(call, names, python) as found:
        return schemas_of(found, Database, on=on, renames=renames, values=_values(call))


def named_schema(
    call: Call, name: str, *, on: Engine | None = None, python: str | None = None
) -> Schema:
    """The schema that one name means, see `_places`."""
    from ..database import Database
    from ..shadow.sources import schema_of_one

    place = _place(call, name, python)
    try:
        return schema_of_one(place, Database, on=on, values=_values(call))
    finally:
        if isinstance(place, Database):
            place.close()


def _values(call: Call) -> Values:
    from ..migrations.values import values_of

    return values_of(dict(call.settings.variables), os.environ)


def engine_of(name: str | None) -> Engine | None:
    """The engine of an option that only has engines to choose from."""
    return "cockroachdb" if name == "cockroachdb" else "postgresql" if name else None
