"""How many rows the next batch has: as many as take the time that is asked for.

A batch is sent with a look for the end of the next one, so its time decides about the one after
that. Sizes grow by a fifth at most, since a larger batch than ever before is a guess; they shrink
to what the time says at once, and are halved where a batch stood in somebody's way.

The time is that of `-- @batch` while nobody waits for a row of ours. PostgreSQL tells at the end of
a batch whether somebody does: then the next ones may take half of the time, and slowly more again.
A row is locked for half of its batch on average, and a batch of half the time has half the rows, so
this is a quarter of the waiting, for some percent of the rate.

Whoever shares the server waits without waiting for a row: for a processor, for the disk, for the
log that a commit has to flush together with ours. So while others are at work, and unless
`-- @batch` says how long to pause, batches take a small share of their time (`brakes.Company`), and
after each the server is left to others for three times as long. `python -m benchmarks --only
backfill` has what that is worth.
"""

from __future__ import annotations

from ..migrations.backfill import Batching

GROWTH = 1.2
FIRST = 1_000


FLOOR = 0.01
"""Seconds: a batch below this is more commit than work."""
EASE = 1.02

REST = 3.0
"""Times as long as the batch before, the server is left to others at work."""


def first_size(batching: Batching) -> int:
    """The rows of the first batch."""
    return max(batching.smallest, min(FIRST, batching.largest))


def next_time(time: float, waited: bool, batching: Batching, *, share: float = 1.0) -> float:
    """How long a batch may take, in seconds, after one that might take `time` (0: the first), and
    that somebody waited for or nobody. `share`: the part of all the time that it may take now."""
    most = batching.time * share
    time = time or most
    if waited:
        return min(max(time / 2, min(FLOOR, most)), most)
    return min(time * EASE, most)


def pause_after(seconds: float, distance: float, batching: Batching, *, shared: bool) -> float:
    """How long to leave the server alone, in seconds, after a batch that took so long; what the
    next message is on its way is a part of that."""
    if batching.pause is not None:
        return batching.pause
    return max(REST * seconds - distance, 0.0) if shared else 0.0


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
