"""``[tool.manticore.lint]``: what to look for, and how grave it is.

[tool.manticore.lint]
target = "cockroachdb:25.4"
level = "warning"
ignore = ["vague-name"]
since = 20250101000000

[tool.manticore.lint.rules]
no-undo = "warning"
drop-index = "off"

[tool.manticore.lint.paths."migrations/legacy/*"]
"*" = "off"
drop-table = "error"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from ..dialect import Server, parse_target
from ..errors import ConfigError
from ..suggest import meant
from .index import NAMES, known
from .model import LEVELS, Level, Rule

DEFAULT_TARGET = "cockroachdb"
DEFAULT_LEVEL: Level = "warning"
_KEYS = ("target", "level", "select", "ignore", "since", "baseline", "rules", "paths")

Known: TypeAlias = tuple[str, str, str]
"""What a finding is known by: its rule, its path with slashes, what it says; see `baseline`."""
Setting: TypeAlias = Level | Literal["off"]
EVERY = "*"


@dataclass(frozen=True, slots=True)
class LintConfig:
    """Which rules look, and at what level they speak.

    ``target`` is the server that the files are meant for, `DEFAULT_TARGET` when None. ``level``
    is the gravest that is let pass, `DEFAULT_LEVEL` when None; `lint_files` returns all the same.
    Without ``select`` every rule looks but those of ``ignore``. ``levels`` are other levels for
    single rules. Migrations older than ``since`` are read, but not reported on. ``every``: what
    is found again and again is said each time. ``paths`` are levels, or "off", by rule (or
    `EVERY`) for files that match a pattern; a later one counts for more. ``known`` are findings
    that are not said again.
    """

    target: str | None = None
    level: Level | None = None
    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    levels: tuple[tuple[str, Level], ...] = ()
    since: int = 0
    every: bool = False
    paths: tuple[tuple[str, tuple[tuple[str, Setting], ...]], ...] = ()
    known: frozenset[Known] = frozenset()

    @property
    def server(self) -> Server:
        """The target. Raises ConfigError when it names none."""
        return parse_target(self.target or DEFAULT_TARGET)

    @property
    def names(self) -> frozenset[str]:
        """The rules that look."""
        return (self.select or frozenset(NAMES)) - self.ignore

    def level_of(self, rule: Rule, path: str) -> Setting | None:
        """The level that the configuration gives a rule in a file, None if it gives none."""
        found: Setting | None = dict(self.levels).get(rule.name)
        for pattern, settings in self.paths:
            if _matches(path, pattern):
                chosen = dict(settings)
                found = chosen[rule.name] if rule.name in chosen else chosen.get(EVERY) or found
        return found


def _matches(path: str, pattern: str) -> bool:
    """Whether a path, or its end, matches a pattern such as ``legacy/*``."""
    path = path.replace("\\", "/").removeprefix("./")
    pattern = pattern.removeprefix("./")
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")


def parse_level(value: object, where: str = "") -> Level:
    """A level by its name. Raises ConfigError."""
    for level in LEVELS:
        if value == level:
            return level
    raise ConfigError(f"{value!r}{where} is no level.", hint=f"levels: {', '.join(LEVELS)}")


def parse_config(table: Mapping[str, object], where: str = "[tool.manticore.lint]") -> LintConfig:
    """What the table says. Raises ConfigError for whatever it cannot mean."""
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"There is no key {key!r} in {where}.", hint=meant(key, _KEYS, repr))
    target = table.get("target")
    if target is not None:
        if not isinstance(target, str):
            raise ConfigError(f"'target' in {where} is not a text.")
        parse_target(target)
    level = table.get("level")
    ignore = set(_names(table, "ignore", where))
    levels: list[tuple[str, Level]] = []
    rules = table.get("rules", {})
    if not isinstance(rules, Mapping):
        raise ConfigError(f"'rules' in {where} is not a table.", hint='write drop-table = "error"')
    for name, value in rules.items():
        known(name, f" in {where}")
        if value == "off":
            ignore.add(name)
        else:
            levels.append((name, parse_level(value, f" for {name} in {where}")))
    return LintConfig(
        target=target,
        level=None if level is None else parse_level(level, f" in {where}"),
        select=frozenset(_names(table, "select", where)),
        ignore=frozenset(ignore),
        levels=tuple(levels),
        since=parse_since(table.get("since", 0), where),
        paths=_paths(table.get("paths", {}), where),
    )


def _paths(table: object, where: str) -> tuple[tuple[str, tuple[tuple[str, Setting], ...]], ...]:
    """Levels by pattern and rule."""
    hint = 'write [tool.manticore.lint.paths."migrations/legacy/*"], then drop-table = "off"'
    if not isinstance(table, Mapping):
        raise ConfigError(f"'paths' in {where} is not a table.", hint=hint)
    found = []
    for pattern, rules in table.items():
        if not isinstance(rules, Mapping):
            raise ConfigError(f"'paths.{pattern}' in {where} is not a table.", hint=hint)
        place = f" for {pattern} in {where}"
        settings: list[tuple[str, Setting]] = []
        for name, value in rules.items():
            if name != EVERY:
                known(name, place)
            settings.append((name, "off" if value == "off" else parse_level(value, place)))
        found.append((str(pattern), tuple(settings)))
    return tuple(found)


def parse_since(value: object, where: str) -> int:
    """A version, as a number or in digits. Raises ConfigError."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"'since' in {where} is not a version.", hint="write 20250101000000")
    return value


def _names(table: Mapping[str, object], key: str, where: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{key!r} in {where} is not a list of rules.")
    return [known(name, f" in {where}") for name in value]
