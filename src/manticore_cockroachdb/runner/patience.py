"""How long a run goes on trying when a server, or a part of a cluster, is away.

Trouble begins with the first failure that another connection may mend, and ends when something
that was to be done is done: a connection alone mends nothing, since the ranges of a table can be
without a leaseholder for longer than the node that answers. Waiting starts at a millisecond and
grows to a second.
"""

from __future__ import annotations

from time import monotonic

LONGEST = 1.0


class Patience:
    """Counts from when the trouble began; ``limit`` seconds are allowed."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.attempt = 0
        self._since: float | None = None

    def next(self) -> float | None:
        """How long to wait before the next try; None once there was enough of it."""
        now = monotonic()
        if self._since is None:
            self._since = now
        left = self._since + self.limit - now
        if left <= 0 and self.attempt:
            return None
        self.attempt += 1
        return max(0.0, min(0.001 * 4.0 ** min(self.attempt - 1, 10), LONGEST, left))

    def waited(self) -> float:
        """The seconds since the trouble began."""
        return 0.0 if self._since is None else monotonic() - self._since

    def calm(self) -> None:
        """Something was done: the trouble is over."""
        self.attempt, self._since = 0, None
