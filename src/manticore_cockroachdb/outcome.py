"""What a failure means: one table from SQLSTATE to verdict.

The executor asks once for each failed message and then does what the verdict says; nothing else
in the package compares SQLSTATEs to decide how to go on. Sources: CockroachDB docs, "Transaction
retry error reference" and "Common errors"; PostgreSQL docs, appendix A.
"""

from __future__ import annotations

from enum import StrEnum


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


_VERDICTS: dict[str, Verdict] = {
    "40001": Verdict.RETRY,  # serialization failure
    "CR000": Verdict.RETRY,  # the same, from old CockroachDB
    "40P01": Verdict.RETRY,  # deadlock detected
    "55P03": Verdict.RETRY,  # lock not available: lock_timeout
    "40003": Verdict.UNKNOWN,  # statement completion unknown
    "57P01": Verdict.UNKNOWN,  # admin shutdown, node draining
    "57P02": Verdict.UNKNOWN,  # crash shutdown
    "57P03": Verdict.UNKNOWN,  # cannot connect now
    "57P05": Verdict.UNKNOWN,  # idle session timeout
    "25P03": Verdict.UNKNOWN,  # idle in transaction session timeout: the session ends
    "25P04": Verdict.UNKNOWN,  # transaction timeout: the session ends
    "58C00": Verdict.UNKNOWN,  # CockroachDB: range unavailable
    "58C01": Verdict.UNKNOWN,  # CockroachDB: internal connection failure
    "XXA00": Verdict.PARTIAL,  # committed, but a schema change of it failed
}


def verdict_of(sqlstate: str | None) -> Verdict:
    """The verdict for an error; `sqlstate` None means that the connection was lost."""
    if sqlstate is None or sqlstate.startswith("08"):
        return Verdict.UNKNOWN
    return _VERDICTS.get(sqlstate, Verdict.FAILED)
