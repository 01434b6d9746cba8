"""What became of each target, in four words; and the sum, which has to be the number of targets.

=============  ==================================================================================
done           it had something to do, and all of it is done and recorded
nothing to do  nothing was to be done
failed         it was begun, or looked at, and is not done; ``error`` says why
never tried    nobody began, because others failed or the run was stopped
=============  ==================================================================================

A target that is missing from a report, or in it twice, would be the one that nobody looks after.
So a report that does not add up is no report: making it is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import ManticoreError
from ..migrations.results import Problem
from .spec import Target

if TYPE_CHECKING:
    from ..preview.model import Plan

State = Literal["done", "nothing to do", "failed", "never tried"]
STATES: tuple[State, ...] = ("done", "nothing to do", "failed", "never tried")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target.

    ``versions`` are the migrations that were applied, or rolled back, in order; of one that failed
    those before. ``wave`` counts from 1, None for one that no wave had. ``result`` is what the
    command found, where it finds something.
    """

    name: str
    place: str
    state: State
    versions: tuple[int, ...] = ()
    seconds: float = 0.0
    wave: int | None = None
    error: Exception | None = None
    result: object = None


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Every target of a run, in their order. Raises ManticoreError when it does not add up.

    ``stopped`` says why not all were tried, None where all were.
    """

    command: str
    targets: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    seconds: float = 0.0
    stopped: str | None = None

    def __post_init__(self) -> None:
        reported = Counter(one.name for one in self.outcomes)
        wrong = [name for name in self.targets if reported.pop(name, 0) != 1]
        if wrong or reported or any(one.state not in STATES for one in self.outcomes):
            raise ManticoreError(
                f"The report does not add up: {len(self.targets)} targets,"
                f" {len(self.outcomes)} outcomes; look at {', '.join([*wrong, *reported][:5])}.",
                hint="this is a mistake in manticore; status --fleet says how each stands",
            )

    def of(self, *states: State) -> tuple[Outcome, ...]:
        """The outcomes in these states."""
        return tuple(one for one in self.outcomes if one.state in states)

    @property
    def done(self) -> tuple[Outcome, ...]:
        """Those that had something to do, and did it."""
        return self.of("done")

    @property
    def nothing(self) -> tuple[Outcome, ...]:
        """Those that had nothing to do."""
        return self.of("nothing to do")

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that were tried and are not done."""
        return self.of("failed")

    @property
    def never_tried(self) -> tuple[Outcome, ...]:
        """Those that nobody began."""
        return self.of("never tried")

    @property
    def ok(self) -> bool:
        """Whether every target is done, or had nothing to do."""
        return not self.of("failed", "never tried")


Standing = Literal["up to date", "behind", "problem"]


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Where one target stands: its newest version and how many are applied, which versions and
    repeatable files are pending, what would stop `migrate`, which backfills are not complete, each
    with its state; ``error`` where it cannot be looked at."""

    name: str
    place: str
    state: Standing
    current: int | None = None
    applied: int = 0
    pending: tuple[int, ...] = ()
    repeatable: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    backfills: tuple[tuple[str, str], ...] = ()
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Where every target of a fleet stands, in their order."""

    targets: tuple[TargetStatus, ...]

    def of(self, state: Standing) -> tuple[TargetStatus, ...]:
        """The targets in this state."""
        return tuple(one for one in self.targets if one.state == state)

    @property
    def behind(self) -> tuple[TargetStatus, ...]:
        """Those in which something is pending."""
        return self.of("behind")

    @property
    def problems(self) -> tuple[TargetStatus, ...]:
        """Those that somebody has to look at."""
        return self.of("problem")

    @property
    def ok(self) -> bool:
        """Whether everything is applied everywhere."""
        return len(self.of("up to date")) == len(self.targets)


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """Targets that have the same to do, and its plan with the costs in the first of them."""

    plan: Plan
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What would run in a fleet; ``idle`` are the targets with nothing to do, ``failed`` those that
    cannot be planned for, each with the reason."""

    groups: tuple[PlanGroup, ...]
    idle: tuple[str, ...] = ()
    failed: tuple[tuple[str, Exception], ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything would run anywhere."""
        return bool(self.groups)


def report_of(
    command: str,
    targets: Sequence[Target],
    outcomes: Iterable[Outcome],
    seconds: float,
    stopped: str | None,
) -> FleetReport:
    """The report over targets, of which those without an outcome were never tried."""
    place = {target.name: i for i, target in enumerate(targets)}
    found = list(outcomes)
    reported = {one.name for one in found}
    found += [Outcome(t.name, t.place, "never tried") for t in targets if t.name not in reported]
    found.sort(key=lambda one: place.get(one.name, len(place)))
    names = tuple(target.name for target in targets)
    return FleetReport(command, names, tuple(found), seconds, stopped)
