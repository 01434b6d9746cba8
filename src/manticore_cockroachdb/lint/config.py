"""``[tool.manticore.lint]``: what to look for, and how grave it is.

[tool.manticore.lint]
target = "cockroachdb:25.4"
level = "warning"
ignore = ["vague-name"]
since = 20250101000000

[tool.manticore.lint.rules]
no-undo = "warning"
drop-index = "off"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..dialect import Server, parse_target
from ..errors import ConfigError
from ..suggest import nearest
from .index import NAMES, known
from .model import LEVELS, Level, Rule

DEFAULT_TARGET = "cockroachdb"
DEFAULT_LEVEL: Level = "warning"
_KEYS = ("target", "level", "select", "ignore", "since", "rules")


@dataclass(frozen=True, slots=True)
class LintConfig:
    """Which rules look, and at what level they speak.

    ``target`` is the server that the files are meant for, `DEFAULT_TARGET` when None. ``level``
    is the gravest that is let pass, `DEFAULT_LEVEL` when None; `lint_files` returns all the same.
    Without ``select`` every rule looks but those of ``ignore``. ``levels`` are other levels for
    single rules. Migrations older than ``since`` are read, but not reported on. ``every``: what
    is found again and again is said each time.
    """

    target: str | None = None
    level: Level | None = None
    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    levels: tuple[tuple[str, Level], ...] = ()
    since: int = 0
    every: bool = False

    @property
    def server(self) -> Server:
        """The target. Raises ConfigError when it names none."""
        return parse_target(self.target or DEFAULT_TARGET)

    @property
    def names(self) -> frozenset[str]:
        """The rules that look."""
        return (self.select or frozenset(NAMES)) - self.ignore

    def level_of(self, rule: Rule) -> Level | None:
        """The level that the configuration gives a rule, None if it gives none."""
        return dict(self.levels).get(rule.name)


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
            near = nearest(key, _KEYS)
            hint = f"did you mean {near!r}?" if near else f"known: {', '.join(_KEYS)}"
            raise ConfigError(f"There is no key {key!r} in {where}.", hint=hint)
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
    )


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
