"""What a command runs with, from its options, the environment and the configuration.

    (Given, variables, ConfigFile | None) -> RunSettings

Nothing is read here; `configfile` finds and reads the file. For each value the first that has it
decides:

1. the option on the command line;
2. what the environment chosen by ``--env`` on the command line says;
3. its ``MANTICORE_*`` variable, then for the URL ``DATABASE_URL``;
4. what an environment chosen otherwise (``MANTICORE_ENV``, ``environment`` in the file) says;
5. the top level of the configuration;
6. the default: for the URL the ``PG*`` variables and CockroachDB's own, for the directory
   ``migrations``, beside the configuration file where there is one.

``--env`` comes before the variables because who types ``--env production`` means production's
database, whatever ``DATABASE_URL`` a shell happens to hold; a container that is handed its
``DATABASE_URL`` chooses with ``MANTICORE_ENV``, or leaves ``url`` out of the file.

Session settings are merged name by name, and so are the variables of files: ``--var``, the table of
the environment, that of the top; ``MANTICORE_VAR_*`` come last, in the migrator. Nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from ..configfile import (
    COMMAND_TABLES,
    SWITCHES,
    ConfigFile,
    Table,
    check_table,
    environment_tables,
    flat,
    seconds_of,
    switch_of,
    text_of,
    unknown,
)
from ..errors import ConfigError
from ..migrations.values import PREFIX
from ..suggest import nearest

VARIABLES = {
    "url": "MANTICORE_URL",
    "dir": "MANTICORE_DIR",
    "environment": "MANTICORE_ENV",
    "config": "MANTICORE_CONFIG",
    "lease_ttl": "MANTICORE_LEASE_TTL",
    "lease_wait": "MANTICORE_LEASE_WAIT",
    "reconnect_wait": "MANTICORE_RECONNECT_WAIT",
}
# Read elsewhere in the package; here so that a slip near one of them is noticed.
OTHER_VARIABLES = (
    "MANTICORE_COCKROACH",
    "MANTICORE_LOCAL_DIR",
    "MANTICORE_LOCAL_ENGINE",
    "MANTICORE_SCRATCH_DIR",
    "MANTICORE_TEST_COCKROACH_URL",
    "MANTICORE_TEST_POSTGRES_URL",
    "MANTICORE_TEST_URL",
)
# With one of these, PG* variables say which database it is.
LIBPQ = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
URL_IN_DOTENV = re.compile(
    rf"^\s*(?:export\s+)?({VARIABLES['url']}|DATABASE_URL)\s*=", re.MULTILINE
)
DEFAULT_URL = "PG* variables and defaults"


@dataclass(frozen=True, slots=True)
class Given:
    """The options of a command line, None or empty where not given."""

    url: str | None = field(default=None, repr=False)
    dir: str | None = None
    env: str | None = None
    config: str | None = None
    set: tuple[str, ...] = ()
    var: tuple[str, ...] = field(default=(), repr=False)
    lease_ttl: float | None = None
    lease_wait: float | None = None
    reconnect_wait: float | None = None
    allow_out_of_order: bool = False
    allow_changed: bool = False
    allow_missing: bool = False
    create: bool = False


class Whom(TypedDict):
    """Which targets of a fleet, and how many at once: what every method of `Fleet` takes."""

    only: tuple[str, ...]
    leave_out: tuple[str, ...]
    parallel: int | None


@dataclass(frozen=True, slots=True)
class FleetGiven:
    """The options of a command line that are about a fleet, None or empty where not given."""

    fleet: str | None = None
    only: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    parallel: int | None = None
    canary: int | None = None
    waves: str | None = None
    max_failures: str | None = None

    @property
    def whom(self) -> Whom:
        """Which targets, for a method of `Fleet`."""
        return {"only": self.only, "leave_out": self.leave_out, "parallel": self.parallel}

    def check(self) -> None:
        """Raise ConfigError where one of them is given without a fleet."""
        if self.fleet is None:
            for name in ("only", "leave_out", "parallel", "canary", "waves", "max_failures"):
                if getattr(self, name):
                    option = {"leave_out": "except"}.get(name, name).replace("_", "-")
                    raise ConfigError(
                        f"--{option} is about the targets of a fleet, and none is named.",
                        hint="name it with --fleet NAME",
                    )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a command runs with. ``url`` None: the ``PG*`` variables and defaults; it may still
    be an ``env:NAME``, see `dereferenced`.

    ``url_from`` and ``dir_from`` say in words where these two came from; ``tables`` holds the
    configuration of single commands, such as ``lint``. ``environments``: each environment of the
    configuration with the name that ``-- @environments`` compares.
    """

    url: str | None = field(default=None, repr=False)
    dir: str = "migrations"
    environment: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    lease_ttl: float | None = None
    lease_wait: float | None = None
    reconnect_wait: float | None = None
    allow_out_of_order: bool = False
    allow_changed: bool = False
    allow_missing: bool = False
    url_from: str = DEFAULT_URL
    dir_from: str = "default"
    tables: Table = field(default_factory=dict, repr=False)
    environments: Mapping[str, str] = field(default_factory=dict)


