"""A directory held against a database, as one value: what is applied, pending, skipped, wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..dialect import Capabilities, Server
from ..errors import MigrationError
from .choose import Allowances, Standing, problems
from .plan import plan_script
from .results import HistoryRow, JournalRow, Pending, Status
from .script import script_of
from .states import State

WAITING = (State.PENDING, State.PARTIAL, State.OUT_OF_ORDER)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a database found."""

    server: Server
    caps: Capabilities
    rows: tuple[HistoryRow, ...]
    journal: tuple[JournalRow, ...]
    standings: tuple[Standing, ...]


def status_of(look: Look, allow: Allowances) -> Status:
    """The status that a look amounts to."""
    return Status(
        server=str(look.server),
        current=look.rows[-1].version if look.rows else None,
        applied=look.rows,
        pending=_those(look, WAITING),
        skipped=_those(look, (State.SKIPPED,)),
        problems=problems(look.standings, allow),
    )


def _those(look: Look, states: Iterable[State]) -> tuple[Pending, ...]:
    chosen = set(states)
    return tuple(_pending(one, look) for one in look.standings if one.state in chosen)


def _pending(standing: Standing, look: Look) -> Pending:
    file = standing.file
    assert file is not None  # a state without a file is not waiting
    done = sum(
        1
        for row in look.journal
        if row.version == file.version and row.direction == "up" and row.state == "done"
    )
    mode, steps = None, 1
    try:
        plan = plan_script(script_of(file), look.caps)
        mode, reason, steps = plan.mode.value, plan.reason, len(plan.steps)
    except MigrationError as error:
        reason = error.message
    return Pending(
        file.version, file.description, file.path, standing.state, mode, reason, done, steps
    )
