"""What a session is doing, as the server itself tells others: its statement, how far that is, and
who keeps it waiting. SQL and its readers; nothing here asks.

PostgreSQL docs: "The Statistics Collector", pg_stat_activity and pg_stat_progress_create_index;
"System Information Functions", pg_blocking_pids. CockroachDB docs: SHOW SESSIONS. It has no
equivalent of pg_blocking_pids in every version, so there nobody is named.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parser.quoting import literal
from ..parser.secrets import without_secrets

LONGEST = 120


def pid_of(session: str) -> str | None:
    """The pid in the name that a lease has for a PostgreSQL session."""
    pid = session.partition(":")[0]
    return pid if pid.isdecimal() else None


def statement(session: str, *, cockroachdb: bool) -> str | None:
    """A query for the statement under way in a session: one row of one text, or none."""
    if cockroachdb:
        return (
            "SELECT active_queries FROM [SHOW SESSIONS]"
            f" WHERE session_id = {literal(session)} AND active_queries <> ''"
        )
    if (pid := pid_of(session)) is None:
        return None
    return (
        "SELECT query FROM pg_catalog.pg_stat_activity"
        f" WHERE pid = {pid} AND state <> 'idle' AND query <> ''"
    )


def blockers(session: str, *, cockroachdb: bool) -> str | None:
    """A query for who keeps a session waiting: pid, program, user and statement, a row each."""
    pid = pid_of(session)
    if cockroachdb or pid is None:
        return None
    return (
        "SELECT pid::TEXT, application_name, usename::TEXT, query FROM pg_catalog.pg_stat_activity"
        f" WHERE pid = ANY (pg_catalog.pg_blocking_pids({pid})) ORDER BY pid"
    )


def index_build(session: str) -> str | None:
    """A query for how far an index build of a PostgreSQL session is: phase, table, done, total."""
    if (pid := pid_of(session)) is None:
        return None
    return (
        "SELECT phase, relid::REGCLASS::TEXT, GREATEST(blocks_done, tuples_done)::TEXT,"
        " GREATEST(blocks_total, tuples_total)::TEXT"
        f" FROM pg_catalog.pg_stat_progress_create_index WHERE pid = {pid}"
    )


def cancel(session: str, *, cockroachdb: bool) -> str | None:
    """What cancels the statement under way in a session, and does nothing where none is."""
    if cockroachdb:
        return (
            "CANCEL QUERIES IF EXISTS (SELECT query_id FROM [SHOW CLUSTER QUERIES]"
            f" WHERE session_id = {literal(session)})"
        )
    pid, _, started = session.partition(":")
    if not pid.isdecimal():
        return None
    return (
        "SELECT pg_catalog.pg_cancel_backend(pid)::TEXT FROM pg_catalog.pg_stat_activity"
        f" WHERE pid = {pid} AND EXTRACT(EPOCH FROM backend_start)::TEXT = {literal(started)}"
    )


def named(row: Sequence[str | None]) -> str:
    """A row of `blockers` in words."""
    pid, program, user, query = row
    who = ", ".join(filter(None, (program, user)))
    return f"session {pid}" + (f" ({who})" if who else "") + f": {shown(query or '')}"


def shown(text: str) -> str:
    """A statement as it may be shown: one line, not too long, and no passwords."""
    line = " ".join(without_secrets(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
