"""How many migrations the next message carries, each in a transaction of its own.

A message of several transactions saves their round trips, but its answers may come all at once,
and a run that is stopped stops at one of them. So messages grow only while the server needs no
longer than `SHORT` seconds for one, whatever the distance to it, and shrink again where a
migration takes long: that one then travels alone, as do its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..migrations.script import MigrationPlan
from .messages import LIMIT

SHORT = 0.2
MOST = 64


class Pace:
    """Grows from one migration a message; `distance` is how long the quickest answer took."""

    def __init__(self) -> None:
        self.count = 1

    def took(self, count: int, seconds: float, distance: float) -> None:
        """A message of `count` migrations was answered after so many seconds."""
        spent = seconds - min(distance, seconds)
        if spent > SHORT:
            self.count = max(1, int(count * SHORT / spent))
        elif count == self.count:
            self.count = min(count * 2, MOST)

    def stumbled(self) -> None:
        """Something did not go as it should: one at a time, so that it is seen which."""
        self.count = 1

    def next(self, plans: Sequence[MigrationPlan], at: int) -> Sequence[MigrationPlan]:
        """What goes into the next message: `plans[at]`, and those after it that may join it."""
        size, end = 0, at
        while end < len(plans) and end - at < self.count:
            plan = plans[end]
            size += len(plan.script.text)
            if not plan.self_contained or size > LIMIT:
                break
            end += 1
        return plans[at : max(end, at + 1)]
