"""What `verify` found, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..schema.diff import Change

Stage = Literal[
    "apply", "undo", "apply again", "undo all", "apply all", "resume", "repeatable", "hook"
]


@dataclass(frozen=True, slots=True)
class Failing:
    """A stage that failed: what happened, and the differences where it left a wrong catalog.

    In each of ``changes``, ``before`` is what should be and ``after`` what is.
    """

    stage: Stage
    message: str
    changes: tuple[Change, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """One migration: seconds of each stage that it went through, and what failed.

    ``reversible`` is False without an undo part. ``crashes`` counts the simulated ones, and
    ``resume`` the seconds to get through all of them; both are 0 for older migrations.
    """

    version: int
    description: str
    path: str
    up: float = 0.0
    down: float = 0.0
    again: float = 0.0
    resume: float = 0.0
    crashes: int = 0
    reversible: bool = True
    failures: tuple[Failing, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """The whole verdict. ``failures`` are those of undoing and applying everything; ``strict``
    makes a migration without undo a failure too; ``notes`` say what to know of the proof."""

    server: str
    migrations: tuple[Verified, ...]
    failures: tuple[Failing, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    strict: bool = False
    skipped: tuple[int, ...] = field(default=())

    @property
    def irreversible(self) -> tuple[int, ...]:
        """The versions without an undo part."""
        return tuple(m.version for m in self.migrations if not m.reversible)

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        failed = bool(self.failures) or any(m.failures for m in self.migrations)
        return not failed and not (self.strict and self.irreversible)
