"""How many rows the next batch has: as many as take the time that is asked for.

A batch is sent with a look for the end of the next one, so its time decides about the one after
that. Sizes grow by a fifth at most, since a larger batch than ever before is a guess; they shrink
to what the time says at once, and are halved where a batch stood in somebody's way.
"""

from __future__ import annotations

from ..migrations.backfill import Batching

GROWTH = 1.2
FIRST = 1_000


def first_size(batching: Batching) -> int:
    """The rows of the first batch."""
    return max(batching.smallest, min(FIRST, batching.largest))


def next_size(rows: int, seconds: float, batching: Batching) -> int:
    """The size after a batch of `rows` keys that took so long."""
    factor = min(max(batching.time / max(seconds, 1e-6), 0.5), GROWTH)
    return _within(int(rows * factor), batching)


def halved(size: int) -> int:
    """The size after a batch that failed. Down to one row, so that a row that cannot be changed
    is found: the smallest batch is what a user wants of those that succeed."""
    return max(size // 2, 1)


def _within(size: int, batching: Batching) -> int:
    return min(max(size, batching.smallest), batching.largest)
