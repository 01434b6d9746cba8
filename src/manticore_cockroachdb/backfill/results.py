"""The values a user gets back: how far a backfill is, who works on it, which rows failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .keys import Key, decode
from .machine import Wish


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """Who holds a range, how large its batches are, how long the last one took, in seconds, and
    how long the lease lasts, below 0 expired."""

    owner: str
    size: int
    seconds: float
    rows: int
    remaining: float


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row that could not be changed: its key, SQLSTATE, the server's words, when."""

    key: Key
    sqlstate: str | None
    message: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class BackfillStatus:
    """One backfill. `name` is its version, with ` undo` for a rollback's, or what a program calls
    it; `rows` of about `estimate` are done, `rate` a second by the batches under way; `remaining`
    in seconds, None where it cannot be told."""

    name: str
    version: int | None
    direction: str
    relation: str
    background: bool
    state: str
    note: str | None
    rows: int
    estimate: int | None
    batches: int
    ranges: int
    ranges_done: int
    rate: float | None
    remaining: float | None
    failed: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    workers: tuple[WorkerStatus, ...] = ()
    failures: tuple[FailedRow, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every row is done."""
        return self.state == Wish.COMPLETE


def statuses(
    rows: Iterable[Sequence[Any]],
    holders: Iterable[Sequence[Any]],
    failed: Iterable[Sequence[Any]],
) -> tuple[BackfillStatus, ...]:
    """The backfills that `BackfillTables.overview`, `holders` and `failed_rows` describe."""
    workers: dict[str, list[WorkerStatus]] = {}
    for run, owner, size, seconds, done, left in holders:
        worker = WorkerStatus(str(owner), int(size), float(seconds), int(done), float(left or 0.0))
        workers.setdefault(str(run), []).append(worker)
    failures: dict[str, list[FailedRow]] = {}
    for run, key, sqlstate, message, at in failed:
        failures.setdefault(str(run), []).append(
            FailedRow(decode(key) or (), sqlstate, message, at)
        )
    return tuple(_status(row, workers, failures) for row in rows)


def _status(
    row: Sequence[Any],
    workers: dict[str, list[WorkerStatus]],
    failures: dict[str, list[FailedRow]],
) -> BackfillStatus:
    name, run, version, direction, relation, background, state, note, estimate = row[:9]
    created, finished, rows, batches, ranges, left, started, failed = row[9:]
    mine = tuple(workers.get(run, ()))
    rate = sum(w.size / w.seconds for w in mine if w.seconds > 0 and w.remaining > 0) or None
    remaining = None
    if rate is not None and estimate is not None and state == Wish.RUNNING:
        remaining = max(int(estimate) - int(rows), 0) / rate
    return BackfillStatus(
        str(name),
        None if version is None else int(version),
        str(direction),
        str(relation),
        bool(background),
        str(state),
        note,
        int(rows),
        None if estimate is None else int(estimate),
        int(batches),
        int(ranges),
        int(ranges) - int(left),
        rate,
        remaining,
        int(failed),
        created,
        started,
        finished,
        mine,
        tuple(failures.get(run, ())),
    )
