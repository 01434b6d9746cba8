"""What a rule is, what it finds, and what it is tried on: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..dialect import Capabilities, Engine

Level: TypeAlias = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("info", "warning", "error")


def at_least(level: Level, threshold: Level) -> bool:
    """Whether ``level`` is ``threshold`` or graver."""
    return LEVELS.index(level) >= LEVELS.index(threshold)


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``text`` in the place of the file's characters ``start`` to ``end``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that may be made without asking: afterwards the finding is gone, and the
    migration still does what it says."""

    summary: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file. ``line`` and ``column`` count from 1.

    ``start`` is the same place as an offset into the file's text; ``table`` is the table whose
    size decides how grave it is, where there is one. ``times`` and ``files`` are how often and
    in how many files it was found, where that is said once; see `habits`.
    """

    rule: str
    level: Level
    message: str
    path: str
    line: int
    column: int
    help: str
    fix: Fix | None = None
    start: int = 0
    table: str | None = None
    times: int = 1
    files: int = 1


SMALL = 1_000  # rows: nobody waits for the work on a table that has fewer


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server knows that files do not say.

    ``tables`` holds the approximate rows of each table there is, None where unknown, by name
    (with the schema, unless that is public); ``applied`` the versions that nobody can change
    any more.
    """

    tables: Mapping[str, int | None] = field(default_factory=dict)
    objects: int = 0
    applied: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """A file that a rule is tried on. ``before`` is the forward part of an older migration.

    Without a ``target`` it holds for every engine that the rule applies to.
    """

    sql: str
    before: str = ""
    target: str | None = None
    name: str = "20250102000000_change_it.sql"
    facts: ServerFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing to find: its documentation page, its cases and where it applies.

    ``cockroachdb`` and ``postgresql`` are its levels there, None where it does not apply.
    ``needs`` and ``lacks`` name capabilities that the server must or must not have. ``scales``:
    the cost grows with the table, so a server's facts can drop or raise a finding. ``fallback``:
    only said of a statement that no other rule has called an error. ``habit``: it is about how
    migrations are written here, so that many findings are one; see `habits`. ``versioned``: it is
    about what runs once, and says nothing of repeatable files and hooks.
    """

    name: str
    cockroachdb: Level | None = None
    postgresql: Level | None = None
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    scales: bool = False
    fallback: bool = False
    habit: bool = False
    versioned: bool = False
    summary: str
    help: str
    problem: str
    solution: str
    ok: tuple[Case, ...]
    bad: tuple[Case, ...]

    def level_on(self, engine: Engine) -> Level | None:
        """Its level on an engine."""
        return self.cockroachdb if engine == "cockroachdb" else self.postgresql

    def level(self, caps: Capabilities) -> Level | None:
        """Its level on a server, None where it does not apply."""
        if not all(getattr(caps, name) for name in self.needs):
            return None
        if any(getattr(caps, name) for name in self.lacks):
            return None
        return self.level_on(caps.engine)
