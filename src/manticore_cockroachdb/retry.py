"""When to try a transaction again, and after how long: a policy and one decision.

Only a failure that leaves nothing behind is tried again: the server aborted the transaction and
says by its SQLSTATE that running it once more may work (the table is `outcome`'s, which the
executor asks too). A connection that was lost before COMMIT was sent left nothing behind either.
One lost later and 40003, "result is ambiguous", are not among them: the transaction may have
been committed.

Delays double from ``base_delay`` up to ``max_delay``, each shortened by a random part of up to
one half, so that those who collided do not meet again at the same moment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .outcome import RETRYABLE, Verdict, verdict_of

__all__ = [
    "ABORTED",
    "RETRYABLE",
    "RetryPolicy",
    "decide",
    "kept_nothing",
    "never_wait",
    "state_of",
    "told_retry",
]

logger = logging.getLogger("manticore_cockroachdb.retry")

_never_wait = False
ABORTED = "40001"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after how long; delays are in seconds."""

    max_retries: int = 10
    base_delay: float = 0.05
    max_delay: float = 2.0


def decide(policy: RetryPolicy, sqlstate: str | None, attempt: int, random: float) -> float | None:
    """Return how long to wait before the next attempt, None to give up.

    ``attempt`` counts from 1 and is the one that failed; ``random`` is from [0, 1).
    """
    if verdict_of(sqlstate) is not Verdict.RETRY or attempt > policy.max_retries:
        return None
    if _never_wait:
        return 0.0
    # The exponent is bounded only to keep the number small.
    delay = min(policy.max_delay, policy.base_delay * 2.0 ** min(attempt - 1, 60))
    return delay * (1.0 - random / 2.0)


def kept_nothing(error: BaseException) -> None:
    """Say on an error that the connection was lost before COMMIT, so that nothing remains."""
    error.add_note("the connection was lost before COMMIT: nothing of the transaction remains")
    error.kept_nothing = True  # type: ignore[attr-defined]


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE that decides, that of an abort where nothing remains."""
    if getattr(error, "kept_nothing", False):
        return ABORTED
    state: str | None = getattr(error, "sqlstate", None)
    return state


def told_retry(error: BaseException, attempt: int, delay: float) -> None:
    """Log that something is tried again; never the server's words, which may quote values."""
    logger.info(
        "attempt %d failed with %s (%s); trying again in %.3f s",
        attempt,
        type(error).__name__,
        getattr(error, "sqlstate", None) or "no SQLSTATE",
        delay,
    )


@contextmanager
def never_wait() -> Iterator[None]:
    """Let every delay in this process be zero: for tests."""
    global _never_wait
    before, _never_wait = _never_wait, True
    try:
        yield
    finally:
        _never_wait = before
