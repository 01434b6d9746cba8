"""The job table of the imitated CockroachDB: schema changes that go on by themselves.

On CockroachDB a schema change that fills or checks existing data is a job: it starts when its
transaction has committed, the client's statement waits for it, and it goes on when the client is
gone (research: CockroachDB docs, "Online schema changes"; SHOW JOBS). `Jobs` keeps the jobs of
all connections of a proxy, answers for them in SHOW JOBS, and holds the scripts by which a test
says what is to become of one.

A script applies to the statement that contains its text. It lets the job run for a while, with
its fraction growing, and then succeed, fail, stop as paused, or revert for ever. Its effect comes
at the end of its time, at once, and only if it succeeds. A job without a script takes the time
its statement takes. RESUME, PAUSE and CANCEL act on any job that has not ended; a test may call
them from its own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from faults.imitate_sql import literal

Status = Literal[
    "running", "paused", "reverting", "succeeded", "failed", "canceled", "revert-failed"
]
TERMINAL: frozenset[Status] = frozenset(("succeeded", "failed", "canceled", "revert-failed"))
_FIRST = 1168788013093683200


@dataclass(frozen=True, slots=True)
class JobScript:
    """What becomes of the job of a statement that contains ``match``, whatever its case.

    It runs for ``seconds``, then ends as ``ends``: "failed" with ``sqlstate`` and ``message``,
    after another ``reverting`` seconds; "paused" and "reverting" until someone acts.
    """

    match: str
    seconds: float = 0.0
    ends: Literal["succeeded", "failed", "paused", "reverting"] = "succeeded"
    sqlstate: str = "23505"
    message: str = "violates unique constraint"
    reverting: float = 0.0
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it is now."""

    id: int
    description: str
    user: str
    status: Status
    created: float
    modified: float
    fraction: float = 0.0
    error: str = ""
    sqlstate: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in TERMINAL


class Jobs:
    """The jobs of one imitated cluster; safe to use from any thread."""

    def __init__(self, scripts: Sequence[JobScript] = ()) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._scripts = list(scripts)

    def script(self, *scripts: JobScript) -> None:
        """Say what becomes of jobs to come."""
        with self._lock:
            self._scripts += scripts

    def take_script(self, sql: str) -> JobScript | None:
        """The script for a statement, used up if it was its last time."""
        with self._lock:
            for at, one in enumerate(self._scripts):
                if one.match.lower() not in sql.lower():
                    continue
                if one.times == 1:
                    del self._scripts[at]
                elif one.times is not None:
                    self._scripts[at] = replace(one, times=one.times - 1)
                return one
        return None

    def start(self, description: str, user: str) -> int:
        """A new running job's id."""
        with self._lock:
            number = _FIRST + 32769 * (len(self._jobs) + 1)
            now = time.time()
            self._jobs[number] = Job(number, description, user, "running", now, now)
            return number

    def all(self) -> list[Job]:
        """Every job, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def __getitem__(self, number: int) -> Job:
        with self._lock:
            return self._jobs[number]

    def update(
        self,
        number: int,
        status: Status | None = None,
        *,
        fraction: float | None = None,
        error: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        """Change a job that has not ended."""
        with self._lock:
            job = self._jobs[number]
            if not job.ended:
                self._jobs[number] = replace(
                    job,
                    status=job.status if status is None else status,
                    fraction=job.fraction if fraction is None else fraction,
                    error=job.error if error is None else error,
                    sqlstate=job.sqlstate if sqlstate is None else sqlstate,
                    modified=time.time(),
                )

    def control(self, verb: str, number: int) -> None:
        """PAUSE, RESUME or CANCEL a job. Raises KeyError for a job that there is not."""
        if verb == "PAUSE":
            self.update(number, "paused")
        elif verb == "RESUME":
            self.update(number, "running")
        else:
            self.update(number, "canceled", error="job canceled by user")


def rows_sql(
    jobs: Sequence[Job],
    version: tuple[int, int],
    *,
    whole: bool = False,
    also: str | None = None,
) -> str:
    """A subquery with the rows and columns of SHOW JOBS on this version.

    ``whole`` gives descriptions uncut; ``also`` is a row source of the server's own to add.
    v24.1 took away ``last_run`` and its like, and cuts a description of more than 70 characters
    to its ends except in SHOW JOB id; v25.3 took away ``started`` (release notes v24.1.0-beta.1
    and v25.3.0-beta.1).
    """
    columns = [
        ("job_id", "INT8"),
        ("job_type", "TEXT"),
        ("description", "TEXT"),
        ("user_name", "TEXT"),
        ("status", "TEXT"),
        ("running_status", "TEXT"),
        ("created", "TIMESTAMPTZ"),
        ("started", "TIMESTAMPTZ"),
        ("finished", "TIMESTAMPTZ"),
        ("modified", "TIMESTAMPTZ"),
        ("fraction_completed", "FLOAT8"),
        ("error", "TEXT"),
        ("coordinator_id", "INT8"),
    ]
    kept = [one for one in columns if version < (25, 3) or one[0] != "started"]
    names = [name for name, _ in kept]
    blank = "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in kept)
    selects = [f"{blank} WHERE false"]
    if also is not None:
        native = ", ".join(f"{name}::{kind}" for name, kind in kept)
        selects.append(f"SELECT {native} FROM {also}")
    for job in jobs:
        values = _values(job, cut=version >= (24, 1) and not whole)
        selects.append(
            "SELECT " + ", ".join(f"{_sql(values[name])}::{kind}" for name, kind in kept)
        )
    return f"(SELECT {', '.join(names)} FROM ({' UNION ALL '.join(selects)}) AS jobs)"


def _values(job: Job, *, cut: bool) -> dict[str, str | None]:
    description = job.description
    if cut and len(description) > 70:
        description = f"{description[:60]} … {description[-7:]}"
    created = datetime.fromtimestamp(job.created, UTC).isoformat()
    modified = datetime.fromtimestamp(job.modified, UTC).isoformat()
    return {
        "job_id": str(job.id),
        "job_type": "NEW SCHEMA CHANGE",
        "description": description,
        "user_name": job.user,
        "status": job.status,
        "running_status": None,
        "created": created,
        "started": created,
        "finished": modified if job.ended else None,
        "modified": modified,
        "fraction_completed": str(job.fraction),
        "error": job.error,
        "coordinator_id": "1",
    }


def _sql(value: str | None) -> str:
    return "NULL" if value is None else literal(value)
