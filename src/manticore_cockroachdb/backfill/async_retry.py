"""Rows that failed, tried again: each with the end of its note in one transaction.

The note is the checkpoint: it is gone if and only if the row has been done. So an answer that is
lost is settled by looking whether the note is still there, once the old session has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from ..errors import ConnectionFailed
from ..outcome import Verdict, is_of_a_row, verdict_of
from .keys import Key, decode

if TYPE_CHECKING:
    from ..runner.async_session import AsyncSession
    from .job import Job

ROUNDS = 5


class AsyncRetryRows:
    """The failed rows of one job."""

    def __init__(self, session: AsyncSession, job: Job) -> None:
        self.session = session
        self.job = job

    async def run(self) -> tuple[int, int]:
        """Try each once; return how many are done, and how many failed again."""
        done = 0
        before = await self._left()
        for key in before:
            done += await self._try(key)
        return done, len(before) - done

    async def _left(self) -> list[Key]:
        text = self.job.tables.failures(self.job.run, 1_000_000)
        rows = await self.session.steady(lambda: self.session.fetch(text))
        return [key for row in rows[0] if (key := decode(row[0])) is not None]

    async def _try(self, key: Key) -> bool:
        job, tables = self.job, self.job.tables
        for _ in range(ROUNDS):
            try:
                await self.session.fetch(job.again(key))
                return True
            except psycopg.Error as error:
                if verdict_of(error.sqlstate) is Verdict.UNKNOWN:
                    await self._settle()
                    if key not in await self._left():
                        return True
                    continue
                await self.session.rollback()
                if verdict_of(error.sqlstate) is Verdict.RETRY:
                    continue
                if not is_of_a_row(error.sqlstate):
                    raise
                diagnostic: Any = error.diag
                words = (diagnostic.message_primary or str(error)).replace("\0", "")[:2000]
                note = tables.failed_again(job.run, key, error.sqlstate, words)
                await self.session.fetch(note)
                return False
        return False

    async def _settle(self) -> None:
        """End the session that may still be at it, and go on with another."""
        old = self.session.id
        await self.session.steady(self.session.reopen)
        if old and not await self.session.end_session(old):
            raise ConnectionFailed(
                "The connection was lost, and what it was doing cannot be ended.",
                hint="wait until that session is gone, and try again",
            )
