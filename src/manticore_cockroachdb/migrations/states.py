"""The states of a migration, as one table that planner, status, docs and tests all read.

What is known of one version: whether there is a file, a history row, journal rows of a run that
stopped half way (and in which direction), whether file and row mean the same, whether the
migration belongs to this environment, whether something newer is applied already, and what a squash
(`migrations.squash`) has to do with it.

    file  row  journal  more                      -> state         migrate     rollback
    ----  ---  -------  ------------------------  -------------    ---------   ---------
    yes   any  any      a squash, a part applied     half squashed  stops       stops
    any   yes  down                                  reverting      stops       goes on
    yes   no   up                                    partial        goes on     stops
    no    any  up                                    orphaned       stops       stops
    no    yes  -        a squash stands for it       squashed       passes      passes
    no    yes  -                                     missing        stops       stops
    yes   yes  -        checksums differ             changed        stops       runs
    yes   yes  -                                     applied        passes      runs
    yes   no   -        other environment            skipped        passes      passes
    yes   no   -        a newer one is applied       out of order   stops       passes
    yes   no   -                                     pending        runs        passes

`RULES` is that table; the first row that fits decides. What stops for missing, changed or out of
order passes where a user allows it (`migrations.choose.Allowances`); a rollback of a missing one
then runs the undo part that was stored when it was applied. What is squashed goes with its squash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal, NamedTuple


class State(StrEnum):
    """Where one migration stands."""

    REVERTING = "reverting"
    PARTIAL = "partial"
    ORPHANED = "orphaned"
    HALF_SQUASHED = "half squashed"
    SQUASHED = "squashed"
    MISSING = "missing"
    CHANGED = "changed"
    APPLIED = "applied"
    SKIPPED = "skipped"
    OUT_OF_ORDER = "out of order"
    PENDING = "pending"


class Move(StrEnum):
    """What a command does with a migration in some state."""

    RUN = "runs"
    RESUME = "goes on"
    PASS = "passes"
    STOP = "stops"


class VersionFacts(NamedTuple):
    """What is known of one version."""

    file: bool
    row: bool
    journal: Literal["up", "down"] | None = None
    same: bool = True
    here: bool = True
    newer_applied: bool = False
    squashed: bool = False
    half: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. None fits anything."""

    state: State
    on_migrate: Move
    on_rollback: Move
    file: bool | None = None
    row: bool | None = None
    journal: Literal["up", "down"] | None = None
    same: bool | None = None
    here: bool | None = None
    newer_applied: bool | None = None
    squashed: bool | None = None
    half: bool | None = None

    def fits(self, facts: VersionFacts) -> bool:
        """Whether this row describes `facts`. Journal None in a rule means: no journal."""
        return self.journal == facts.journal and all(
            want is None or want == have
            for want, have in (
                (self.file, facts.file),
                (self.row, facts.row),
                (self.same, facts.same),
                (self.here, facts.here),
                (self.newer_applied, facts.newer_applied),
                (self.squashed, facts.squashed),
                (self.half, facts.half),
            )
        )


RULES: tuple[Rule, ...] = (
    Rule(State.HALF_SQUASHED, Move.STOP, Move.STOP, file=True, half=True),
    Rule(State.HALF_SQUASHED, Move.STOP, Move.STOP, file=True, half=True, journal="up"),
    Rule(State.HALF_SQUASHED, Move.STOP, Move.STOP, file=True, half=True, journal="down"),
    Rule(State.REVERTING, Move.STOP, Move.RESUME, row=True, journal="down"),
    # A rollback that stopped between its last step and its history row's removal is impossible:
    # both are one transaction. Journal rows without a history row are leftovers of a DELETE by
    # hand; the migration is pending again.
    Rule(State.PENDING, Move.RUN, Move.PASS, file=True, row=False, journal="down"),
    Rule(State.ORPHANED, Move.STOP, Move.STOP, file=False, row=False, journal="down"),
    Rule(State.ORPHANED, Move.STOP, Move.STOP, file=False, journal="up"),
    Rule(State.PARTIAL, Move.RESUME, Move.STOP, file=True, row=False, journal="up"),
    Rule(State.APPLIED, Move.PASS, Move.RUN, file=True, row=True, journal="up"),
    Rule(State.SQUASHED, Move.PASS, Move.PASS, file=False, row=True, squashed=True),
    Rule(State.MISSING, Move.STOP, Move.STOP, file=False, row=True),
    Rule(State.CHANGED, Move.STOP, Move.RUN, file=True, row=True, same=False),
    Rule(State.APPLIED, Move.PASS, Move.RUN, file=True, row=True, same=True),
    Rule(State.SKIPPED, Move.PASS, Move.PASS, file=True, row=False, here=False),
    Rule(State.OUT_OF_ORDER, Move.STOP, Move.PASS, file=True, row=False, newer_applied=True),
    Rule(State.PENDING, Move.RUN, Move.PASS, file=True, row=False),
)


@cache
def rule_for(facts: VersionFacts) -> Rule:
    """The row of the table that describes `facts`. There is always one."""
    for rule in RULES:
        if rule.fits(facts):
            return rule
    raise AssertionError(f"the table of states has no row for {facts}")
