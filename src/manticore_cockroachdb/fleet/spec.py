"""What a fleet is: where its names come from, and which schema, database or URL each name means.

    names + pattern -> targets

Pure. Every mistake that would send one tenant's migrations to another is found here, before anybody
connects: a name that appears twice, two names that mean one place, a pattern without its name, an
empty list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from urllib.parse import quote as percent_encoded

from ..errors import ConfigError, raise_all
from ..suggest import meant, nearest

SOURCES = ("names", "query", "databases", "schemas", "command")
PLACES = ("schema", "database", "url")
DEFAULT_PARALLEL = 8
LONGEST = 63
"""Bytes of a name that PostgreSQL keeps; it cuts off the rest without a word."""
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """A fleet as it is configured.

    One of ``names``, ``query`` (its first column), ``databases`` or ``schemas`` (patterns such as
    ``tenant_*``) and ``command`` (its lines) says who is in it; one of ``schema``, ``database`` and
    ``url`` where each is, with ``{name}``, or ``{NAME}`` as a variable would have it.
    ``search_path`` are schemas that are looked in after the target's own. ``parallel`` targets are
    worked on at once, with at most ``connections`` connections. ``waves`` and ``max_failures`` are
    what a run has that asks for no others. ``create`` makes a schema or database that is missing,
    ``allow_empty`` lets a fleet have nobody in it. ``dir`` is the directory of migrations, where
    it is not that of the project.
    """

    names: tuple[str, ...] | None = None
    query: str | None = None
    databases: str | None = None
    schemas: str | None = None
    command: str | None = None
    schema: str | None = None
    database: str | None = None
    url: str | None = field(default=None, repr=False)
    search_path: tuple[str, ...] = ()
    parallel: int = DEFAULT_PARALLEL
    connections: int | None = None
    waves: str | None = None
    max_failures: str | None = None
    create: bool = False
    allow_empty: bool = False
    dir: str | None = None

    @property
    def kind(self) -> str:
        """What a target is: a "schema", a "database" or a "url"."""
        return next(one for one in PLACES if getattr(self, one) is not None)


@dataclass(frozen=True, slots=True)
class Target:
    """One member of a fleet: its name, and the schema, database or URL that it is."""

    name: str
    schema: str | None = None
    database: str | None = None
    url: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Where it is, in words and without secrets."""
        if self.schema is not None:
            return f"schema {self.schema}"
        if self.database is not None:
            return f"database {self.database}"
        assert self.url is not None
        return self.url if self.url.startswith("env:") else "a URL of its own"


def spec_of(table: Mapping[str, object], where: str = "the fleet") -> FleetSpec:
    """The fleet that a table of a configuration, or arguments, describe; None counts as not given.

    Raises ConfigError for what cannot be meant.
    """
    given = {key.replace("-", "_"): value for key, value in table.items() if value is not None}
    known = [one.name for one in fields(FleetSpec)]
    raise_all([_unknown(key, known, where) for key in given if key not in known])
    for key in ("query", "databases", "schemas", "command", *PLACES, "dir"):
        if key in given and (not isinstance(given[key], str) or not str(given[key]).strip()):
            raise ConfigError(f"{key!r} in {where} is not a text.")
    for key in ("names", "search_path"):
        if key in given:
            given[key] = _texts(given[key], key, where)
    for key in ("parallel", "connections"):
        if key in given:
            given[key] = _positive(given[key], key, where)
    for key in ("waves", "max_failures"):
        if key in given:
            given[key] = _shares(given[key], key, where)
    for key in ("create", "allow_empty"):
        if not isinstance(given.get(key, False), bool):
            raise ConfigError(f"{key!r} in {where} is neither true nor false.")
    for listed, place in (("schemas", "schema"), ("databases", "database")):
        if listed in given and not any(one in given for one in PLACES):
            given[place] = "{name}"
    sources = [one for one in SOURCES if one in given]
    places = [one for one in PLACES if one in given]
    if len(sources) != 1:
        raise ConfigError(
            f"{_both(sources)} in {where} say who is in it."
            if sources
            else f"Nothing in {where} says who is in it.",
            hint=f"give one of {', '.join(SOURCES)}",
        )
    if len(places) != 1:
        raise ConfigError(
            f"{_both(places)} in {where} say where a target is."
            if places
            else f"Nothing in {where} says where a target is.",
            hint='give one of schema = "tenant_{name}", database = "tenant_{name}" and'
            ' url = "env:TENANT_{NAME}_URL"',
        )
    _check_pattern(str(given[places[0]]), places[0], where)
    return FleetSpec(**given)  # type: ignore[arg-type]


