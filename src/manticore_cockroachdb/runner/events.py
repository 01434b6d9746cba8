"""What a run tells while it goes on: one frozen record per happening.

`on_event` receives them in order, from the thread or task that runs the migration, except
`JobProgress` and `LeaseRenewed`, which come from the one that keeps the lease. The terminal's
progress bar, the plain log lines and a user's own monitoring are all built on these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True, slots=True)
class ForeignHistory(Event):
    """The database has the history of another migration tool in `table`, and none of ours.

    That is no error: the two may live side by side. But migrations that the other tool has applied
    would be applied once more, unless `baseline` records them.
    """

    tool: str
    table: str


@dataclass(frozen=True, slots=True)
class WaitingFor(Event):
    """`wait` waits: `what` the database lacks, in words; `remaining` seconds until it gives up.
    Told once, and when it changes."""

    what: str
    remaining: float


@dataclass(frozen=True, slots=True)
class LeaseWaiting(Event):
    """Another runner holds the lease; `remaining` seconds until it expires unless renewed."""

    owner: str
    remaining: float


@dataclass(frozen=True, slots=True)
class LeaseTaken(Event):
    """We may migrate. `previous` is the holder that never released it, None normally."""

    token: int
    previous: str | None


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """`versions` are about to run, in this order."""

    direction: Literal["up", "down"]
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MigrationStarted(Event):
    version: int
    description: str
    direction: Literal["up", "down"]
    mode: str
    steps: int


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """Step `ordinal` (from 0) of `steps` begins. `resumed`: an earlier run had begun it."""

    version: int
    ordinal: int
    steps: int
    sql: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class StatementProgress(Event):
    """A long script goes on: `done` of the `total` statements of one transaction, or step, have run
    in it. Told about once a megabyte of SQL; a transaction that is tried again begins anew."""

    version: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class JobProgress(Event):
    """A schema change goes on in the cluster: `fraction` from 0 to 1, None when unknown."""

    version: int
    job: str
    status: str
    fraction: float | None
    description: str


@dataclass(frozen=True, slots=True)
class BackfillProgress(Event):
    """A backfill goes on: `rows` of about `estimate` are done, `rate` a second; `remaining` seconds
    by that; `size` rows in the next batch; `failed` rows could not be changed; `waits_for`: why it
    waits now, empty while it does not; `makes_room`: others are at work, so it leaves them the
    server for most of the time."""

    version: int | None
    name: str
    rows: int
    estimate: int | None
    rate: float
    remaining: float | None
    size: int
    workers: int
    failed: int
    waits_for: str = ""
    makes_room: bool = False


@dataclass(frozen=True, slots=True)
class Blocked(Event):
    """The statement under way waits for others: ``by`` says in words which sessions they are and
    what those do."""

    version: int
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retrying(Event):
    """What failed will be tried again after `delay` seconds."""

    version: int | None
    sqlstate: str | None
    reason: str
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class Recovered(Event):
    """The connection was lost and is back; `outcome` says what had become of the statement."""

    version: int
    outcome: str


@dataclass(frozen=True, slots=True)
class MigrationFinished(Event):
    """Applied, or rolled back, and recorded; `seconds` as this runner saw it."""

    version: int
    description: str
    direction: Literal["up", "down"]
    seconds: float


@dataclass(frozen=True, slots=True)
class RepeatableStarted(Event):
    """Repeatable files run, in this order: those that changed and what depends on them."""

    names: tuple[str, ...]
    mode: str
    steps: int


@dataclass(frozen=True, slots=True)
class RepeatableFinished(Event):
    """They ran, and are recorded."""

    names: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class HookFinished(Event):
    """The hook ``name`` ran, before or after the migration ``version`` if it is one for each."""

    name: str
    version: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """The server said something, for example RAISE NOTICE in a DO block."""

    severity: str
    message: str


Listener = Callable[[Event], None]
