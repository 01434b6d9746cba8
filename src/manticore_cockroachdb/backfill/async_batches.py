"""Batches for a program's own loop: ``async for batch in db.backfill(…): async with batch as …``.

What cannot be said in SQL is done here, by the same machine: ranges, leases, tokens, sizes. The
batch's transaction is one of the database's own, so its verbs join it; the cursor is moved in it,
last of all. Everything else goes over a session beside it, so that a commit whose answer is lost is
settled as everywhere: the token is raised, which waits for the transaction that moved the cursor,
and the cursor is read.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

import psycopg

from ..errors import BackfillIncomplete, ChangedFile, ConnectionFailed, QueryError
from ..migrations.backfill import Backfill
from ..migrations.file import checksum
from ..outcome import is_duplicate
from ..parser.quoting import quote
from ..runner.async_session import AsyncSession
from . import machine as m
from .async_setup import async_create, async_table, job_of, same, tables_of
from .async_worker import AsyncWorker
from .job import Job, Noted

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..async_pooled import AsyncPooledConnection
    from ..rows import Row
    from .catalog import Table


class Unused(Exception):
    """Rolls a transaction back."""


class AsyncBackfillBatch:
    """One batch: ``rows`` and a transaction for what is done with them.

    ``async with batch as connection:`` lends the transaction's connection; ``batch.rows`` are the
    rows, locked, as dicts with the columns that were asked for, in the order of the key. At the end
    of the block the transaction commits together with the cursor. An error of the server's that
    another try may mend, or that one of the rows has caused, ends the block quietly: these rows, or
    a part of them, come again. Any other error goes through, and these rows are not done.
    """

    def __init__(self, batches: AsyncBatches, held: m.Held, move: m.Batch) -> None:
        self.rows: list[Row] = []
        self._batches = batches
        self._held = held
        self._move = move
        self._transaction: AbstractAsyncContextManager[AsyncPooledConnection] | None = None
        self._connection: AsyncPooledConnection | None = None
        self._began = 0.0
        self.entered = False

    async def open(self) -> None:
        """Begin the transaction, and read and lock the rows."""
        self._began = monotonic()
        transaction = self._batches.db.transaction()
        connection = await transaction.__aenter__()
        try:
            if local := self._batches.job.manners.local:
                await connection.execute(";\n".join(local).encode())
            select = self._batches.select(self._held, self._move)
            self.rows = await (await connection.execute(select.encode())).fetchall()
        except BaseException as error:
            await transaction.__aexit__(type(error), error, error.__traceback__)
            raise
        self._transaction, self._connection = transaction, connection

    async def close(self) -> None:
        """Roll back, where nobody has used it."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None and not self.entered:
            unused = Unused()
            with suppress(Unused):
                await transaction.__aexit__(Unused, unused, None)

    async def __aenter__(self) -> AsyncPooledConnection:
        assert self._connection is not None
        self.entered = True
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        assert self._transaction is not None and self._connection is not None
        batches, move = self._batches, self._move
        try:
            if error is not None:
                await self._transaction.__aexit__(kind, error, traceback)
                raise error
            try:
                text = batches.job.checkpoint(self._held, move, monotonic() - self._began)
                await self._connection.execute(text.encode())
            except BaseException as wrong:
                await self._transaction.__aexit__(type(wrong), wrong, wrong.__traceback__)
                raise
            await self._transaction.__aexit__(None, None, None)
        except (psycopg.Error, ConnectionFailed) as wrong:
            await batches.stumbled(move, wrong)
            return True
        batches.committed(move, monotonic() - self._began)
        return False


