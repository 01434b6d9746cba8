"""Pooled connections: psycopg's own, with the verbs, and who may use one while it is lent.

What `AsyncDatabase.transaction`, ``run_in_transaction`` and ``connection`` lend is a psycopg
connection and has the verbs besides. Where both have a method of one name, psycopg's stays:
``execute`` returns a cursor, as everything written against psycopg expects, and ``transaction``
opens a savepoint and lends psycopg's transaction, with the verbs too.

**Calls of the database's own verbs while its transaction is open join it.** ``with
db.transaction(): db.insert(…)`` reads as if the row belonged to the transaction, so it does; to
refuse it would stop every function that takes ``db`` from being part of one. Joined are the calls
of the task or thread that opened it, found through a context variable, so that two tasks on one
thread do not meet. A task, or a thread with a copied context (`asyncio.to_thread`), that was
started inside inherits the variable: it runs beside its parent, on a connection that can do one
thing at a time and perhaps after the end of the block, so its calls are refused. Once the block
is over it is free again, like everything that never inherited: a plain `threading.Thread`, or
``create_task(…, context=contextvars.Context())``. ``dedicated`` is always outside.

A generator has its caller's context. One that yields inside a transaction keeps it open for its
caller: what is called meanwhile joins, and is rolled back if the generator is closed early.

**A block that ends well has committed all of it**, or raises `TransactionError`. A transaction
can end inside its block: CockroachDB from v25.1 on commits before a schema
change (``autocommit_before_ddl``), and anybody can execute COMMIT. Statements after that would be
committed one by one, so the next one is refused before it is sent, and without a next one the end
of the block says so. So it does where a statement's error was caught inside the block, since the
server then makes COMMIT a rollback.
"""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, IsolationLevel
from psycopg.abc import PQGen, Query
from psycopg.conninfo import make_conninfo
from psycopg.crdb import AsyncCrdbConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from ._acompat import async_owner
from .async_verbs import AsyncVerbs
from .dialect import Capabilities, capabilities, server_of
from .errors import TransactionError
from .hosts import Host, Hosts
from .limits import NONE, Limits, plan
from .outcome import Verdict, is_ambiguous, verdict_of
from .retry import kept_nothing
from .rows import Parameters, Row, Rows, Statement, row_factory

if TYPE_CHECKING:
    from .telemetry.handle import Operation, Target

RV = TypeVar("RV")

logger = logging.getLogger("manticore_cockroachdb.transaction")
POOL = logging.getLogger("manticore_cockroachdb.pool")

_IDLE = TransactionStatus.IDLE
MAYBE = "COMMIT had been sent: whether the transaction was committed is not known"


class AsyncBlock:
    """One open transaction; ``outer`` is the one that was innermost when it began."""

    def __init__(self, connection: AsyncPooledConnection, database: object) -> None:
        self.connection = connection
        self.database: object = database
        self.owner: object = async_owner()
        self.outer = AsyncBlock.innermost(None)
        innermost.set(self)

    def end(self) -> None:
        """Let nothing join any more; perhaps in another context, as generators are ended."""
        self.database = self.owner = None
        if innermost.get() is self:
            innermost.set(self.outer)

    @staticmethod
    def innermost(database: object | None) -> AsyncBlock | None:
        """Return the innermost open transaction of a database, or of any, seen from here."""
        block = innermost.get()
        while block is not None and (
            block.database is None or (database is not None and block.database is not database)
        ):
            block = block.outer
        return block

    def check_owner(self) -> None:
        """Raise `TransactionError` in any other task or thread than the one that opened it."""
        if self.owner != async_owner():
            raise TransactionError(
                "A transaction of this database is open here, and it belongs to the task or "
                "thread that started this one.",
                hint="Pass its connection on and call that, start this one before the "
                "transaction or with context=contextvars.Context(), or in place of "
                "asyncio.wait_for, which starts a task, use asyncio.timeout.",
            )


innermost: ContextVar[AsyncBlock | None] = ContextVar("innermost", default=None)


class AsyncTransaction(AsyncVerbs, psycopg.AsyncTransaction):
    """What ``connection.transaction()`` lends: psycopg's transaction, with the verbs.

    ``execute`` is that of its connection, as is everything else that only a connection has.
    """

    async def execute(self, query: Query, params: Parameters | None = None) -> AsyncCursor[Row]:
        """Execute a statement and return a cursor to read its rows."""
        return await self._conn.execute(query, params)  # type: ignore[arg-type]

    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AbstractAsyncContextManager[AsyncTransaction]:
        """Begin a savepoint in this transaction."""
        return self._pooled().transaction(savepoint_name, force_rollback)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(self._conn, name)

    def _pooled(self) -> AsyncPooledConnection:
        assert isinstance(self._conn, AsyncPooledConnection)
        return self._conn

    async def _rows(
        self, sql: Statement, params: Parameters | None, row: Callable[..., Any] | None = None
    ) -> Rows[Any]:
        return await self._pooled()._rows(sql, params, row)

    def _lend(self) -> AbstractAsyncContextManager[AsyncPooledConnection]:
        return nullcontext(self._pooled())

    def _transaction(
        self, limits: Limits = NONE, left: float | None = None
    ) -> AbstractAsyncContextManager[AsyncPooledConnection]:
        return self._pooled()._transaction(limits, left)

    def _inside(self) -> bool:
        return self._pooled()._inside()


