"""AsyncJobWatch: shows what goes on while the main connection waits for a statement.

On CockroachDB that is how far a schema change is, on PostgreSQL how far an index build is, and on
whom the statement waits. It runs on the heartbeat's connection, at most once a second, and only
once a statement has been under way for a second: a look costs the server something, and short
statements have nothing to show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from . import activity
from .events import Blocked, JobProgress, Listener
from .jobs import UNFINISHED, jobs_of

if TYPE_CHECKING:
    from ..parser.nodes import QName
    from .async_session import AsyncSession


PATIENCE = 1.0
REMIND = 10.0
Ask = Callable[[str], Awaitable[list[tuple[str | None, ...]]]]
"""Sends one statement and gives its rows, as text."""


class AsyncJobWatch:
    """What to watch: set by whoever sends a statement, looked at by the heartbeat."""

    def __init__(self, listener: Listener, session: AsyncSession) -> None:
        self.listener = listener
        self.session = session
        self.version: int | None = None
        self.tables: tuple[QName, ...] | None = None
        self.bounded = False
        self._since = 0.0
        self._told: tuple[tuple[str, ...], float] = ((), 0.0)

    @contextmanager
    def over(
        self, version: int, tables: tuple[QName, ...] | None, *, bounded: bool
    ) -> Iterator[None]:
        """A statement runs in this block: on these tables, and perhaps as a job; None: in a
        transaction. ``bounded``: it may be cancelled at the deadline."""
        self.version, self.tables, self._since = version, tables, monotonic()
        self.bounded = bounded
        try:
            yield
        finally:
            self.version, self.bounded = None, False

    @property
    def wanted(self) -> bool:
        """Whether a statement of which there is something to tell has been running for a while."""
        late = monotonic() >= self._since + PATIENCE
        tells = self.tables is not None or not self.session.tables.cockroachdb
        return self.version is not None and late and tells

    async def look(self, ask: Ask) -> None:
        """Tell the listener of each job of ours that goes on, or whom the statement waits for."""
        if self.session.tables.cockroachdb:
            rows = await ask(UNFINISHED)
            if (version := self.version) is not None:
                for job in jobs_of(rows, self.tables or ()):
                    self.listener(
                        JobProgress(version, job.id, job.status, job.fraction, job.description)
                    )
            return
        await self._look_at_blockers(ask)
        if self.tables is not None:
            await self._look_at_index(ask)

    async def _look_at_blockers(self, ask: Ask) -> None:
        query = activity.blockers(self.session.id, cockroachdb=False)
        rows = await ask(query) if query else []
        by, version, now = tuple(map(activity.named, rows)), self.version, monotonic()
        told, when = self._told
        if by and version is not None and (by != told or now > when + REMIND):
            self._told = by, now
            self.listener(Blocked(version, by))

    async def _look_at_index(self, ask: Ask) -> None:
        query = activity.index_build(self.session.id)
        rows = await ask(query) if query else []
        version = self.version
        for phase, table, done, total in rows:
            if version is not None:
                most = int(total or 0)
                fraction = int(done or 0) / most if most else None
                self.listener(
                    JobProgress(version, "index", phase or "", fraction, f"an index on {table}")
                )
