"""AsyncTeam: several workers of one process on one job, and how far they are together.

The first works on the session that it is given, in the caller's own task or thread; each other one
has a task, or a thread, and a session of its own. One that fails stops all: what made it fail would
make the others fail as well.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import psycopg

from .._acompat import AsyncTask
from ..errors import ConnectionFailed
from ..runner import events as e
from ..runner.async_session import AsyncSession
from . import machine as m
from .async_worker import AsyncWorker
from .job import Job

EVERY = 0.1
"""Seconds between two reports of progress."""


class AsyncTeam:
    """Workers that share a job. `before`: rows that were done when it began; `first`: the name of
    the first worker and the range that was made its own."""

    def __init__(
        self,
        session: AsyncSession,
        job: Job,
        workers: int,
        *,
        before: int = 0,
        stop: Callable[[], bool] = lambda: False,
        first: tuple[str, m.Held] | None = None,
    ) -> None:
        self.session = session
        self.job = job
        self.before = before
        self.failure: psycopg.Error | ConnectionFailed | None = None
        self._asked_to_stop = stop
        self._stop = False
        self._told = 0.0
        self._started = monotonic()
        self.workers = [self._worker(session, first[0] if first else None)]
        if first is not None:
            self.workers[0].owns(first[1])
        for _ in range(workers - 1):
            other = AsyncSession(
                session.database,
                session.settings,
                session.listener,
                reconnect_wait=session.reconnect_wait,
                home=session.home,
            )
            other.trace = session.trace
            self.workers.append(self._worker(other))

    def _worker(self, session: AsyncSession, owner: str | None = None) -> AsyncWorker:
        stop = self._stopped
        return AsyncWorker(session, self.job, tell=self._tell, stop=stop, owner=owner)

    def _stopped(self) -> bool:
        return self._stop or self._asked_to_stop()

    @property
    def rows(self) -> int:
        """Rows that are done, by us and before us."""
        return self.before + sum(worker.rows for worker in self.workers)

    async def run(self) -> str:
        """Work until nothing is left; return why it ended: a state, or "stopped"."""
        first, *others = self.workers
        tasks = [self._beside(worker) for worker in others]
        why = m.GAVE_UP
        try:
            why = await first.run()
        finally:  # also where the program is interrupted
            self._stop = self._stop or why == m.GAVE_UP
            for task in tasks:
                await task.join()
        failed = [worker.failure for worker in self.workers if worker.failure is not None]
        self.failure = failed[0] if failed else None
        self._tell(first, last=True)
        return m.GAVE_UP if failed and why != m.Wish.COMPLETE else why

    def _beside(self, worker: AsyncWorker) -> AsyncTask:
        async def work() -> None:
            try:
                # Where there is no connection to be had, the others do it.
                if await worker.reconnect():
                    await worker.run()
            except (psycopg.Error, ConnectionFailed) as error:
                worker.failure = error
            finally:
                if worker.failure is not None:
                    self._stop = True
                await worker.session.close()

        return AsyncTask(work, name="manticore backfill")

    def _tell(self, worker: AsyncWorker, *, last: bool = False) -> None:
        now = monotonic()
        if now - self._told < EVERY and not last and not worker.waits_for:
            return
        self._told = now
        done, estimate = self.rows, self.job.estimate
        rate = (done - self.before) / max(now - self._started, 1e-3)
        left = None if estimate is None or not rate else max(estimate - done, 0) / rate
        self.session.listener(
            e.BackfillProgress(
                self.job.version,
                self.job.name,
                done,
                estimate,
                rate,
                left,
                worker.state.size,
                len(self.workers),
                sum(one.failed_rows for one in self.workers),
                worker.waits_for,
                worker.shared,
            )
        )
