# Generated from async_database.py by tools/unasync.py; do not edit.
"""Database: plain verbs on CockroachDB and PostgreSQL, dicts in and dicts out.

Every verb is one statement in a transaction of its own, one round trip; what belongs together
goes into `Database.transaction` or `Database.run_in_transaction`, whose connection has
psycopg's methods. Errors of the server are psycopg's own, so that ``except
psycopg.errors.UniqueViolation`` works; arguments that make no statement raise `QueryError`.

A verb that the server aborted for another transaction's sake (40001) is sent again, and so is a
``select`` or ``count`` whose connection was lost. A write whose connection was lost is not: nobody
knows whether it was carried out, and the error says so.

Tables are named ``table``, ``schema.table`` or ``database.schema.table``. All names are quoted:
``Users`` is the table that SQL calls ``"Users"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from random import random
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

import psycopg
from psycopg.crdb import CrdbConnection

from . import sql as statements
from ._acompat import sleep
from .connections import Connections
from .errors import TransactionError
from .limits import NONE, Limits, Options, limits_of
from .pooled import Block, PooledConnection
from .retry import ABORTED, decide, told_retry
from .rows import Parameters, Row, Rows, Statement
from .verbs import Verbs

if TYPE_CHECKING:
    from .backfill.batches import BackfillBatch
    from .feed import Event
    from .telemetry.handle import Operation

R = TypeVar("R")
T = TypeVar("T")
LOST = "the connection was lost: whether the statement was carried out is not known"


class Database(Verbs, Connections):
    """A database, reached through a pool that opens at first use.

    Each value comes from its argument, else from its ``PG*`` variable, else from CockroachDB's
    defaults: root@localhost:26257/defaultdb. ``parameters`` are further libpq keywords, such as
    ``sslrootcert`` or ``options``, and the pool's: ``min_size``, ``max_size``, ``timeout``,
    ``max_lifetime``, ``max_idle`` (seconds) and ``prepare_threshold``. Raises `ConfigError` for a
    name or a value that cannot be; nothing is connected yet.

    ``create=True`` makes the database when it is missing, at the first connection. Without it
    that is done for a ``database`` given here on a server of this machine only, and logged:
    `manticore_cockroachdb.config` says why; ``create=False`` is never.

    ``retry_policy`` says how often and after how long transactions are tried again.
    """

    # --- statements -----------------------------------------------------------------------------

    @overload
    def execute(
        self, sql: Statement, params: Parameters | None = None, *, row: None = None
    ) -> Rows[Row]: ...

    @overload
    def execute(
        self, sql: Statement, params: Parameters | None = None, *, row: Callable[..., R]
    ) -> Rows[R]: ...

    def execute(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Rows[Any]:
        """Run a statement and return its rows, ``[]`` when it has none.

        They are dicts, or objects of the class ``row``; their ``rowcount`` is how many the
        statement returned or touched. Placeholders are ``%s`` or ``%(name)s``; without ``params``
        a ``%`` is only a ``%``, and ``sql`` may hold several statements: they run as one
        transaction, the rows are those of the last that has any, the count is the last one's.
        """
        return self._rows(sql, params, row)

    def _rows(
        self,
        sql: Statement,
        params: Parameters | None,
        row: Callable[..., Any] | None = None,
        *,
        reads: bool = False,
    ) -> Rows[Any]:
        if self.telemetry is None:
            return self._tried(sql, params, row, reads)
        with self.telemetry.operation(sql, self.target) as operation:
            return self._tried(sql, params, row, reads, operation)

    def _tried(
        self,
        sql: Statement,
        params: Parameters | None,
        row: Callable[..., Any] | None,
        reads: bool,
        operation: Operation | None = None,
    ) -> Rows[Any]:
        attempt = 1
        while True:
            pool, connection = self._borrow()
            if operation is not None:
                connection.operation_of_verb = operation
            try:
                return connection._rows(sql, params, row)
            except psycopg.Error as error:
                # Several statements may have been sent where there are no parameters.
                if pool is None or params is None:
                    raise
                lost = connection.lost(error)
                if lost and not reads:
                    error.add_note(LOST)
                    raise
                delay = decide(
                    self.retry_policy, ABORTED if lost else error.sqlstate, attempt, random()
                )
                if delay is None:
                    raise
                told_retry(error, attempt, delay)
                if operation is not None:
                    operation.retry(error, attempt, delay)
            finally:
                if operation is not None:
                    connection.operation_of_verb = None
                self._give_back(pool, connection)
            sleep(delay)
            attempt += 1

    def _read(
        self, sql: bytes, params: Parameters, row: Callable[..., Any] | None = None
    ) -> Rows[Any]:
        return self._rows(sql, params, row, reads=True)

    def _lend(self) -> AbstractContextManager[PooledConnection]:
        return self.connection()

    # --- databases ------------------------------------------------------------------------------

    def create_database(self, name: str, *, if_not_exists: bool = True) -> None:
        """Create a database, this one among others: it need not exist to be connected to."""
        self._refuse_inside("create_database")
        self._create_database(name, if_not_exists=if_not_exists)

    def drop_database(self, name: str, *, if_exists: bool = True, force: bool = False) -> None:
        """Drop a database and everything in it; with ``force``, end its sessions first.

        Without, PostgreSQL refuses while anyone is connected to it. This pool is closed if it is
        connected there.
        """
        self._refuse_inside("drop_database")
        if name == self.settings.database:
            self.close()
        with self._beside(name) as connection:
            crdb = CrdbConnection.is_crdb(connection)
            connection.execute(
                statements.drop_database(name, if_exists=if_exists, force=force, crdb=crdb)
            )

    def sibling(self, database: str) -> Self:
        """Return another database of the same server, with a pool of its own."""
        return type(self).from_settings(replace(self.settings, database=database, create=False))

    # --- transactions ---------------------------------------------------------------------------

    @contextmanager
    def transaction(self, **options: Unpack[Options]) -> Iterator[PooledConnection]:
        """Lend a connection in a transaction that commits at the end, or rolls back on an error.

        The connection has psycopg's methods and every verb of the database; ``execute`` is
        psycopg's and returns a cursor. The verbs of the database itself join while the block is
        open, in the task or thread that opened it; in one started inside they raise
        `TransactionError`, so that nothing is ever outside unseen. `pooled` says why.
        Inside an open transaction this is a savepoint: an error undoes what came after it.

        CockroachDB 25.1 and later commits before a schema change inside a transaction, unless
        the session has ``autocommit_before_ddl = off``; what comes after raises
        `TransactionError`, so keep schema changes to migrations.

        ``options``: ``read_only``; ``isolation``, such as ``"serializable"``; ``as_of="-10s"``, to
        read what was (CockroachDB); ``quality="background"``, to go last there;
        ``statement_timeout``, in seconds for each statement; ``deadline``, in seconds for all of
        it; ``max_rows_read``, a guard against scans (CockroachDB from v21.2 on). They cost a
        round trip before and one after. What the server cannot do raises `QueryError`.
        """
        limits = limits_of(options)
        with self._transaction(limits, limits.deadline) as connection:
            yield connection

    def follower_read(self) -> AbstractContextManager[PooledConnection]:
        """Lend a connection in a transaction that reads what was a few seconds ago.

        CockroachDB answers it from the nearest replica, without waiting for anybody who writes.
        On PostgreSQL it is one moment of the server it is connected to.
        """
        return self.transaction(follower_read=True)

    def once(
        self,
        key: str,
        work: Callable[[PooledConnection], T],
        max_retries: int | None = None,
    ) -> T:
        """Call ``work(connection)`` in a transaction, once for this key; return its result.

        The key commits with the work: where a connection is lost, even during COMMIT, it is tried
        again and is still done once. Whoever calls with the same key later gets the same result,
        as JSON brings it back. The keys are rows of ``_manticore_once``, made at first use, and
        are kept until you delete them: ``done_at`` says when. Otherwise as `run_in_transaction`.
        """
        from .once import once

        self._refuse_inside("once, a transaction of its own,")
        policy = self._policy(max_retries)
        with nullcontext() if self.telemetry is None else self.telemetry.span("once"):
            return once(self, key, work, policy)

    def changes(
        self,
        table: str,
        cursor: str | None = None,
        *,
        resolved: float = 1.0,
        row: Callable[..., Any] | None = None,
    ) -> Iterator[Event]:
        """Yield the changes of a table as they happen: `feed.Change`, and `feed.Resolved` marks.

        Without a ``cursor`` it begins with all rows as they are, with one right after that moment:
        keep the ``cursor`` of each Resolved in the transaction that works on what came before it.
        Changes since the last mark may come again, in the order of each row. A mark comes about
        every ``resolved`` seconds. It never ends by itself, has a connection of its own, and where
        that is lost raises psycopg's error: begin again with the last cursor.

        CockroachDB's alone; ``kv.rangefeed.enabled`` must be on. Elsewhere raises `QueryError`.
        """
        from .changes import changes

        return changes(self, table, cursor, resolved, row)

    @contextmanager
    def _transaction(
        self, limits: Limits = NONE, left: float | None = None
    ) -> Iterator[PooledConnection]:
        with self.connection() as connection, connection._transaction(limits, left):
            yield connection

    def backfill(
        self,
        name: str,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        by: Sequence[str] = (),
        rows: tuple[int, int] = (10, 5_000),
        time: float = 0.2,
        lease_ttl: float = 30.0,
    ) -> Iterator[BackfillBatch]:
        """Return the batches of a table that are still to be done, for a loop that changes them.

        ``for batch in db.backfill(…): with batch as connection: …`` is one transaction
        a batch: ``batch.rows``, locked, your changes, and the checkpoint. The same ``name`` goes on
        where it was, and several programs that use it share the rows; each is done exactly once.

        ``where`` is a condition in SQL as it stands: never from outside the program. ``by`` names
        the columns of a unique key to walk by, where it is not the primary one. ``rows`` are the
        smallest and largest batch, ``time`` the seconds that one should take. Raises Refused where
        the table cannot be walked, BackfillIncomplete at the end where rows could not be changed.
        """
        from .backfill.batches import Batches
        from .migrations.backfill import Backfill, Batching
        from .parser.nodes import QName

        spec = Backfill(
            QName(statements.split_name(table)), tuple(by), Batching(rows[0], rows[1], time), where
        )
        return Batches(self, name, spec, columns, lease_ttl).run()

    def _inside(self) -> bool:
        return Block.innermost(self) is not None

    def _refuse_inside(self, what: str) -> None:
        """Raise `TransactionError` where a transaction is open: ``what`` can be no part of it."""
        if self._inside():
            raise TransactionError(
                f"{what} cannot be part of a transaction, and one of this database is open here.",
                hint="Do it before or after the transaction's block.",
            )
