"""CockroachDB's schema change jobs, as SHOW JOBS tells of them.

Columns are chosen by name, since they come and go with versions: `started` went in v25.3,
`description` is cut to its ends from v24.1. `crdb_internal.jobs` is denied from v26.1, SHOW JOBS
is not. Garbage collection jobs wait for hours by design and are never waited for. A user always
sees their own jobs, so no privilege is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..parser.nodes import QName

TERMINAL = ("succeeded", "failed", "canceled", "revert-failed")
PAUSED = ("paused", "pause-requested")
_TYPES = ("SCHEMA CHANGE", "NEW SCHEMA CHANGE", "TYPEDESC SCHEMA CHANGE")

UNFINISHED = (
    "SELECT job_id::TEXT, status, fraction_completed::FLOAT8, description, error"
    " FROM [SHOW JOBS] WHERE job_type IN ("
    + ", ".join(f"'{t}'" for t in _TYPES)
    + ") AND user_name = current_user AND status NOT IN ("
    + ", ".join(f"'{s}'" for s in TERMINAL)
    + ") ORDER BY created"
)
"""One row for each schema change of ours that has not ended, oldest first."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `fraction` is from 0 to 1, None where the server does not know."""

    id: str
    status: str
    fraction: float | None
    description: str
    error: str

    @property
    def stuck(self) -> bool:
        """Whether it will not end without somebody's help."""
        return self.status in PAUSED


def jobs_of(rows: list[tuple[Any, ...]], tables: tuple[QName, ...]) -> tuple[Job, ...]:
    """The jobs that may be about `tables` (none named: all of them).

    A description that was cut may hide a table's name, so it counts.
    """
    jobs = tuple(
        Job(str(i), str(s), None if f is None else float(f), str(d or ""), str(e or ""))
        for i, s, f, d, e in rows
    )
    names = [t.name.lower() for t in tables]
    return tuple(
        j
        for j in jobs
        if not names or " … " in j.description or any(x in j.description.lower() for x in names)
    )