def resolve(given: Given, environ: Mapping[str, str], file: ConfigFile | None) -> RunSettings:
    """Return what a command runs with. Raises ConfigError for whatever cannot be meant."""
    base = file.path.parent if file else Path()
    where = file.path.name if file else ""
    top = check_table(dict(file.table) if file else {}, where)
    environments = environment_tables(top.pop("environments", {}), where)
    tables = {name: top.pop(name) for name in COMMAND_TABLES if name in top}

    chosen = (
        given.env or environ.get(VARIABLES["environment"]) or text_of(top, "environment", where)
    )
    named: dict[str, object] = {}
    if chosen is not None and environments:
        if chosen not in environments:
            raise unknown("environment", chosen, environments, f"in {where}")
        named = environments[chosen]
    label = f"environment {chosen} in {where}"

    variables = {
        key: environ[name]
        for key, name in VARIABLES.items()
        if environ.get(name) and key not in ("environment", "config")
    }
    origins = {key: VARIABLES[key] for key in variables}
    if "url" not in variables and environ.get("DATABASE_URL"):
        variables["url"], origins["url"] = environ["DATABASE_URL"], "DATABASE_URL"
    layers: list[tuple[Mapping[str, object], Mapping[str, str] | str, Path | None]] = [
        (_options(given), {"url": "--url", "dir": "--dir"}, None),
        (variables, origins, None),
        (named, label, base),
        (top, where, base),
    ]
    if given.env is not None:
        layers[1], layers[2] = layers[2], layers[1]

    def first(key: str) -> tuple[object, str, Path | None]:
        for values, origin, place in layers:
            if values.get(key) is not None:
                said = origin if isinstance(origin, str) else origin.get(key, f"--{key}")
                return values[key], said, place
        return None, "", None

    url, url_from, url_base = first("url")
    directory, dir_from, dir_base = first("dir")
    switches = {name: switch_of(*first(name)[:2], name) for name in SWITCHES}
    return RunSettings(
        url=None if url is None else _beside(str(url), url_base),
        dir=str((dir_base or Path()) / str(directory) if directory else base / "migrations"),
        environment=text_of(named, "environment", label) or chosen,
        settings=_merged("settings", (top, named), given.set, where),
        variables=_merged("variables", (top, named), given.var, where),
        lease_ttl=seconds_of(*first("lease_ttl")[:2], "lease_ttl"),
        lease_wait=seconds_of(*first("lease_wait")[:2], "lease_wait"),
        reconnect_wait=seconds_of(*first("reconnect_wait")[:2], "reconnect_wait"),
        **switches,
        url_from=url_from or DEFAULT_URL,
        dir_from=dir_from or "default",
        tables=tables,
        environments={n: text_of(t, "environment", where) or n for n, t in environments.items()},
    )


def misspelt(environ: Iterable[str]) -> list[tuple[str, str]]:
    """Return the variables that are nobody's and the ones they resemble."""
    known = [*VARIABLES.values(), *OTHER_VARIABLES]
    found = []
    for name in environ:
        if name.startswith("MANTICORE_") and name not in known and not name.startswith(PREFIX):
            near = nearest(name, known, likeness=0.9)
            found += [(name, near)] if near else []
    return found


def _options(given: Given) -> dict[str, object]:
    found: dict[str, object] = {
        "url": given.url,
        "dir": given.dir,
        "lease_ttl": given.lease_ttl,
        "lease_wait": given.lease_wait,
        "reconnect_wait": given.reconnect_wait,
    }
    return found | {name: True for name in SWITCHES if getattr(given, name)}


def _beside(url: str, base: Path | None) -> str:
    """The URL, with the directory of a ``local:dir`` that stands in a file taken from there."""
    if base is None or not url.startswith("local:"):
        return url
    directory, question, query = url.removeprefix("local:").partition("?")
    if not directory or directory.startswith(("/", "~")):
        return url
    return f"local:{base / directory}{question}{query}"


_OPTIONS = {
    "settings": ("--set", "app.environment=production"),
    "variables": ("--var", "region=eu"),
}


def _merged(
    key: str, tables: Sequence[Mapping[str, object]], options: Sequence[str], where: str
) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for table in tables:
        found |= dict(flat(table.get(key), where))
    option, example = _OPTIONS[key]
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(
                f"{option} takes NAME=VALUE, not {name!r}.",
                hint=f"write for example {option} {example}",
            )
        found[name.strip()] = value
    return tuple(found.items())
