"""Where the engines differ, or one is enough: every reason that a test has to leave one out.

A difference has the ticket or the page that says so, and is named once:

    @pytest.mark.engine("postgresql", because="NOTIFY")

runs on PostgreSQL and is skipped on CockroachDB, with the reason and its source in the report.
Where a body goes two ways, `lacks` asks by the same name. A reason without a source says that
nothing differs, and that one engine is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from .servers import Server

ISSUE = "https://github.com/cockroachdb/cockroach/issues/"
PAGE = "https://www.cockroachlabs.com/docs/"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an engine is left out. ``until`` is the first CockroachDB that does not differ."""

    text: str
    source: str = ""
    until: tuple[int, int] | None = None

    def __str__(self) -> str:
        before = f" before v{self.until[0]}.{self.until[1]}" if self.until else ""
        return f"CockroachDB{before} {self.text} ({self.source})" if self.source else self.text


REASONS: dict[str, Reason] = {
    # --- what CockroachDB has not, or not yet ------------------------------------------------
    "settings of a database": Reason("has no ALTER DATABASE … SET", f"{ISSUE}26947", until=(21, 2)),
    "settings of a role": Reason("has no ALTER ROLE … SET", f"{ISSUE}21151", until=(21, 2)),
    "settings of one's own": Reason(
        "takes no setting with a dot in its name",
        "https://github.com/cockroachdb/cockroach/pull/71915",
        until=(22, 1),
    ),
    "options": Reason("ignores `options` in a URL", f"{ISSUE}59404", until=(21, 1)),
    "cancel requests": Reason(
        "ignores the protocol's cancel request, on which psycopg waits for five seconds",
        f"{ISSUE}41335",
        until=(22, 1),
    ),
    "lock_timeout": Reason("takes lock_timeout and ignores it", f"{ISSUE}67513", until=(21, 2)),
    "blockers": Reason(
        "has no pg_blocking_pids, and its schema changes wait for no reader",
        f"{PAGE}stable/online-schema-changes",
    ),
    "COPY TO": Reason("copies nothing to the client", f"{PAGE}v22.2/copy", until=(22, 2)),
    "cursors": Reason("has no SQL cursors", f"{ISSUE}41412", until=(22, 1)),
    "functions": Reason("has no functions", f"{ISSUE}17511", until=(22, 2)),
    "schema changes in DO": Reason("runs no schema change in DO", f"{PAGE}stable/do"),
    "types in place": Reason(
        "changes types only behind an experimental setting",
        f"{PAGE}v25.1/alter-table",
        until=(25, 1),
    ),
    "rights on schemas": Reason(
        "let everybody use a schema in its older versions", f"{PAGE}v20.2/authorization"
    ),
    "numbers and texts": Reason(
        "joined no number to a text in its older versions",
        f"{PAGE}v20.2/functions-and-operators",
    ),
    "users": Reason(
        "without certificates knows only users that may do everything",
        f"{PAGE}stable/security-reference/security-overview",
    ),
    "connection limit": Reason("has no CONNECTION LIMIT", f"{PAGE}stable/create-role"),
    "views that are written to": Reason("has no updatable views", f"{ISSUE}20948"),
    "deferred checks": Reason("checks no constraint at COMMIT", f"{ISSUE}31632"),
    "encodings": Reason("knows no encoding but UTF-8", f"{ISSUE}35882"),
    "NOTIFY": Reason("has no NOTIFY", f"{ISSUE}41522"),
    "backslashes": Reason(
        "has no standard_conforming_strings = off", f"{PAGE}stable/session-variables"
    ),
    "pg_terminate_backend": Reason("ends sessions with CANCEL SESSION", f"{ISSUE}35897"),
    "names of constraints": Reason(
        "names no constraint in its errors", f"{ISSUE}63014", until=(21, 1)
    ),
    "ANALYZE": Reason("takes statistics with CREATE STATISTICS", f"{PAGE}stable/create-statistics"),
    "objects of PostgreSQL": Reason(
        "has none of these objects", f"{PAGE}stable/postgresql-compatibility"
    ),
    # --- what it does otherwise --------------------------------------------------------------
    "sessions of a node": Reason(
        "shows what sessions of all databases do at this moment", f"{PAGE}stable/show-sessions"
    ),
    "schema changes in a transaction": Reason(
        "covers few schema changes by a transaction; they are steps of their own",
        f"{PAGE}stable/online-schema-changes",
    ),
    "jobs for schema changes": Reason(
        "makes each schema change a job, which takes its time", f"{PAGE}stable/show-jobs"
    ),
    "no locks on tables": Reason(
        "takes no locks on tables for schema changes", f"{PAGE}stable/online-schema-changes"
    ),
    "CONCURRENTLY": Reason(
        "builds every index so, and keeps none that failed", f"{PAGE}stable/create-index"
    ),
    "partitions": Reason("has partitions that are no tables", f"{PAGE}stable/partitioning"),
    "sizes of ranges": Reason(
        "counts sizes by ranges, which new tables share", f"{PAGE}stable/show-ranges"
    ),
    "dropped while in use": Reason("drops a database in use", f"{PAGE}stable/drop-database"),
    "standby": Reason(
        "has no standby to connect to", f"{PAGE}stable/physical-cluster-replication-overview"
    ),
    # --- what does not differ ----------------------------------------------------------------
    "one engine": Reason("one engine is enough: no server decides this"),
    "quicker": Reason("on PostgreSQL, where a database is made in no time"),
    "throwaway server": Reason("only the embedded PostgreSQL is always there"),
    "imitated": Reason("an imitated CockroachDB has a PostgreSQL behind it"),
    "PostgreSQL's rules": Reason("it is about PostgreSQL alone"),
    "CockroachDB's own": Reason("it is about CockroachDB alone"),
}


def lacks(server: Server, name: str) -> bool:
    """Return whether a server differs by this reason."""
    reason = REASONS[name]
    assert reason.source, f"{name} is no difference"
    if server.engine != "cockroachdb":
        return False
    major, minor, *_ = server.version.partition(" v")[2].split(".")
    return reason.until is None or (int(major), int(minor)) < reason.until