def targets_of(
    spec: FleetSpec, names: Iterable[str], where: str = "the fleet"
) -> tuple[Target, ...]:
    """A target for each name, in their order. Raises ConfigError."""
    found: list[Target] = []
    by_name: dict[str, Target] = {}
    by_place: dict[tuple[str | None, ...], Target] = {}
    wrong: list[ConfigError] = []
    for name in names:
        if (fault := _fault(name)) is not None:
            wrong.append(ConfigError(f"The name {name!r} in {where} {fault}."))
            continue
        target = _target(spec, name)
        place = (target.schema, target.database, target.url)
        if name in by_name:
            wrong.append(
                ConfigError(
                    f"{name!r} appears twice in {where}.",
                    hint="each target once: SELECT DISTINCT, or look why it is there twice",
                )
            )
        elif place in by_place:
            wrong.append(same_place(by_place[place].name, name, target.place))
        by_name.setdefault(name, target)
        by_place.setdefault(place, target)
        found.append(target)
    raise_all(wrong)
    if not found and not spec.allow_empty:
        raise ConfigError(
            f"There is nobody in {where}.",
            hint="where that may be, say allow_empty = true; a list that is empty by mistake would"
            " pass for a fleet that is up to date",
        )
    return tuple(found)


def chosen(
    targets: Sequence[Target], only: Sequence[str] = (), leave_out: Sequence[str] = ()
) -> tuple[Target, ...]:
    """The targets whose names match one of ``only``, where any are given, and none of
    ``leave_out``. Raises ConfigError for a pattern that matches nobody: a slip in it would migrate
    whom nobody meant."""
    names = [target.name for target in targets]
    raise_all(
        [
            _nobody(pattern, names)
            for pattern in (*only, *leave_out)
            if not any(fnmatchcase(name, pattern) for name in names)
        ]
    )
    return tuple(
        target
        for target in targets
        if (not only or any(fnmatchcase(target.name, pattern) for pattern in only))
        and not any(fnmatchcase(target.name, pattern) for pattern in leave_out)
    )


def same_place(one: str, other: str, place: str) -> ConfigError:
    """The error for two targets that are one."""
    return ConfigError(
        f"The targets {one!r} and {other!r} are the same: {place}.",
        hint="each schema or database belongs to one target",
    )


def too_long(target: Target) -> ConfigError | None:
    """The error for a name that PostgreSQL would cut, and so mean another by; None where not."""
    name = target.schema if target.schema is not None else target.database
    if name is None or len(name.encode()) <= LONGEST:
        return None
    return ConfigError(
        f"{target.name!r} is the {target.place}, and PostgreSQL keeps {LONGEST} bytes of a name.",
        hint="two names that begin alike would be one; shorten the pattern or the name",
    )


def _target(spec: FleetSpec, name: str) -> Target:
    if spec.schema is not None:
        return Target(name, schema=_filled(spec.schema, name))
    if spec.database is not None:
        return Target(name, database=_filled(spec.database, name))
    assert spec.url is not None
    if spec.url.startswith("env:"):
        return Target(name, url=_filled(spec.url, name))
    return Target(name, url=_filled(spec.url, percent_encoded(name, safe="")))


def _filled(pattern: str, name: str) -> str:
    variable = re.sub(r"[^A-Z0-9_]", "_", name.upper())
    return _FIELD.sub(lambda found: name if found[1] == "name" else variable, pattern)


def _check_pattern(pattern: str, key: str, where: str) -> None:
    found = _FIELD.findall(pattern)
    for one in found:
        if one not in ("name", "NAME"):
            raise ConfigError(
                f"{{{one}}} in {key!r} of {where} is nothing that a target has.",
                hint="there are {name}, and {NAME} in capitals with _ for whatever a variable"
                " cannot hold",
            )
    if not found:
        raise ConfigError(
            f"{key!r} in {where} has no {{name}}, so all targets would be one.",
            hint=f'write for example {key} = "tenant_{{name}}"',
        )
    if key == "url" and not pattern.startswith("env:"):
        from .. import url

        if url.parse(_filled(pattern, "name")).get("password") is not None:
            raise ConfigError(
                f"'url' in {where} holds a password.",
                hint='passwords come from the environment: url = "env:TENANT_{NAME}_URL", or'
                " PGPASSWORD and a URL without one",
            )


def _fault(name: object) -> str | None:
    if not isinstance(name, str):
        return "is no text"
    if not name.strip():
        return "is empty"
    if "\0" in name or "\n" in name:
        return "holds a character that no name has"
    return None


def _nobody(pattern: str, names: Sequence[str]) -> ConfigError:
    near = nearest(pattern, names)
    return ConfigError(
        f"No target matches {pattern!r}.",
        hint=f"did you mean {near}?"
        if near
        else f"there are {len(names):,}, such as {', '.join(names[:3])}"
        if names
        else None,
    )


def _texts(value: object, key: str, where: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{key!r} in {where} is not a list of texts.", hint='write ["a", "b"]')
    found = tuple(value)
    if not all(isinstance(one, str) for one in found):
        raise ConfigError(f"{key!r} in {where} is not a list of texts.", hint='write ["a", "b"]')
    return found


def _positive(value: object, key: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{key!r} in {where} is {value!r}, not a number of 1 or more.")
    return value


def _shares(value: object, key: str, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{key!r} in {where} is {value!r}, not a number or a share such as 5%.")
    return str(value)


def _unknown(key: str, known: Sequence[str], where: str) -> ConfigError:
    return ConfigError(
        f"There is no key {key!r} in {where}.",
        hint=meant(key, known, repr),
    )


def _both(keys: Sequence[str]) -> str:
    return " and ".join(map(repr, keys))
