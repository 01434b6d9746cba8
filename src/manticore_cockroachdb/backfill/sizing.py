"""How many rows the next batch has: as many as take the time that is asked for.

A batch is sent with a look for the end of the next one, so its time decides about the one after
that. Sizes grow by a fifth at most, since a larger batch than ever before is a guess; they shrink
to what the time says at once, and are halved where a batch stood in somebody's way.

The time is that of `-- @batch` while nobody waits for a row of ours. PostgreSQL tells at the end of
a batch whether somebody does: then the next ones may take half of the time, and slowly more again.
A row is locked for half of its batch on average, and a batch of half the time has half the rows, so
this is a quarter of the waiting, for some percent of the rate.
"""

from __future__ import annotations

from ..migrations.backfill import Batching

GROWTH = 1.2
FIRST = 1_000


FLOOR = 0.01
"""Seconds: a batch below this is more commit than work."""
EASE = 1.02


def first_size(batching: Batching) -> int:
    """The rows of the first batch."""
    return max(batching.smallest, min(FIRST, batching.largest))


def next_time(time: float, waited: bool, batching: Batching) -> float:
    """How long a batch may take, in seconds, after one that might take `time` (0: the first), and
    that somebody waited for or nobody."""
    time = time or batching.time
    if waited:
        return max(time / 2, min(FLOOR, batching.time))
    return min(time * EASE, batching.time)


def next_size(rows: int, seconds: float, time: float, batching: Batching) -> int:
    """The size after a batch of `rows` keys that took so long, where one may take `time`."""
    factor = min(max(time / max(seconds, 1e-6), 0.5), GROWTH)
    return _within(int(rows * factor), batching)


def halved(size: int) -> int:
    """The size after a batch that failed. Down to one row, so that a row that cannot be changed
    is found: the smallest batch is what a user wants of those that succeed."""
    return max(size // 2, 1)


def _within(size: int, batching: Batching) -> int:
    return min(max(size, batching.smallest), batching.largest)
