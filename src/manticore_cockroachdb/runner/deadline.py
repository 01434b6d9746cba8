"""When a run has to be over, because a platform will end it otherwise.

Nothing new begins at the deadline: no migration, no step of one, no batch of a backfill. What runs
then is cancelled where that leaves nothing behind or the next run goes on from it: a transaction,
which is rolled back; PostgreSQL's CREATE INDEX CONCURRENTLY, whose invalid index the next run
removes; on CockroachDB the *waiting* for a schema change, whose job goes on in the cluster, where
the next run finds it. What records that something is done is never cancelled: see
`AsyncLease.watched`.

The heartbeat cancels, on its own connection and in SQL: a cancel request beside the protocol is
lost in a pooler and unknown to CockroachDB before v22.1.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic
from typing import TypeAlias

from ..errors import ConfigError, DeadlineReached
from ..migrations.script import MigrationPlan
from ..outcome import Verdict, took_too_long
from .failures import Stopped

When: TypeAlias = float | timedelta | datetime
"""Seconds from now, or a moment that knows its time zone."""


class Deadline:
    """A moment on the clock of this process, or none."""

    def __init__(self, when: When | None = None) -> None:
        self.at = inf if when is None else monotonic() + _seconds(when)

    @property
    def left(self) -> float:
        """Seconds until then, below 0 after it."""
        return self.at - monotonic()

    def passed(self) -> bool:
        """Whether it is over."""
        return self.at <= monotonic()

    def cut(self, stopped: Stopped) -> bool:
        """Whether it is we who made something stop, or would not let it try again."""
        tried = took_too_long(stopped.sqlstate) or stopped.verdict is Verdict.RETRY
        return self.passed() and tried


def _seconds(when: When) -> float:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ConfigError(
                f"The deadline {when} has no time zone.",
                hint="give an aware datetime, such as datetime.now(UTC) + timedelta(minutes=10)",
            )
        return (when - datetime.now(UTC)).total_seconds()
    seconds = when.total_seconds() if isinstance(when, timedelta) else when
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < inf:
        raise ConfigError(f"The deadline {when!r} is neither a moment nor a number of seconds.")
    return float(seconds)


def reached(
    plan: MigrationPlan | None, finished: tuple[int, ...], what: str = "", hint: str = ""
) -> DeadlineReached:
    """The error for a run whose time is up before ``plan``, or in it if ``what`` says how."""
    number = None if plan is None else plan.script.number
    if not what:
        before = "" if plan is None else f" before {plan.script.title}"
        what = f"The time was up{before}; nothing of it was begun." if before else "The time is up."
    error = DeadlineReached(
        what, version=number, hint=hint or "run again: it goes on where it stopped"
    )
    error.applied = finished
    return error
