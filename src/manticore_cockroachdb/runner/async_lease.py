"""AsyncLease: one runner at a time, without advisory locks.

On CockroachDB advisory locks lock nothing before v26.3, and from then on only inside a
transaction, which DDL ends. So the lock is a row: an owner, a fencing token, an expiry by the
server's clock. It is the same on PostgreSQL, although a session-level advisory lock would work
there: that lock outlives a runner whose machine vanished until TCP notices, is lost silently
behind a transaction pooler, and gives no token that a write could be checked against.

Who holds the token may write; `Tables.fence` makes the server check it in each transaction. A
heartbeat on a second connection moves the expiry; that connection opens only when a third of the
time to live has passed, so that short runs do not pay for it. When the token is gone, or could
not be confirmed for a whole time to live, `check` raises before the next statement.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from random import uniform
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg

from .._acompat import AsyncEvent, AsyncTask, async_sleep
from ..diagnose import is_crowded
from ..errors import ConnectionFailed, LeaseLost, LeaseTimeout
from ..outcome import Verdict, verdict_of
from .activity import cancel
from .deadline import Deadline
from .events import LeaseTaken, LeaseWaiting
from .exchange import NoAnswer, rows_of
from .identity import is_dead, new_owner

if TYPE_CHECKING:
    from ..parser.nodes import QName
    from .async_session import AsyncSession, Place, Rows
    from .async_watch import AsyncJobWatch


PATIENT = 2.0
"""Seconds after which whoever waits for the lease keeps no connection meanwhile."""
APART = 3.0
"""Seconds between its tries then."""
OFTEN = 0.2
"""Seconds between a heartbeat's tries to get one of the connections that others give back."""
SILENCE = 5  # seconds that a server may take to answer something small


