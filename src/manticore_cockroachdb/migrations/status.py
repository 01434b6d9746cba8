"""A directory held against a database, as one value: what is applied, pending, skipped, wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..dialect import Capabilities, Server
from ..errors import MigrationError
from .choose import Allowances, VersionStatus, problems
from .plan import plan_script
from .results import (
    HistoryRow,
    HookStatus,
    JournalRow,
    Pending,
    RepeatableStatus,
    SquashStatus,
    Status,
)
from .script import script_of
from .states import State

if TYPE_CHECKING:
    from ..backfill.results import BackfillStatus
    from .results import LeaseStatus

WAITING = (State.PENDING, State.PARTIAL, State.OUT_OF_ORDER)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one look at a database found."""

    server: Server
    caps: Capabilities
    rows: tuple[HistoryRow, ...]
    journal: tuple[JournalRow, ...]
    statuses: tuple[VersionStatus, ...]
    backfills: tuple[BackfillStatus, ...] = ()
    repeatable: tuple[RepeatableStatus, ...] = ()
    runner: LeaseStatus | None = None
    hooks: tuple[HookStatus, ...] = ()


def status_of(snapshot: Snapshot, allow: Allowances) -> Status:
    """The status that a look amounts to."""
    return Status(
        server=str(snapshot.server),
        current=snapshot.rows[-1].version if snapshot.rows else None,
        applied=snapshot.rows,
        pending=_those(snapshot, WAITING),
        skipped=_those(snapshot, (State.SKIPPED,)),
        problems=problems(snapshot.statuses, allow),
        backfills=tuple(b for b in snapshot.backfills if b.direction == "up" and not b.complete),
        repeatable=snapshot.repeatable,
        runner=snapshot.runner,
        squashes=_squashes(snapshot),
        hooks=snapshot.hooks,
    )


def _squashes(snapshot: Snapshot) -> tuple[SquashStatus, ...]:
    found = []
    for one in snapshot.statuses:
        if (file := one.file) is None or (cover := one.cover) is None:
            continue
        state: Literal["applied", "by its parts", "in part", "pending"] = "pending"
        if cover.has == "some":
            state = "in part"
        elif cover.has == "all":
            state = "applied" if cover.itself else "by its parts"
        versions = tuple(sorted({entry.version for entry in file.squashes}))
        found.append(SquashStatus(file.version, file.path, versions, state))
    return tuple(found)


def _those(snapshot: Snapshot, states: Iterable[State]) -> tuple[Pending, ...]:
    chosen = set(states)
    return tuple(_pending(one, snapshot) for one in snapshot.statuses if one.state in chosen)


def _pending(status: VersionStatus, snapshot: Snapshot) -> Pending:
    file = status.file
    assert file is not None  # a state without a file is not waiting
    done = sum(
        1
        for row in snapshot.journal
        if row.version == file.version and row.direction == "up" and row.state == "done"
    )
    mode, steps = None, 1
    try:
        plan = plan_script(script_of(file), snapshot.caps)
        mode, reason, steps = plan.mode.value, plan.reason, len(plan.steps)
    except MigrationError as error:
        reason = error.message
    return Pending(
        file.version, file.description, file.path, status.state, mode, reason, done, steps
    )
