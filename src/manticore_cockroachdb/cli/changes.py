"""Differences between schemas as a result, and where the two schemas come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConfigError
from .call import Call
from .render import safe
from .terminal import Style

if TYPE_CHECKING:
    from ..database import Database
    from ..schema.diff import Change
    from ..schema.model import Schema

Place: TypeAlias = "Database | Path"
_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def lines(changes: Sequence[Change], style: Style) -> list[str]:
    """The changes for a person, a colour for each sign."""
    from ..schema.report import as_text

    found = [safe(line) for line in as_text(changes).split("\n")]
    return [style(line, *_colour(line)) for line in found]


def _colour(line: str) -> tuple[str, ...]:
    colour = _COLOURS.get(line.lstrip()[:1])
    return (colour,) if colour else ()


@contextmanager
def places(call: Call, names: Sequence[str]) -> Iterator[list[Place]]:
    """What ``names`` mean: URLs, names of environments, dumps, directories of migrations.

    A single one is compared with the command's own database. Raises ConfigError for what is
    none of them.
    """
    found: list[Place] = []
    try:
        if len(names) == 1:
            found.append(call.open_database())
        for name in names:
            found.append(_place(call, name))
        yield found
    finally:
        for place in found:
            if not isinstance(place, Path):
                place.close()


def _place(call: Call, name: str) -> Place:
    from ..shadow.sources import is_url, shown

    path = Path(name)
    if path.is_dir() or (path.suffix == ".sql" and path.is_file()):
        return path
    if is_url(name) or name.startswith("env:"):
        return call.open_database(name)
    other = Call(replace(call.given, env=name, url=None), call.voice)
    try:
        url, origin = other.settings.url, other.settings.url_from
    except ConfigError:
        url, origin = None, ""
    if url is None or not origin.startswith("environment"):
        raise ConfigError(
            f"{shown(name)} is no URL, no dump, no directory and no environment with a URL.",
            hint="give a URL, a file that ends in .sql, a directory of migrations, or the name"
            " of an environment of the configuration",
        )
    return other.open_database()


def schemas(call: Call, names: Sequence[str]) -> tuple[Schema, Schema]:
    """The two schemas that ``names`` mean, see `places`."""
    from ..database import Database
    from ..shadow.sources import schemas_of

    with places(call, names) as found:
        one, two = schemas_of(found, Database)
    return one, two