class AsyncLease:
    """The right to migrate, from `acquire` to `release`."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        ttl: float,
        wait: float,
        deadline: Deadline | None = None,
    ) -> None:
        self.session = session
        self.ttl = ttl
        self.wait = wait
        self.deadline = deadline or Deadline()
        self.owner = new_owner()
        self.token = 0
        self.previous_session: str | None = None
        self.watch: AsyncJobWatch | None = None
        self._valid_until = 0.0
        self._asked = False
        self._lost = False
        self._moving = False
        self._stop: AsyncEvent | None = None
        self._task: AsyncTask | None = None
        self._second: psycopg.AsyncConnection[Any] | None = None
        self._second_to: Place | None = None
        self._missed: Place | None = None  # where it led instead of where the run's own does

    async def acquire(self, *reads: str) -> list[Rows]:
        """Take the lease, waiting for it if need be, and answer `reads` under it.

        Who waits for long lets its connection go between two tries: hundreds may wait, and if they
        took all that the server has, the heartbeat of whom they wait for could not connect, and
        would lose the lease to one of them.

        Raises LeaseTimeout when another runner keeps it for longer than `wait` seconds, or until
        the deadline.
        """
        began = monotonic()
        until = min(began + self.wait, self.deadline.at)
        pause, told = 0.05, 0.0
        while True:
            self.session.stop_if_asked()
            sets = await self._try(reads)
            if sets is not None:
                return sets
            owner, remaining = await self._holder()
            now = monotonic()
            if is_dead(owner):
                sets = await self._try(reads, dead=owner)
                if sets is not None:
                    return sets
            if now >= until:
                waited = max(until - began, 0.0)
                raise LeaseTimeout(
                    f"{owner} has held the lease for longer than the {waited:.6g} s we waited.",
                    hint="`manticore lock status` shows who; `manticore lock release` takes it"
                    " from a runner that is known to be dead",
                )
            if now - told >= 5 or not told:
                told = now
                self.session.listener(LeaseWaiting(owner, remaining))
            if now - began < PATIENT:
                await async_sleep(max(0.02, min(pause, until - now, max(remaining, 0.05))))
                pause = min(pause * 1.5, 1.0)
            else:
                await self._step_aside(min(APART * uniform(0.7, 1.3), until - now), until)

    async def _step_aside(self, seconds: float, until: float) -> None:
        """Wait without a connection. Raises ConnectionFailed when there is none for us again."""
        await self.session.close()
        await async_sleep(seconds)
        while True:
            try:
                return await self.session.reopen()
            except ConnectionFailed as error:
                if not is_crowded(error) or monotonic() >= until:
                    raise
                await async_sleep(uniform(0.1, 0.5))

    async def _try(self, reads: tuple[str, ...], *, dead: str | None = None) -> list[Rows] | None:
        tables = self.session.tables
        take = tables.acquire(self.owner, self.session.id, self.ttl, dead=dead)
        self._asked = True
        self._moving = True  # the heartbeat must not mistake our own new token for another's
        try:
            return await self._take(take, reads)
        finally:
            self._moving = False

    async def _take(self, take: str, reads: tuple[str, ...]) -> list[Rows] | None:
        for attempt in range(20):
            started = monotonic()
            try:
                sets = await self.session.prepared(";\n".join((take, *reads)))
            except psycopg.Error as error:
                if verdict_of(error.sqlstate) is not Verdict.RETRY or attempt == 19:
                    raise
                await self.session.rollback()
                await async_sleep(0.02 * (attempt + 1))
                continue
            if not sets[0]:
                return None
            self.token, previous, self.previous_session = sets[0][0]
            self._valid_until = started + self.ttl
            self._lost = False
            self.session.listener(LeaseTaken(self.token, previous))
            if self._task is None:
                self._stop = AsyncEvent()
                self._task = AsyncTask(self._beat, name="manticore lease")
            return sets[1:]
        return None

    async def _holder(self) -> tuple[str, float]:
        rows = (await self.session.fetch(self.session.tables.read_lease()))[0]
        if not rows:  # somebody deleted the row; put it back
            await self.session.create_tables()
            return "nobody", 0.0
        owner, _, _, _, remaining = rows[0]
        return owner or "nobody", float(remaining or 0.0)

    async def check(self) -> None:
        """Raise LeaseLost unless the lease is ours; call it before each statement."""
        self.session.stop_if_asked()
        if not self._lost and monotonic() < self._valid_until - self.ttl / 10:
            return
        if not self._lost:
            # No heartbeat got through, or this process was stopped for a while: ask.
            started = monotonic()
            rows = (await self.session.fetch(self.session.tables.renew(self.token, self.ttl)))[0]
            if rows:
                self._valid_until = started + self.ttl
                return
        raise self.gone()

    def gone(self) -> LeaseLost:
        """The error to raise when the token is no longer ours."""
        self._lost = True
        return LeaseLost(
            "Another runner has taken the lease; nothing more was run.",
            hint="what this run had finished is recorded; `manticore status` shows the rest",
        )

    def watched(
        self, version: int, tables: tuple[QName, ...] | None, *, bounded: bool
    ) -> AbstractContextManager[None]:
        """A statement runs in this block: the heartbeat may look at it, see `AsyncJobWatch`, and
        where it is ``bounded`` cancels it at the deadline."""
        if self.watch is None:
            return nullcontext()
        return self.watch.over(version, tables, bounded=bounded)

    async def release(self, *before: str) -> None:
        """Give the lease back and end the heartbeat; never raises for a server that is gone.

        Writes `before` are made with it, in the same message.
        """
        task, stop, self._task = self._task, self._stop, None
        if task is not None and stop is not None:
            stop.set()
        if self._asked:
            # Even when it seems lost: a migration that meddled with our row looks the same.
            try:
                await self.session.rollback()
                release = self.session.tables.release(self.owner)
                await self.session.fetch(";\n".join((*before, release, *self.session.farewell())))
            except (psycopg.Error, AssertionError):
                if not self._lost:
                    await self._release_anew()
        self.token, self._asked = 0, False
        if task is not None:
            await task.join(5)

    async def _release_anew(self) -> None:
        old = self.session.id
        try:
            await self.session.open()
            if old:  # it may still be taking the lease for us
                await self.session.end_session(old)
            await self.session.fetch(self.session.tables.release(self.owner))
        except (psycopg.Error, ConnectionFailed):
            pass  # it expires by itself

    # --- the heartbeat ---------------------------------------------------------------------

    async def _beat(self) -> None:
        assert self._stop is not None
        pause = self.ttl / 3
        due = monotonic() + pause
        try:
            while not await self._stop.wait(self._tick(due)):
                try:
                    if self.watch is not None and self.watch.bounded and self.deadline.passed():
                        await self._cut_short()
                    if self.watch is not None and self.watch.wanted:
                        await self.watch.look(self._ask)
                    if monotonic() < due:
                        continue
                    started, token = monotonic(), self.token
                    rows = await self._ask(self.session.tables.renew(token, self.ttl))
                    if self._moving or token != self.token:
                        continue
                    if not rows:
                        self._lost = True
                        return
                    self._valid_until = started + self.ttl
                    due = monotonic() + pause
                except (psycopg.Error, ConnectionFailed) as error:
                    await self._close_second()
                    again = self.ttl / 10
                    if isinstance(error, ConnectionFailed) and is_crowded(error):
                        again = min(again, OFTEN)
                    due = monotonic() + again
                    if isinstance(error, NoAnswer):
                        await self._suspect()
        finally:
            await self._close_second()

    def _tick(self, due: float) -> float:
        rest = max(due - monotonic(), 0.01)
        # After the deadline often: a message's next statement needs a cancellation of its own.
        return rest if self.watch is None else min(rest, 1.0, max(self.deadline.left, 0.25))

    async def _cut_short(self) -> None:
        text = cancel(self.session.id, cockroachdb=self.session.tables.cockroachdb)
        if text is not None:
            await self._ask(text)

    async def _ask(self, sql: str) -> list[tuple[str | None, ...]]:
        """Ask on the second connection, which leads to where the run's own does if it can."""
        place = self.session.host
        if self._second is not None and self._second_to not in (place, self._missed):
            await self._close_second()
        if self._second is None:
            self._second = await self.session.connect(first=place, connect_timeout=SILENCE)
            self._second_to = (self._second.info.host, self._second.info.port)
            self._missed = self._second_to if self._second_to != place else None
            await self._answer(self._second, "SET statement_timeout = 10000")
            if self._missed is not None:
                await self._suspect()
        return await self._answer(self._second, sql)

    async def _answer(
        self, connection: psycopg.AsyncConnection[Any], sql: str
    ) -> list[tuple[str | None, ...]]:
        deadline = monotonic() + 2 * SILENCE
        return await connection.wait(rows_of(connection.pgconn, sql.encode(), deadline))

    async def _close_second(self) -> None:
        connection, self._second = self._second, None
        if connection is not None:
            await connection.close()

    async def _suspect(self) -> None:
        """See whether the server that the run waits for still answers anybody.

        One that is stopped, or cut off, keeps a connection open and says nothing for ever. Where
        there are other hosts, the run is told that its connection is lost: it looks there what
        has become of its statement. One that refuses is no such case: it speaks.
        """
        place = self.session.host
        if place is None or len(self.session.database.settings.hosts) < 2:
            return
        try:
            probe = await self.session.database.dedicated(
                host=place[0], port=place[1], connect_timeout=SILENCE, client_encoding="utf8"
            )
        except ConnectionFailed as error:
            silent = isinstance(error.__cause__, psycopg.errors.ConnectionTimeout)
        else:
            try:
                await self._answer(probe, "SELECT 1")
                silent = False
            except psycopg.Error as error:
                silent = isinstance(error, NoAnswer)
            finally:
                await probe.close()
        if silent and place == self.session.host:
            self.session.abandon()
