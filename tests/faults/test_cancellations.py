"""Some hundred cancellations; ten thousand are `python -m faults cancellations`."""

from __future__ import annotations

from faults.cancellations import strike


async def test_nothing_is_lost_half_done_or_left_behind(url: str) -> None:
    seen, problems = await strike(url, 200)
    assert not problems
    assert seen["cancelled"] >= 200
    assert set(seen) <= {"cancelled", "ended"}