class AsyncPooledConnection(AsyncVerbs, AsyncConnection[Row]):
    """A psycopg connection of the pool, in autocommit mode, rows as dicts, with the verbs."""

    idle_since = 0.0
    host: Host
    """Where it goes."""
    database: object = None
    """Whose connection it is while it is lent."""
    block: AsyncBlock | None = None
    """Its open transaction."""
    target: Target | None = None
    """Where it goes, as telemetry tells of it; None where that is off."""
    operation_of_verb: Operation | None = None
    """What the next statement is a part of, for telemetry."""
    raw_cursor: type[AsyncRawCursor[Any]] = AsyncRawCursor
    guarded = False
    """Whether `wait` has to look before it sends: within a block, and after the giving back."""

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Connect to the best of the `Hosts` that ``hosts`` holds and that answers.

        Raises psycopg's error of the last one.
        """
        hosts: Hosts = kwargs.pop("hosts")
        track: Callable[[Self, float], None] | None = kwargs.pop("track", None)
        order = hosts.order(monotonic(), [random.random() for _ in hosts.hosts])
        while True:
            host = order.pop(0)
            host.connecting += 1
            began = monotonic()
            try:
                connection = await super().connect(
                    make_conninfo(conninfo, **host.keywords), **kwargs
                )
            except psycopg.OperationalError as error:
                hosts.failed(host, monotonic(), error)
                POOL.info(
                    "%s refused a connection: %s (%s); left out for %.0f s",
                    host,
                    type(error).__name__,
                    error.sqlstate or "no SQLSTATE",
                    max(0.0, host.until - monotonic()),
                )
                if not order:
                    raise
            else:
                connection.host = host
                connection.idle_since = monotonic()
                hosts.opened(host, connection)
                POOL.debug("connected to %s", host)
                if track is not None:
                    track(connection, connection.idle_since - began)
                return connection
            finally:
                host.connecting -= 1

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Do what every call that talks to the server comes down to, if it may."""
        if self.guarded:
            self._guard()
        return await super().wait(gen, interval, timeout)

    def lost(self, error: BaseException) -> bool:
        """Return whether an error was the end of the connection, which may not show yet."""
        if not isinstance(error, psycopg.Error):
            return False
        if is_ambiguous(error.sqlstate):
            return self.closed
        return self.closed or verdict_of(error.sqlstate) is Verdict.UNKNOWN

    def _guard(self) -> None:
        if self.block is None:
            raise TransactionError(
                "This connection has been given back: its block is over. Nothing was sent.",
                hint="Use it inside of `with db.transaction()` or `with db.connection()` only.",
            )
        if self._over():
            raise self._ended("This statement was not sent.")

    def _over(self) -> bool:
        """Return whether the open transaction has ended on the server."""
        pgconn = self.pgconn
        # In a pipeline the server's answer to BEGIN may still be on its way.
        return pgconn.transaction_status == _IDLE and pgconn.pipeline_status == PipelineStatus.OFF

    def _ended(self, then: str) -> TransactionError:
        if AsyncCrdbConnection.is_crdb(self):
            return TransactionError(
                "The transaction ended inside its block: CockroachDB commits before a schema "
                f"change (autocommit_before_ddl). Everything so far is committed. {then}",
                hint="Keep schema changes out of transactions, or connect with "
                "options='-c autocommit_before_ddl=off'.",
            )
        return TransactionError(
            "The transaction ended inside its block, by a COMMIT or ROLLBACK that was executed "
            f"as a statement. {then}",
            hint="Leave both to the block: it commits at its end and rolls back on an error.",
        )

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """Begin a transaction, or within one a savepoint; commit at the end, undo on an error.

        As psycopg's ``Connection.transaction``, and what it lends has the verbs too.
        """
        if self.guarded:
            self._guard()
        piped = self.pgconn.pipeline_status != PipelineStatus.OFF
        begun = AsyncTransaction(self, savepoint_name, force_rollback)
        outermost: AsyncBlock | None = None
        committing = False
        told = None
        if self.target is not None and self.block is None:
            told = self.target.transaction()
        try:
            async with (
                self.pipeline() if piped else nullcontext(),
                begun,
                self.pipeline() if piped else nullcontext(),
            ):
                if self.block is None:
                    outermost = self.block = AsyncBlock(self, self.database)
                self.guarded = True
                try:
                    yield begun
                    if not force_rollback:
                        self._check_whole()
                except BaseException as error:
                    if self._over():
                        self._tell(error)
                    if outermost is not None and self.lost(error):
                        kept_nothing(error)
                    raise
                else:
                    committing = outermost is not None
                    if told is not None:
                        told.committing()
                finally:
                    # What psycopg sends at the end must get through: it keeps count.
                    self.guarded = False
        except BaseException as error:
            if told is not None:
                told.failed(error)
            if outermost is None and self.block is None and self.lost(error):
                kept_nothing(error)  # with BEGIN, before anything was done
            if (
                committing
                and isinstance(error, psycopg.OperationalError)
                and (self.lost(error) or is_ambiguous(error.sqlstate))
            ):
                error.add_note(MAYBE)
            raise
        finally:
            if told is not None:
                told.end()
            if outermost is not None:
                self.block = None
                outermost.end()
            elif self.block is not None:
                self.guarded = True

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """Let what runs meanwhile belong to the transaction that a statement has begun."""
        block = self.block = AsyncBlock(self, self.database)
        self.guarded = True
        try:
            yield
            self._check_whole()
        finally:
            self.guarded = False
            self.block = None
            block.end()

    def _check_whole(self) -> None:
        """Raise `TransactionError` unless a COMMIT now would commit all of the block."""
        if self._over():
            raise self._ended("The end of the block commits nothing more.")
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            # The server answers COMMIT with ROLLBACK here, and psycopg with nothing.
            raise TransactionError(
                "A statement of this transaction failed, and its error did not leave the block: "
                "nothing of it can be committed, and all was rolled back.",
                hint="Let the error go through, or give what may fail a nested transaction().",
            )

    def _tell(self, error: BaseException) -> None:
        """Say beside an error that it undid nothing. psycopg's Rollback would say nothing."""
        if isinstance(error, TransactionError):
            return
        ended = self._ended("Nothing was rolled back.")
        if isinstance(error, psycopg.Rollback):
            raise ended from error
        logger.warning("%s", ended.message)
        error.add_note(str(ended))

    def give_back(self) -> None:
        """Refuse what comes after, unless the pool has to tidy up here: then that goes first."""
        if self.block is not None:
            self.block.end()
            self.block = None
        self.database = None
        self.guarded = self.pgconn.transaction_status == _IDLE
        self.idle_since = monotonic()

    # --- for the verbs --------------------------------------------------------------------------

    async def _rows(
        self, sql: Statement, params: Parameters | None, row: Callable[..., Any] | None = None
    ) -> Rows[Any]:
        if isinstance(sql, str):
            sql = sql.encode()
        if row is None:
            cursor = await self.execute(sql, params)  # type: ignore[arg-type]
        else:
            cursor = self.cursor(row_factory=row_factory(row))
            await cursor.execute(sql, params)  # type: ignore[arg-type]
        rows: Rows[Any] = Rows()
        while True:
            # What `description` says too, having made an object of every column.
            result = cursor.pgresult
            if result is not None and result.nfields:
                rows = Rows(await cursor.fetchall())
            rows.rowcount = cursor.rowcount
            if not cursor.nextset():
                return rows

    def _lend(self) -> AbstractAsyncContextManager[AsyncPooledConnection]:
        return nullcontext(self)

    @asynccontextmanager
    async def _transaction(
        self, limits: Limits = NONE, left: float | None = None
    ) -> AsyncIterator[AsyncPooledConnection]:
        if limits is NONE:
            async with self.transaction():
                yield self
            return
        if self._inside():
            raise TransactionError(
                "Options are for a whole transaction, and one is open here already.",
                hint="Give them to the outermost transaction.",
            )
        asking = plan(limits, self.capabilities(), left)
        try:
            await self._settle(asking.before, asking.read_only or None, asking.isolation)
            async with self.transaction():
                if asking.first is not None:
                    await self.execute(asking.first.encode())
                yield self
        except (psycopg.errors.QueryCanceled, psycopg.errors.TransactionTimeout) as error:
            if left is not None:
                error.add_note(f"the deadline of {limits.deadline:g} s may be the reason")
            raise
        finally:
            if not self.closed:
                try:
                    await self._settle(asking.after, None, None)
                except BaseException as error:
                    # Nobody else shall have this session with our settings.
                    await self.close()
                    if not isinstance(error, psycopg.Error):  # such as a cancellation
                        raise

    async def _settle(
        self, settings: Sequence[str], read_only: bool | None, isolation: str | None
    ) -> None:
        if settings:
            await self.execute("; ".join(settings).encode())
        level = None if isolation is None else IsolationLevel[isolation.upper().replace(" ", "_")]
        await self.set_read_only(read_only)
        await self.set_isolation_level(level)

    def capabilities(self) -> Capabilities:
        """Return what its server can do."""
        announced = self.pgconn.parameter_status(b"crdb_version")
        version = announced.decode() if announced else None
        return capabilities(server_of(version, self.pgconn.server_version))

    def _inside(self) -> bool:
        return self.pgconn.transaction_status != _IDLE


class AsyncPooledCrdbConnection(AsyncPooledConnection, AsyncCrdbConnection[Row]):
    """The same, with psycopg's type adapters for CockroachDB."""
