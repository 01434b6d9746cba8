"""When a transaction is tried again, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.retry import RETRYABLE, RetryPolicy, decide, never_wait

POLICY = RetryPolicy(max_retries=3, base_delay=0.1, max_delay=1.0)


@pytest.mark.parametrize("sqlstate", [None, "23505", "40003", "57P01", "08006", "XXA00", ""])
def test_what_may_have_been_committed_is_never_tried_again(sqlstate: str | None) -> None:
    assert decide(POLICY, sqlstate, 1, 0.0) is None


def test_delays_double_up_to_the_limit() -> None:
    policy = RetryPolicy(max_retries=100, base_delay=0.1, max_delay=1.0)
    delays = [decide(policy, "40001", attempt, 0.0) for attempt in (1, 2, 3, 4, 5, 100)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@given(st.sampled_from(sorted(RETRYABLE)), st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_every_delay_is_bounded_and_the_attempts_are_too(
    sqlstate: str, attempt: int, random: float
) -> None:
    delay = decide(POLICY, sqlstate, attempt, random)
    if attempt > POLICY.max_retries:
        assert delay is None
    else:
        assert delay is not None
        assert POLICY.base_delay / 2 <= delay <= POLICY.max_delay


def test_a_policy_without_retries_gives_up_at_once() -> None:
    assert decide(RetryPolicy(max_retries=0), "40001", 1, 0.5) is None


def test_never_wait_is_for_tests() -> None:
    with never_wait():
        assert decide(POLICY, "40001", 2, 0.0) == 0.0
        assert decide(POLICY, "40001", 4, 0.0) is None
    assert decide(POLICY, "40001", 2, 0.0) == pytest.approx(0.2)
