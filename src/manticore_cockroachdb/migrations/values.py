"""What variables stand for, and which of them a file declares.

    -- @variables region, owner

Light, since every run reads files; filling a text in is `migrations.variables`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import ConfigError, FileError
from ..suggest import nearest

At = Callable[[int, str, str | None], FileError]
"""Makes the error that points at a place, with a message and a hint."""
PREFIX = "MANTICORE_VAR_"
"""Before the name in capitals, a variable of the environment."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Values:
    """What variables stand for: ``given`` by name, then ``environ`` by `PREFIX` and capitals."""

    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, name: str) -> str | None:
        """The value of a variable; None where it has none."""
        value = self.given.get(name)
        return self.environ.get(PREFIX + name.upper()) if value is None else value

    @property
    def names(self) -> list[str]:
        """All that have a value, those of the environment in small letters."""
        mine = (name.removeprefix(PREFIX).lower() for name in self.environ)
        return sorted({*self.given, *mine})


def values_of(given: Mapping[str, object] | None, environ: Mapping[str, str]) -> Values:
    """The values that a program gives, and below them those of the environment.

    Raises ConfigError for a name that none can have, and a value that is no text or number.
    """
    found: dict[str, str] = {}
    for name, value in (given or {}).items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} is no name of a variable.", hint="it takes letters, digits and _"
            )
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ConfigError(
                f"The variable {name} is neither text nor number, but {type(value).__name__}."
            )
        found[name] = str(value)
    mine = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    return Values(found, mine)


@dataclass(frozen=True, slots=True)
class Declared:
    """The variables that a file declares, each with the place of its declaration."""

    names: tuple[tuple[str, int], ...]
    values: Values = field(default=Values(), compare=False)

    @property
    def set(self) -> frozenset[str]:
        """The names."""
        return frozenset(name for name, _ in self.names)

    def fingerprint(self) -> str:
        """Identifies the values, for what has to run again when one changes."""
        digest = hashlib.sha256()
        for name in sorted(self.set):
            value = self.values.get(name)
            state = "-" if value is None else f"={value}"
            digest.update(f"{name}{state}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def require(mine: Declared, at: At) -> None:
    """Raise FileError for the first variable without a value."""
    for name, offset in mine.names:
        if mine.values.get(name) is None:
            raise at(offset, f"The variable {name} has no value.", _how(name, mine.values))


def _how(name: str, values: Values) -> str:
    hint = (
        f"give it by --var {name}=…, in the configuration under [tool.manticore.variables], or as"
        f" {PREFIX}{name.upper()}; in a program by variables={{{name!r}: …}}"
    )
    near = nearest(name, values.names)
    return f"{hint}; {near} has a value: is that what is meant?" if near else hint
