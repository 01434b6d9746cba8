"""The configuration, manticore.toml or [tool.manticore] in pyproject.toml: which file counts, which
keys there are, and what each may hold.

The file is looked for in the current directory and upwards to the root of the repository, the
directory that holds ``.git``; the nearest one counts, and in one directory manticore.toml. Outside
a repository only the current directory is looked in: a file that anybody may have put into
``/tmp`` must not say which server gets your password.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TypeAlias

from .errors import ConfigError, raise_all
from .suggest import meant

Table: TypeAlias = Mapping[str, object]

SWITCHES = ("allow_out_of_order", "allow_changed", "allow_missing")
KEYS = (
    "url",
    "dir",
    "environment",
    "settings",
    "variables",
    "lease_ttl",
    "lease_wait",
    "reconnect_wait",
    *SWITCHES,
)
# Tables that belong to one command, or to one option, which checks them itself.
COMMAND_TABLES = ("lint", "fleets")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The ``[tool.manticore]`` table of pyproject.toml, or all of manticore.toml."""

    path: Path
    table: Table = field(repr=False)


def find(start: Path) -> ConfigFile | None:
    """Return the configuration that counts in ``start``. Raises ConfigError."""
    for directory in upwards(start):
        for name in ("manticore.toml", "pyproject.toml"):
            path = directory / name
            if path.is_file() and (found := read(path)) is not None:
                return found
    return None


def read(path: Path) -> ConfigFile | None:
    """Return what a file says; None for a pyproject.toml without [tool.manticore]."""
    import tomllib

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"The configuration {path} cannot be read: {reason}.") from error
    if path.name == "pyproject.toml" and "manticore" not in text:
        return None
    try:
        table: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration {path} is not TOML: {error}.") from error
    if path.name == "pyproject.toml":
        tool = table.get("tool") if isinstance(table, dict) else None
        table = tool.get("manticore") if isinstance(tool, dict) else None
        if table is None:
            return None
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.manticore] in {path} is not a table.")
    return ConfigFile(path, table)


def upwards(start: Path) -> Iterator[Path]:
    """Yield the directories that are looked in, nearest first: see the module's docstring."""
    directories = [start, *start.parents]
    for count, directory in enumerate(directories, 1):
        if (directory / ".git").exists():
            yield from directories[:count]
            return
    yield start


def check_table(
    table: Mapping[str, object], where: str, *, inside: bool = False
) -> dict[str, object]:
    """Return the table with ``-`` in its keys as ``_``, every key known, every value of its kind.

    ``inside``: it is the table of one environment. Raises ConfigError.
    """
    known = KEYS if inside else (*KEYS, "environments", *COMMAND_TABLES)
    raise_all(
        [
            unknown("key", raw, known, f"in {where}")
            for raw in table
            if raw.replace("-", "_") not in known
        ]
    )
    found = {raw.replace("-", "_"): value for raw, value in table.items()}
    for key in ("url", "dir", "environment"):
        text_of(found, key, where)
    for key in SWITCHES:
        switch_of(found.get(key), where, key)
    for key in ("lease_ttl", "lease_wait", "reconnect_wait"):
        seconds_of(found.get(key), where, key)
    for key in ("settings", "variables", *COMMAND_TABLES):
        if not isinstance(found.get(key, {}), Mapping):
            raise ConfigError(f"{key!r} in {where} is not a table.")
    return found


def environment_tables(value: object, where: str) -> dict[str, dict[str, object]]:
    """Return the table of each environment, checked. Raises ConfigError."""
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ConfigError(
            f"'environments' in {where} is not a table of tables.",
            hint="write [tool.manticore.environments.production] and the values below it",
        )
    return {
        str(name): check_table(table, f"environment {name} in {where}", inside=True)
        for name, table in value.items()
    }


def unknown(what: str, name: str, known: Iterable[str], where: str) -> ConfigError:
    """Return the error for a name that nobody knows, with the nearest known one."""
    names = sorted(known)
    return ConfigError(
        f"There is no {what} {name!r} {where}.",
        hint=meant(name.replace("-", "_"), names, repr),
    )


def text_of(table: Mapping[str, object], key: str, where: str) -> str | None:
    """Return the text under a key, None where there is none. Raises ConfigError."""
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigError(f"{key!r} in {where} is not a text.")
    return value


def switch_of(value: object, origin: str, key: str) -> bool:
    """Return a switch, off where there is none. Raises ConfigError."""
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{key!r} in {origin} is neither true nor false.")
    return bool(value)


def seconds_of(value: object, origin: str, key: str) -> float | None:
    """Return a number of seconds given as a number or a text. Raises ConfigError."""
    if value is None:
        return None
    number = -1.0
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError):
            number = float(value)
    if not 0 <= number < inf:
        shown = origin if origin.startswith("MANTICORE_") else f"{key!r} in {origin}"
        raise ConfigError(f"{shown} is not a number of seconds.", hint="write for example 30")
    return number


def flat(value: object, where: str, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield the settings of a table by their whole names.

    TOML reads ``app.environment = "x"`` as a table in a table. Raises ConfigError.
    """
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            yield from flat(inner, where, f"{name}.")
        elif isinstance(inner, bool):
            yield name, str(inner).lower()
        elif isinstance(inner, str | int | float):
            yield name, str(inner)
        else:
            raise ConfigError(f"The setting {name!r} in {where} is neither text nor number.")
