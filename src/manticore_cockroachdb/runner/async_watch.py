"""AsyncJobWatch: shows how far a schema change is while the main connection waits for it.

It runs on the heartbeat's connection, at most once a second, and only while a statement that
became a job has been under way for a second on CockroachDB: a look costs the server something,
and short changes have nothing to show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from .events import JobProgress, Listener
from .jobs import UNFINISHED, jobs_of

if TYPE_CHECKING:
    from ..parser.nodes import QName


PATIENCE = 1.0
Ask = Callable[[str], Awaitable[list[tuple[str | None, ...]]]]
"""Sends one statement and gives its rows, as text."""


class AsyncJobWatch:
    """What to watch: set by the executor, looked at by the heartbeat."""

    def __init__(self, listener: Listener, *, enabled: bool) -> None:
        self.listener = listener
        self.enabled = enabled
        self.version: int | None = None
        self.tables: tuple[QName, ...] = ()
        self._since = 0.0

    @contextmanager
    def over(self, version: int, tables: tuple[QName, ...]) -> Iterator[None]:
        """A statement on these tables, which may become a job, runs in this block."""
        self.version, self.tables, self._since = version, tables, monotonic()
        try:
            yield
        finally:
            self.version = None

    @property
    def wanted(self) -> bool:
        """Whether a statement that may be a job has been running for a while."""
        late = monotonic() >= self._since + PATIENCE
        return self.enabled and self.version is not None and late

    async def look(self, ask: Ask) -> None:
        """Tell the listener of each job of ours that goes on."""
        rows = await ask(UNFINISHED)
        version = self.version
        if version is None:
            return
        for job in jobs_of(rows, self.tables):
            self.listener(JobProgress(version, job.id, job.status, job.fraction, job.description))
