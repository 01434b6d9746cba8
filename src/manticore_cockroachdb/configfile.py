"""Finding and reading the configuration: manticore.toml, or [tool.manticore] in pyproject.toml.

It is looked for in the current directory and upwards to the root of the repository, the directory
that holds ``.git``; the nearest one counts, and in one directory manticore.toml. Outside a
repository only the current directory is looked in: a file that anybody may have put into ``/tmp``
must not say which server gets your password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigError


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The ``[tool.manticore]`` table of pyproject.toml, or all of manticore.toml."""

    path: Path
    table: Mapping[str, object] = field(repr=False)


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
