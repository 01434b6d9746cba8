"""What `plan` says, as frozen values; the terminal, JSON and the SQL script are made from these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ..analysis.catalog import Size
from ..analysis.cost import Work
from ..analysis.undo import Undo
from ..migrations.results import RepeatableStatus
from ..migrations.script import Direction, MigrationPlan

if TYPE_CHECKING:
    from ..backfill.catalog import Table
    from ..migrations.repeatable import Repeatable
    from ..runner.bookkeeping import Tables

PlannedMode = Literal["transaction", "steps", "backfill", "python", "refused"]


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """One statement, or ``times`` alike ones in a row.

    ``verb`` is its kind, ``object`` what it is about; ``step`` counts from 0. ``lock`` is
    PostgreSQL's name for the strongest lock, ``lock_on`` the table, and ``blocks`` who has to
    wait meanwhile. ``destroys`` says which data are gone afterwards. ``why`` are sentences on
    the cost and ``source`` where that is documented. ``dangers`` are the reasons to think twice.
    ``undo`` is None in a rollback. ``done``: an earlier run that stopped half way has done it.
    """

    verb: str
    object: str
    line: int
    step: int
    sql: str
    size: Size | None = None
    work: tuple[Work, ...] = ()
    lock: str | None = None
    lock_on: str | None = None
    blocks: Literal["reads and writes", "writes"] | None = None
    destroys: str | None = None
    why: tuple[str, ...] = ()
    source: str | None = None
    dangers: tuple[str, ...] = ()
    undo: Undo | None = None
    times: int = 1
    done: bool = False

    @property
    def dangerous(self) -> bool:
        """Whether there is a reason to think twice."""
        return bool(self.dangers)


@dataclass(frozen=True, slots=True)
class PlannedMigration:
    """One migration: how it runs and why, or (mode "refused") why it would not, and what to do.

    ``undo`` is the worst of its statements', ``has_undo`` whether there is an undo part.
    """

    version: int
    description: str
    path: str | None
    mode: PlannedMode
    reason: str
    statements: tuple[PlannedStatement, ...] = ()
    steps: int = 0
    undo: Undo | None = None
    has_undo: bool = False
    hint: str | None = None
    line: int | None = None

    @property
    def dangerous(self) -> bool:
        """Whether one of its statements is."""
        return any(statement.dangerous for statement in self.statements)


@dataclass(frozen=True, slots=True)
class PlannedHook:
    """A hook: ``when`` it runs in words, and how often if all goes well (``runs``). With the mode
    "refused" it cannot run here: ``reason`` says why, ``hint`` what to do; then nothing runs."""

    name: str
    path: str
    when: str
    runs: int
    mode: PlannedMode
    reason: str = ""
    hint: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What a script needs beside the report: ``setup`` of the session, ``prepare`` for our
    tables, the plans, and by version the steps that an earlier run has done; ``repeatable`` are the
    statements of repeatable files, with what records them; ``walked`` are the tables of backfills
    by version, where they are there, ``hooks`` how each hook runs."""

    tables: Tables
    setup: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    plans: tuple[MigrationPlan, ...] = ()
    done: tuple[tuple[int, frozenset[int]], ...] = ()
    repeatable: tuple[str, ...] = ()
    walked: tuple[tuple[int, Table], ...] = ()
    hooks: Mapping[str, MigrationPlan] = field(default_factory=dict)
    hook_files: Mapping[str, Repeatable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `migrate`, or `rollback` (direction "down"), would run now, in order; ``repeatable`` are
    the files that run after the migrations, ``hooks`` what runs around them."""

    server: str
    direction: Direction
    migrations: tuple[PlannedMigration, ...]
    frame: Frame = field(repr=False, compare=False)
    repeatable: tuple[RepeatableStatus, ...] = ()
    hooks: tuple[PlannedHook, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything would run."""
        return bool(self.migrations or self.repeatable)

    @property
    def dangerous(self) -> bool:
        """Whether a statement is dangerous."""
        return any(migration.dangerous for migration in self.migrations)

    @property
    def refused(self) -> tuple[PlannedMigration, ...]:
        """The migrations that would be refused; nothing at all would run then."""
        return tuple(m for m in self.migrations if m.mode == "refused")

    @property
    def refused_hooks(self) -> tuple[PlannedHook, ...]:
        """The hooks that would be refused; nothing at all would run then."""
        return tuple(one for one in self.hooks if one.mode == "refused")

    def statements(self) -> Iterator[PlannedStatement]:
        """Every statement, in order."""
        for migration in self.migrations:
            yield from migration.statements

    def sql(self) -> str:
        """The script that a person could run by hand, history included. Raises Refused."""
        from .script import script

        return script(self)
