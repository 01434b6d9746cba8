"""Whether a database has at least what a build's files need: asked before a program starts.

Not the question of `status`, whether files and database are the same. A program meets databases
that are *newer* than its files whenever an old pod is restarted, or a release is taken back while
its migrations stay; then it may start. What must not pass is a database that lacks something, or
one whose history is another one. So for each version:

    applied, or meant for another environment       it may start
    pending, half way, being undone                 it waits
    no file here, above the newest file             newer: it may start, and that is said
    no file below, changed, out of order            another history: waiting mends nothing

Repeatable files have no version, so of one that ran with another text nobody can tell which is the
newer. It may start then: an old build that waited for its own text would wait for ever. For one
that never ran it waits.

Which backfills a build needs is what its files say with ``-- @requires``, and what the caller
names. ``complete`` asks for more: every backfill, and every repeatable file as it is here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .choose import Allowances, VersionStatus, obstacle, passes
from .results import NEW
from .squash import has_run
from .states import Move, State

if TYPE_CHECKING:
    from ..backfill.results import BackfillStatus
    from ..errors import MigrationError
    from .results import LeaseStatus, RepeatableStatus
    from .status import Snapshot

_OTHERS = (State.MISSING, State.ORPHANED, State.REVERTING)
_UNDER_WAY = (State.PENDING, State.PARTIAL, State.REVERTING)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a database lacks for a build.

    ``missing`` are versions that are not applied, or are being undone; ``backfills`` those that are
    needed and not complete; ``repeatable`` the files that have to run; ``newer`` the versions of a
    newer build; ``runner`` is who is at work. ``problems`` are what waiting does not mend.
    """

    missing: tuple[int, ...]
    backfills: tuple[BackfillStatus, ...]
    repeatable: tuple[RepeatableStatus, ...]
    newer: tuple[int, ...]
    runner: LeaseStatus | None
    problems: tuple[MigrationError, ...] = ()

    @property
    def ready(self) -> bool:
        """Nothing is lacking and nothing wrong."""
        return not (self.missing or self.backfills or self.repeatable or self.problems)

    @property
    def lacking(self) -> tuple[str, ...]:
        """What is waited for, in words that stay the same while nothing happens."""
        found = []
        if self.missing:
            found.append(_versions("migration", self.missing))
        found += [f"the backfill of {one.name}, which is {one.state}" for one in self.backfills]
        if self.repeatable:
            found.append("repeatable " + ", ".join(one.name for one in self.repeatable))
        return tuple(found)


def readiness(
    snapshot: Snapshot,
    allow: Allowances,
    *,
    requires: Collection[int] = (),
    complete: bool = False,
) -> Readiness:
    """What a look at a database amounts to; ``requires`` are versions whose backfills are needed
    beside those that the files name."""
    files = [one.file for one in snapshot.statuses if one.file is not None]
    newest = max((file.version for file in files), default=-1)
    missing, newer, problems = [], [], []
    for one in snapshot.statuses:
        if one.state in _OTHERS and one.file is None and one.version > newest:
            newer.append(one.version)
        elif one.state in _UNDER_WAY or _is_due(one, allow):
            missing.append(one.version)
        elif one.rule.on_migrate is Move.STOP and not passes(one.state, allow):
            problems.append(obstacle(one, snapshot.statuses))
    applied = {row.version for row in snapshot.rows}
    missing += sorted(
        version
        for version in set(requires) - applied - set(missing)
        if not has_run(version, files, applied)
    )
    needed = {*requires, *(version for file in files for version in file.requires)}
    return Readiness(
        tuple(missing),
        tuple(
            one
            for one in snapshot.backfills
            if one.direction == "up"
            and not one.complete
            and (complete or (one.version in needed and one.version in applied))
        ),
        tuple(
            one
            for one in snapshot.repeatable
            if one.state in ("pending", "partial") and (complete or one.reason == NEW)
        ),
        tuple(newer),
        snapshot.runner,
        tuple(problems),
    )


def _is_due(one: VersionStatus, allow: Allowances) -> bool:
    return one.state is State.OUT_OF_ORDER and allow.out_of_order


def _versions(noun: str, versions: tuple[int, ...]) -> str:
    if len(versions) == 1:
        return f"{noun} {versions[0]}"
    return f"{len(versions):,} {noun}s, {versions[0]} to {versions[-1]}"
