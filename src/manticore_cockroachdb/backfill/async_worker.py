"""AsyncWorker: one connection that does what `machine` decides, until nothing is left to do.

It moves, listens, and says how far things are; it decides nothing. How an error reads, as something
met, a row that cannot be changed or the end, is one table at the end of this module.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import psycopg

from .._acompat import async_sleep
from ..errors import ConnectionFailed
from ..outcome import Verdict, is_of_a_row, took_too_long, verdict_of
from ..runner.async_session import AsyncSession, worth_waiting
from ..runner.identity import new_owner
from ..runner.patience import Patience
from . import brakes
from . import machine as m
from .async_sampling import async_middle
from .job import Job, key_of, told_of
from .keys import decode
from .sizing import pause_after

Rows = list[tuple[Any, ...]]
IDLE = 0.2
"""Seconds that a worker with nothing to do waits before it looks again."""

WAITERS = 0.02
"""Seconds between two questions who waits for us: the answer looks at every lock of the server."""

SPARSE = 20
"""Batches of rows of any kind, before rows that -- @where holds for are looked for again."""

SHOWN = 5
"""Rows of -- @check that are shown."""


class AsyncWorker:
    """One worker of a job. `failure` is what stopped it, None when nothing did."""

    def __init__(
        self,
        session: AsyncSession,
        job: Job,
        *,
        tell: Callable[[AsyncWorker], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
        owner: str | None = None,
    ) -> None:
        self.session = session
        self.job = job
        self.stopped = stop
        self.owner = owner or new_owner()
        self.state = m.start(job.spec.batching)
        self.failure: psycopg.Error | ConnectionFailed | None = None
        self.rows = 0
        self.batches = 0
        self.failed_rows = 0
        self._tell = tell
        self.waits_for = ""
        self.shared = False
        self._seconds = 0.0
        self._braked = 0.0
        self._asked = 0.0
        self._looked = 0.0
        self._seen: tuple[float, ...] = ()
        self._sparse = 0
        self._note: tuple[str | None, str] = (None, "")
        self.last: psycopg.Error | ConnectionFailed | None = None
        self._mannered: psycopg.AsyncConnection[Any] | None = None

    def owns(self, held: m.Held) -> None:
        """Begin with a range that was made ours when it was registered."""
        self.state = replace(self.state, held=held)

    async def run(self) -> str:
        """Work until nothing is left; return why it ended: a state, or "stopped"."""
        try:
            while True:
                if self.stopped():
                    return "stopped"
                move = m.decide(self.state)
                if isinstance(move, m.Stop):
                    if move.why == m.GAVE_UP:
                        self.failure = self.last
                    return move.why
                self.state = m.heard(self.state, move, await self.make(move))
        finally:
            await self.let_go()

    async def _fetch(self, *texts: str) -> list[Rows]:
        """Send a message; return the answers to it, without those to the session's settings."""
        mannered = self.session.connection is self._mannered
        before = () if mannered else self.job.manners.session
        sets = await self.session.fetch(";\n".join((*before, *texts)))
        self._mannered = self.session.connection
        return sets[len(before) :]

    async def make(self, move: m.Move) -> m.Answer:
        """Make one move; whatever goes wrong is an answer too."""
        try:
            return await self._move(move)
        except (psycopg.Error, ConnectionFailed) as error:
            return await self.stumbled(error)

    async def stumbled(self, error: psycopg.Error | ConnectionFailed) -> m.Stumbled:
        """What an error means, once the session can be used again."""
        self.last = error
        trouble = trouble_of(error)
        if trouble is m.Trouble.LOST:
            if not await self.reconnect():
                return m.Stumbled(m.Trouble.FATAL)
        else:
            await self._roll_back()
        if trouble is m.Trouble.ROW:
            diagnostic: Any = getattr(error, "diag", None)
            words = getattr(diagnostic, "message_primary", None) or str(error)
            self._note = (getattr(error, "sqlstate", None), words.replace("\0", "")[:2000])
        elif trouble is m.Trouble.MET:
            await async_sleep(min(0.05 * 2**self.state.met, 5.0) * random.uniform(0.5, 1.0))
        return m.Stumbled(trouble)

    async def _move(self, move: m.Move) -> m.Answer:
        job, held = self.job, self.state.held
        tables = job.tables
        match move:
            case m.Take():
                return await self._take()
            case m.Reclaim():
                assert held is not None
                text = tables.reclaim(
                    job.run, held.id, self.owner, held.token, self.session.id, job.ttl
                )
                return m.Taken(_held((await self._fetch(text))[0]))
            case m.Look():
                assert held is not None
                return await self._look(held, move)
            case m.Batch():
                assert held is not None
                return await self._batch(held, move)
            case m.Release():
                sets = await self._fetch(tables.release(job.run, self.owner), tables.told(job.run))
                return m.Rested(told_of(sets[-1]))
            case m.Wait(ask=ask):
                texts = [tables.ask(job.run)] if ask else []
                sets = await self._fetch(*texts, tables.told(job.run))
                await async_sleep(IDLE)
                return m.Rested(told_of(sets[-1]))
            case m.Divide():
                assert held is not None
                return await self._divide(held)
            case m.Complete():
                if job.spec.check is not None and (left := await self._check(job.spec.check)):
                    again = (m.Wish.RUNNING, m.Wish.FAILED)
                    await self._fetch(tables.set_state(job.run, m.Wish.FAILED, of=again, note=left))
                    return m.Settled(m.Wish.FAILED)
                _, settled, *_ = await self._fetch(
                    tables.complete(job.run), tables.settled(job.run), *job.manners.reset
                )
                self._mannered = None
                if not settled:
                    return m.Settled(m.Wish.CANCELLED)
                state, left, failed = settled[0]
                if state == m.Wish.RUNNING and failed and not left:
                    note = f"{failed:,} row{'s' if failed > 1 else ''} cannot be changed"
                    await self._fetch(
                        tables.set_state(job.run, m.Wish.FAILED, of=(m.Wish.RUNNING,), note=note)
                    )
                    state = m.Wish.FAILED
                return m.Settled(m.Wish(state), int(left), int(failed))
            case _:
                raise AssertionError(f"{move} is no move for a server")

    async def _take(self) -> m.Answer:
        job, tables = self.job, self.job.tables
        gone: tuple[str, ...] = ()
        while True:
            take = tables.take(job.run, self.owner, self.session.id, job.ttl, gone)
            rows, ((left,),) = await self._fetch(take, tables.open_ranges(job.run))
            if rows or not left or gone:
                return m.Taken(_held(rows), int(left))
            gone = tuple(str(row[0]) for row in (await self._fetch(tables.gone(job.run)))[0])
            if not gone:
                return m.Taken(None, int(left))

    async def _look(self, held: m.Held, move: m.Look) -> m.Answer:
        told = self.job.tables.told(self.job.run)
        texts = self.job.look(held, move, sparse=self._sparse > 0)
        try:
            said, *sets = await self._fetch(told, *texts)
        except psycopg.Error as error:
            if self.job.walk.where is None or not took_too_long(error.sqlstate):
                raise
            await self._roll_back()
            self._sparse = SPARSE
            texts = self.job.look(held, move, sparse=True)
            said, *sets = await self._fetch(told, *texts)
        return m.Found(_ahead(_first(sets)), told_of(said))

    async def _batch(self, held: m.Held, move: m.Batch) -> m.Answer:
        job = self.job
        crdb = job.tables.cockroachdb
        asked: list[str] = []
        others: list[str] = []
        if monotonic() - self._braked > brakes.INTERVAL:
            self._braked = monotonic()
            asked = self._questions()
        if job.makes_room and monotonic() - self._looked > job.company.every:
            self._looked = monotonic()
            others = [job.tables.others(job.company.every)]
        waiting = not crdb and monotonic() - self._asked > WAITERS
        if waiting:
            self._asked = monotonic()
        text, after = job.batch(
            held,
            move,
            seconds=self._seconds,
            note=self._note,
            sparse=self._sparse > 0,
            asked=[*asked, *others],
            waiting=waiting,
        )
        started = monotonic()
        of_batch: dict[str, str | int] = {
            "manticore.backfill.name": job.name,
            "manticore.backfill.rows": move.rows,
            "manticore.backfill.skipped": int(move.skip),
        }
        with self.session.span("backfill batch", of_batch):
            sets = await self._fetch(text)
        waited = waiting and int(sets[-after - 2][0][0]) > 0
        self._seconds = max(monotonic() - started - min(self.session.distance, 1.0), 1e-6)
        self.rows += move.rows
        self.batches += 1
        self.failed_rows += move.skip
        self._sparse = max(self._sparse - 1, 0)
        said, *sets = sets[-after:]
        told = told_of(said)
        if others:
            self._see(int(sets[len(asked)][0][0]))
        batching, distance, why = job.spec.batching, self.session.distance, ""
        pause = pause_after(self._seconds, distance, batching, shared=self.shared)
        if asked:
            braked, why = brakes.verdict(sets[: len(asked)], self._seconds, cockroachdb=crdb)
            pause = max(pause, braked)
        self.waits_for = why
        if self._tell is not None:
            self._tell(self)
        if pause:
            told = await self._pause(held, pause, told)
        rest = _first(sets[len(asked) + len(others) :])
        share = job.company.share if self.shared else 1.0
        if move.upto is None:
            left = int(rest[0][0])
            return m.Committed(None, self._seconds, told, left, waited=waited, share=share)
        return m.Committed(_ahead(rest), self._seconds, told, waited=waited, share=share)

    def _see(self, others: int) -> None:
        """Know whether others are at work, having seen so many just now."""
        now = monotonic()
        seen = (*self._seen, now) if others else self._seen
        self._seen = tuple(at for at in seen if now - at < brakes.COMPANY)
        self.shared = len(self._seen) >= self.job.company.times

    def _questions(self) -> list[str]:
        job = self.job
        return brakes.questions(
            job.walk.table, job.spec.throttle, cockroachdb=job.tables.cockroachdb
        )

    async def _pause(self, held: m.Held, seconds: float, told: m.Told) -> m.Told:
        """Wait, keep the range, and ask again until nothing speaks against going on."""
        job, asked = self.job, self._questions() if self.waits_for else []
        while seconds > 0 and told.wish is m.Wish.RUNNING and not self.stopped():
            step = min(seconds, max(job.ttl / 3, 0.1), brakes.HOLD)
            await async_sleep(step)
            seconds -= step
            if not self.waits_for and seconds <= 0:
                break
            renew = job.tables.renew(job.run, held.id, held.token, job.ttl)
            _, rows, *answers = await self._fetch(renew, job.tables.told(job.run), *asked)
            told = told_of(rows)
            if self.waits_for and seconds <= 0:
                seconds, self.waits_for = brakes.verdict(
                    answers, 0.0, cockroachdb=job.tables.cockroachdb
                )
        self.waits_for = ""
        return told

    async def _check(self, query: str) -> str:
        """What -- @check finds that is not as it should be, in words; nothing if all is well."""
        rows = (await self._fetch(f"SELECT * FROM ({query}) AS c LIMIT {SHOWN + 1}"))[0]
        if not rows:
            return ""
        shown = "; ".join(", ".join(map(str, row)) for row in rows[:SHOWN])
        return f"-- @check finds {shown}{' and more' if len(rows) > SHOWN else ''}"

    async def _divide(self, held: m.Held) -> m.Answer:
        job, tables, ahead = self.job, self.job.tables, self.state.ahead
        assert ahead is not None
        size = self.state.size
        at = await async_middle(self.session, job.walk, ahead.upto, held.hi, size)
        if at is None or at == held.hi:
            return m.Divided(None)
        number = random.getrandbits(52)
        texts = tables.divide(job.run, held, at, id=number, size=size)
        await self._fetch(tables.begin, *texts, "COMMIT")
        return m.Divided(at)

    # --- when something goes wrong ---------------------------------------------------------

    async def reconnect(self) -> bool:
        """Go on with another connection, the old session ended; False where there is none."""
        patience = Patience(self.session.reconnect_wait)
        while (delay := patience.next()) is not None:
            await async_sleep(delay)
            try:
                old = self.session.id
                await self.session.reopen()
                if old:
                    await self.session.end_session(old)
                return True
            except (psycopg.Error, ConnectionFailed) as error:
                self.last = error
                if not worth_waiting(error):
                    return False
        return False

    async def _roll_back(self) -> None:
        try:
            await self.session.rollback()
        except psycopg.Error:
            await self.reconnect()

    async def let_go(self) -> None:
        """Give back what is held, whatever cannot be given back expires; and leave the session as
        it was, since migrations may come after."""
        texts: list[str] = []
        if self._mannered is not None and self._mannered is self.session.connection:
            texts += self.job.manners.reset
        if self.state.held is not None:
            texts.append(self.job.tables.release(self.job.run, self.owner))
        if not texts:
            return
        try:
            await self.session.rollback()
            await self.session.fetch(";\n".join(texts))
        except (psycopg.Error, ConnectionFailed, AssertionError):
            pass


def _held(rows: Rows) -> m.Held | None:
    if not rows:
        return None
    id, token, cursor, hi, size = rows[0]
    return m.Held(int(id), int(token), decode(cursor), decode(hi), int(size))


def _first(sets: list[Rows]) -> Rows:
    """The rows of the only statement that has any."""
    return next((rows for rows in sets if rows), [])


def _ahead(rows: Rows) -> m.Ahead:
    if not rows:
        return m.Ahead(None, 0)
    key, count = key_of(rows[0])
    return m.Ahead(key, count)


def trouble_of(error: psycopg.Error | ConnectionFailed) -> m.Trouble:
    """What an error means for a worker."""
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    match verdict_of(sqlstate, str(error)):
        case Verdict.UNKNOWN:
            return m.Trouble.LOST
        case Verdict.RETRY:
            return m.Trouble.MET
    if took_too_long(sqlstate):  # longer than its lease may last
        return m.Trouble.MET
    return m.Trouble.ROW if is_of_a_row(sqlstate) else m.Trouble.FATAL
