"""What a failure means: the one place that compares SQLSTATEs.

`verdict_of` is a table from SQLSTATE to how to go on; the executor asks once for each failed
message and does what the verdict says, and `retry` tries again what the same table calls RETRY.
Below it stand the few questions that only one caller has ("was it our table that is not there?"),
so that nothing else in the package compares SQLSTATEs to decide how to go on. Sources:
CockroachDB docs, "Transaction retry error reference" and "Common errors"; PostgreSQL docs,
appendix A.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal


class Verdict(StrEnum):
    """How to go on after a failure."""

    RETRY = "retry"
    """Nothing happened; the same thing may succeed when done again."""
    UNKNOWN = "unknown"
    """It may have happened or not; reconnect and look."""
    PARTIAL = "partial"
    """Part of it stayed. Never retried."""
    FAILED = "failed"
    """Nothing happened, and doing it again would fail again."""


_TABLE: dict[str, tuple[Verdict, str]] = {
    "40001": (Verdict.RETRY, "serialization_failure: the transaction met another one"),
    "CR000": (Verdict.RETRY, "what CockroachDB before 1.0 called 40001, and some proxies still do"),
    "40P01": (Verdict.RETRY, "deadlock_detected: PostgreSQL chose it as the victim"),
    "55P03": (Verdict.RETRY, "lock_not_available: lock_timeout, or NOWAIT, gave up the wait"),
    "40003": (Verdict.UNKNOWN, "statement_completion_unknown"),
    "57P01": (Verdict.UNKNOWN, "admin_shutdown: the node drains"),
    "57P02": (Verdict.UNKNOWN, "crash_shutdown"),
    "57P03": (Verdict.UNKNOWN, "cannot_connect_now"),
    "57P05": (Verdict.UNKNOWN, "idle_session_timeout"),
    "25P03": (Verdict.UNKNOWN, "idle_in_transaction_session_timeout: the session ends"),
    "25P04": (Verdict.UNKNOWN, "transaction_timeout: the session ends"),
    "58C00": (Verdict.UNKNOWN, "CockroachDB: range unavailable"),
    "58C01": (Verdict.UNKNOWN, "CockroachDB: internal connection failure"),
    "XXA00": (Verdict.PARTIAL, "committed, but a schema change of it failed"),
}

RETRYABLE = {code: why for code, (verdict, why) in _TABLE.items() if verdict is Verdict.RETRY}
"""The SQLSTATEs after which nothing is left behind and another try may succeed, and why."""


# What CockroachDB says, without an SQLSTATE of its own, while nodes of a cluster are away and its
# ranges look for a leaseholder. Sources: its docs, "Common errors"; its source, pkg/rpc/nodedialer
# ("unable to dial"), pkg/util/circuit ("breaker open"), pkg/kv/kvserver ("aborted during
# Replica.Send: context canceled", of a statement whose session was ended or that timed out, at its
# COMMIT perhaps); and v20.2 itself, nodes of which were killed, stopped and drained.
_TROUBLE = re.compile(
    r"breaker open|unable to dial|rpc error|result is ambiguous|failed to connect to n\d"
    r"|initial connection heartbeat failed|node unavailable|no inbound stream connection"
    r"|lost quorum|range unavailable|replica unavailable|not accepting clients|is draining"
    r"|node liveness|connection reset by peer|connection refused|broken pipe"
    r"|transport is closing|server closed the stream|sending to all \d+ replicas failed"
    r"|aborted during [^:]+: context (?:canceled|deadline exceeded)"
)


def verdict_of(sqlstate: str | None, text: str = "") -> Verdict:
    """The verdict for an error; `sqlstate` None means that the connection was lost.

    `text` is the error's: CockroachDB has no SQLSTATE for a good part of a cluster's trouble.
    """
    if sqlstate is None or sqlstate.startswith("08"):
        return Verdict.UNKNOWN
    if sqlstate in ("XXUUU", "XX000", "58000") and _TROUBLE.search(text):
        return Verdict.UNKNOWN
    return _TABLE[sqlstate][0] if sqlstate in _TABLE else Verdict.FAILED


# --- single questions ---------------------------------------------------------------------


def is_ambiguous(sqlstate: str | None) -> bool:
    """Whether the server says, over a connection that goes on, that it does not know itself
    what became of a statement: 40003, "result is ambiguous" as CockroachDB has it."""
    return sqlstate == "40003"


_ABSENT: dict[str, Literal["table", "column", "schema"]] = {
    "42P01": "table",
    "42703": "column",
    "3F000": "schema",
}


def absent(sqlstate: str | None) -> Literal["table", "column", "schema"] | None:
    """What a statement named that is not there; None when the error is another one."""
    return _ABSENT.get(sqlstate or "")


def is_not_made_yet(sqlstate: str | None) -> bool:
    """Whether the database of the URL, or every schema of its search path, is not there."""
    return sqlstate == "3D000" or absent(sqlstate) == "schema"


def names_nothing(sqlstate: str | None) -> bool:
    """Whether a statement named a table, column, schema, function or type that is not there."""
    return absent(sqlstate) is not None or sqlstate in ("42883", "42704")


def raced(sqlstate: str | None) -> bool:
    """Whether somebody else was making the same tables at the same moment: look again."""
    return sqlstate in ("23505", "42P07", "42710", "42701", "40001", "40P01", "XX000")


def is_denied(sqlstate: str | None) -> bool:
    """Whether a right is missing."""
    return sqlstate == "42501"


def no_such_session(sqlstate: str | None) -> bool:
    """Whether a session that was to be ended is not there (any more)."""
    return sqlstate in ("42704", "22023")


def is_division_by_zero(sqlstate: str | None) -> bool:
    """What the fence in our messages fails with when the lease is not ours any more."""
    return sqlstate == "22012"


def is_syntax_error(sqlstate: str | None) -> bool:
    """Whether the server's parser stopped somewhere in a statement."""
    return sqlstate == "42601"


def is_duplicate(sqlstate: str | None) -> bool:
    """Whether a unique key was there already."""
    return sqlstate == "23505"


def is_of_a_check(sqlstate: str | None) -> bool:
    """Whether a row is not what a CHECK, of its table or its domain, wants."""
    return sqlstate == "23514"


def refuses_copy(sqlstate: str | None) -> bool:
    """Whether INSERT perhaps can what COPY cannot, or says better why not: a view, row-level
    security; on CockroachDB some values, and in some versions users without all rights."""
    return (sqlstate or "").startswith(("0A", "22", "42", "XXUUU"))


# Data exceptions, broken constraints, too many rows of a subquery, RAISE and its like in routines
# and triggers, a view's check, a program's limits.
_OF_A_ROW = ("22", "23", "21", "P0", "38", "39", "09", "27", "44", "54")


def is_of_a_row(sqlstate: str | None) -> bool:
    """Whether a statement over many rows may have failed because of one of them."""
    return (sqlstate or "").startswith(_OF_A_ROW)


def took_too_long(sqlstate: str | None) -> bool:
    """Whether the server ended a statement that took longer than it may, or was asked to."""
    return sqlstate == "57014"


def was_cancelled(sqlstate: str | None, text: str) -> bool:
    """Whether CockroachDB ended a statement that no limit had reached: somebody asked it to, or its
    node drains, which cancels what runs and then closes the connection."""
    said = "query execution canceled" in text and "timeout" not in text
    return took_too_long(sqlstate) and said
