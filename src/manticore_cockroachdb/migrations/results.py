"""The values a user gets back: rows of the history, and the status of a directory against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from .states import State

if TYPE_CHECKING:
    from ..backfill.results import BackfillStatus


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One applied migration, as recorded. Columns that 0.3.1 did not write are None.

    ``token`` is that of the run that applied it; a later run has a higher one.
    """

    version: int
    description: str
    applied_at: datetime
    checksum: str | None = None
    mode: str | None = None
    duration_ms: int | None = None
    applied_by: str | None = None
    applied_from: str | None = None
    token: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One step of a migration that runs or stopped half way.

    `failed`: it failed and left nothing. `stuck`: a person has to look; `detail` says why.
    """

    version: int
    direction: Literal["up", "down"]
    ordinal: int
    hash: str
    state: Literal["started", "done", "failed", "stuck"]
    before: tuple[str | None, ...] | None
    detail: str | None

    @property
    def key(self) -> tuple[int, str, int]:
        """What the row is about: version, direction, ordinal."""
        return self.version, self.direction, self.ordinal


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed attempt: when, who, where, how long, which statement, which SQLSTATE."""

    version: int
    direction: str
    failed_at: datetime
    duration_ms: int | None
    attempted_by: str | None
    attempted_from: str | None
    statement: str | None
    sqlstate: str | None
    message: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """A migration that `migrate` would run, and how (`mode` None when it would be refused)."""

    version: int
    description: str
    path: str
    state: State
    mode: str | None
    reason: str
    steps_done: int = 0
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that stops `migrate` or `rollback` until somebody decides."""

    version: int
    state: State
    message: str
    hint: str


NEW = "is new"
"""Why a repeatable file has to run that never did."""


@dataclass(frozen=True, slots=True)
class RepeatableStatus:
    """A repeatable file: ``applied``, ``pending`` (new, changed, or depending on one that is),
    ``partial`` (a run over it stopped half way), or ``missing`` (it ran, and is gone: what it made
    is still there). ``reason`` says why; ``path`` is None for a missing one."""

    name: str
    state: Literal["applied", "pending", "partial", "missing"]
    reason: str
    path: str | None


@dataclass(frozen=True, slots=True)
class HookStatus:
    """A hook: ``when`` it runs, in words; when it last ran here, and for which migration. These
    are None where it never did, or ran for no migration in particular."""

    name: str
    path: str
    when: str
    ran_at: datetime | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SquashStatus:
    """A squashed file: ``versions`` are all that it stands for, its own included. It is applied,
    applied ``by its parts`` (the old files have run), ``in part`` (some have), or ``pending``."""

    version: int
    path: str
    versions: tuple[int, ...]
    state: Literal["applied", "by its parts", "in part", "pending"]


@dataclass(frozen=True, slots=True)
class Status:
    """A directory held against a database. `current` is None before the first migration;
    `backfills` are those that are not complete, `runner` is who is at work right now,
    `squashes` are the squashed files, `hooks` those of this environment."""

    server: str
    current: int | None
    applied: tuple[HistoryRow, ...]
    pending: tuple[Pending, ...]
    skipped: tuple[Pending, ...]
    problems: tuple[Problem, ...]
    backfills: tuple[BackfillStatus, ...] = ()
    repeatable: tuple[RepeatableStatus, ...] = ()
    runner: LeaseStatus | None = None
    squashes: tuple[SquashStatus, ...] = ()
    hooks: tuple[HookStatus, ...] = ()

    @property
    def repeatable_due(self) -> tuple[RepeatableStatus, ...]:
        """The repeatable files that `migrate` would run."""
        return tuple(one for one in self.repeatable if one.state in ("pending", "partial"))

    @property
    def clean(self) -> bool:
        """Nothing pending and nothing wrong."""
        return not self.pending and not self.problems and not self.repeatable_due


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """Who may migrate now. `owner` None: nobody; `remaining` in seconds, below 0 expired.

    `version` is the migration that it is at, as far as journal, history and files tell;
    `statement` what the server says that its session does; `blocked_by` who keeps that waiting.
    """

    owner: str | None
    token: int
    session: str | None
    acquired_at: datetime | None
    remaining: float | None
    version: int | None = None
    statement: str | None = None
    blocked_by: tuple[str, ...] = ()
