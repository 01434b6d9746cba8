"""A run as lines of `logging`: a listener around another one.

    manticore_cockroachdb.runner      migrations, steps, hooks, the lease, retries
    manticore_cockroachdb.backfill    how far backfills are

Beginnings and ends are INFO, what goes on between is DEBUG. A line has versions, names and
SQLSTATEs, never SQL, parameters or the server's words, which may quote values. Nothing is a
WARNING: what a person has to know is an error that is raised, and the program says so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import events as e

if TYPE_CHECKING:
    from .events import Event, Listener

RUNNER = logging.getLogger("manticore_cockroachdb.runner")
BACKFILL = logging.getLogger("manticore_cockroachdb.backfill")

_DONE = {"up": "applied", "down": "rolled back"}


def logging_too(listener: Listener) -> Listener:
    """Return a listener that logs an event and passes it on."""

    def hear(event: Event) -> None:
        listener(event)
        log(event)

    return hear


def log(event: Event) -> None:
    """Write the line of an event, if it has one."""
    match event:
        case e.RunPlanned(direction=direction, versions=versions):
            RUNNER.info("%d migrations to run, %s", len(versions), direction)
        case e.LeaseTaken(token=token, previous=previous):
            RUNNER.info("took the lease, token %d%s", token, _from(previous))
        case e.LeaseWaiting(owner=owner, remaining=remaining):
            RUNNER.info("waiting for %s, whose lease lasts %.1f s", owner, remaining)
        case e.MigrationStarted(version=version, direction=direction, mode=mode, steps=steps):
            RUNNER.debug("migration %d begins: %s, %s, %d steps", version, direction, mode, steps)
        case e.StepStarted(version=version, ordinal=ordinal, steps=steps, resumed=resumed):
            again = ", again" if resumed else ""
            RUNNER.debug("migration %d: step %d of %d%s", version, ordinal + 1, steps, again)
        case e.MigrationFinished(version=version, direction=direction, seconds=seconds):
            RUNNER.info("migration %d %s in %.3f s", version, _DONE[direction], seconds)
        case e.RepeatableFinished(names=names, seconds=seconds):
            RUNNER.info("ran %s in %.3f s", ", ".join(names), seconds)
        case e.HookFinished(name=name, seconds=seconds):
            RUNNER.info("hook %s ran in %.3f s", name, seconds)
        case e.Retrying(version=version, sqlstate=sqlstate, attempt=attempt, delay=delay):
            RUNNER.info(
                "attempt %d%s failed with %s; again in %.3f s",
                attempt,
                "" if version is None else f" of migration {version}",
                sqlstate or "no SQLSTATE",
                delay,
            )
        case e.Recovered(version=version, outcome=outcome):
            RUNNER.info("migration %d: connected again; %s", version, outcome)
        case e.Blocked(version=version, by=by):
            RUNNER.info("migration %d waits for %d other sessions", version, len(by))
        case e.JobProgress(version=version, job=job, status=status):
            RUNNER.debug("migration %d: job %s is %s", version, job, status)
        case e.BackfillProgress(name=name, rows=rows, estimate=estimate, failed=failed):
            BACKFILL.debug("backfill %s: %d rows of %s, %d failed", name, rows, estimate, failed)
        case _:
            pass


def _from(previous: str | None) -> str:
    return "" if previous is None else f", from {previous}, who had not given it back"