class AsyncBatches:
    """The batches of one backfill, as long as there are any."""

    def __init__(
        self,
        db: AsyncDatabase,
        name: str,
        spec: Backfill,
        columns: Sequence[str] | None,
        ttl: float,
    ) -> None:
        self.db = db
        self.name = name
        self.spec = spec
        self.columns = columns
        self.ttl = ttl
        self.job: Job
        self._worker: AsyncWorker

    async def run(self) -> AsyncIterator[AsyncBackfillBatch]:
        """Give one batch after another. Raises BackfillIncomplete when not all can be done."""
        session = AsyncSession(self.db, {}, lambda _: None)
        await session.open()
        try:
            await session.steady(session.reopen)
            self.job = await self._begin(session)
            self._worker = worker = AsyncWorker(session, self.job)
            try:
                while True:
                    move = m.decide(worker.state)
                    if isinstance(move, m.Stop):
                        self._end(move.why)
                        return
                    if isinstance(move, m.Batch) and not move.skip:
                        assert worker.state.held is not None
                        batch = AsyncBackfillBatch(self, worker.state.held, move)
                        try:
                            await batch.open()
                        except (psycopg.Error, ConnectionFailed) as error:
                            await self.stumbled(move, error)
                            continue
                        try:
                            yield batch
                        finally:
                            await batch.close()
                        if not batch.entered:
                            raise QueryError(
                                "A batch of a backfill was not used.",
                                hint="write `with batch as connection:`, also where there is"
                                " nothing to do for its rows",
                            )
                    else:
                        answer = await worker.make(move)
                        worker.state = m.heard(worker.state, move, answer)
            finally:
                await worker.let_go()
        finally:
            await session.close()

    def select(self, held: m.Held, move: m.Batch) -> str:
        """The rows of a batch, locked."""
        walk = self.job.walk
        upto = held.hi if move.upto is None else move.upto
        names = "*" if self.columns is None else ", ".join(map(quote, self.columns))
        return (
            f"SELECT {names} FROM {walk.table} WHERE {walk.condition(held.cursor, upto)}"
            f" ORDER BY {walk.order()} FOR UPDATE"
        )

    def committed(self, move: m.Batch, seconds: float) -> None:
        """A batch is done."""
        self._worker.rows += move.rows
        state = self._worker.state
        self._worker.state = m.heard(state, move, m.Committed(None, seconds, state.told))

    async def stumbled(self, move: m.Batch, error: psycopg.Error | ConnectionFailed) -> None:
        """A batch is not done, or nobody knows. Raises the error where another try is of no use."""
        answer = await self._worker.stumbled(error)
        if answer.trouble is m.Trouble.FATAL:
            raise error
        self._worker.state = m.heard(self._worker.state, move, answer)

    def _end(self, why: str) -> None:
        if why == m.Wish.COMPLETE:
            return
        failure = self._worker.last if why == m.GAVE_UP else None
        raise BackfillIncomplete(
            f"Backfill {self.name} is not complete: {why}.",
            hint="`db.execute` on _migrations_backfill_failures shows rows that failed;"
            " the same loop goes on where it was",
        ) from failure

    async def _begin(self, session: AsyncSession) -> Job:
        """Find the run of this name, or begin it. Raises Refused or ChangedFile."""
        tables = tables_of(session)
        found, have = await async_table(session, self.spec)
        if not have:
            await async_create(session)
        rows = await session.read(tables.read(self.name))
        for _ in range(3):
            if rows:
                break
            try:
                await session.fetch(self._register(session, found))
            except psycopg.Error as error:
                await session.rollback()
                if not is_duplicate(error.sqlstate):  # another process was quicker
                    raise
            rows = await session.read(tables.read(self.name))
        noted = Noted(*rows[0])
        if noted.version is not None or not same(noted, self.spec, found):
            raise ChangedFile(
                f"Backfill {self.name} was begun for another table, key or condition.",
                hint="give the new one a name of its own",
            )
        await session.fetch(tables.set_state(noted.run, m.Wish.RUNNING, of=m.AGAIN))
        return job_of(
            session,
            self.spec,
            found,
            name=self.name,
            run=noted.run,
            ttl=self.ttl,
            estimate=noted.estimate,
        )

    def _register(self, session: AsyncSession, found: Table) -> str:
        tables, run = tables_of(session), uuid.uuid4().hex
        register = tables.register(
            self.name,
            run,
            version=None,
            direction="up",
            relation=found.relation,
            key=[column.name for column in found.key],
            meaning=checksum(self.spec.meaning),
            background=True,
            state=m.Wish.RUNNING,
            estimate=found.estimate,
        )
        ranges = tables.add_ranges(run, [(0, None, None)])
        return ";\n".join((tables.begin, register, ranges, "COMMIT"))
