"""Where a run is made to crash, so that each place where it could die is died at once.

A runner that goes on does not repeat what is journalled, so the messages of each crash are counted
from the step that is due then. What travels, message by message:

    transaction    BEGIN … history row, COMMIT
    python         BEGIN | its statements | history row, COMMIT
    atomic step    BEGIN … journal row, COMMIT
    step alone     journal "started" | the statement | journal "done", and that the next begins
    at the end     history row, COMMIT; with the end of the last step, if that ran alone
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..analysis.catalog_probe import effect_of
from ..migrations.script import MigrationPlan, Mode, Step

MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Die at the message of this number. ``torn``: before its COMMIT, so that the server takes
    it back; otherwise when the server has done it and nobody has heard."""

    message: int
    torn: bool = False


def crash_points(plan: MigrationPlan, *, cockroachdb: bool) -> Iterator[CrashPoint]:
    """The crashes to go through, one run each, in this order; then a run without one."""
    if plan.mode is Mode.PYTHON:  # BEGIN, what it does, and the end
        yield from (CrashPoint(0), CrashPoint(1, torn=True), CrashPoint(1))
        return
    if plan.mode is Mode.STEPS:
        for step in plan.steps[:MOST_STEPS]:
            if step.atomic:
                yield from (CrashPoint(0, torn=True), CrashPoint(0))
            elif is_visible(step, cockroachdb=cockroachdb):
                yield from (CrashPoint(0), CrashPoint(1))
                if step is plan.steps[-1]:
                    yield CrashPoint(0, torn=True)
                yield CrashPoint(0)
            else:
                yield CrashPoint(2)
        if len(plan.steps) > MOST_STEPS or not plan.steps[-1].atomic:
            return
    yield from (CrashPoint(0, torn=True), CrashPoint(0))


def is_visible(step: Step, *, cockroachdb: bool) -> bool:
    """Whether a statement that runs alone can be found done, or be run twice without harm."""
    return not effect_of(step.node, cockroachdb=cockroachdb).blind
