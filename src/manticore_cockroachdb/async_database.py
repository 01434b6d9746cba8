"""AsyncDatabase: plain verbs on CockroachDB and PostgreSQL, dicts in and dicts out.

Every verb is one statement in a transaction of its own, one round trip; what belongs together
goes into `AsyncDatabase.transaction` or `AsyncDatabase.run_in_transaction`, whose connection has
psycopg's methods. Errors of the server are psycopg's own, so that ``except
psycopg.errors.UniqueViolation`` works; arguments that make no statement raise `QueryError`.

Tables are named ``table``, ``schema.table`` or ``database.schema.table``. All names are quoted:
``Users`` is the table that SQL calls ``"Users"``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal, Self, TypeAlias, TypeVar, overload

import psycopg
from psycopg import AsyncConnection
from psycopg.crdb import AsyncCrdbConnection
from psycopg.sql import Composable

from . import sql as statements
from .async_batch import NoCopy, copy_rows, insert_rows
from .async_connections import AsyncConnections, Row
from .async_retrying import AsyncRetrying
from .conditions import OrderBy, Where, conditions, ordering
from .errors import QueryError
from .outcome import refuses_copy
from .retry import RetryPolicy

T = TypeVar("T")
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]


class AsyncDatabase(AsyncConnections):
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

    retry_policy = RetryPolicy()

    # --- statements -----------------------------------------------------------------------------

    async def execute(
        self, sql: str | bytes | Composable, params: Parameters | None = None
    ) -> list[Row]:
        """Run a statement and return its rows, ``[]`` when it has none.

        Placeholders are ``%s`` or ``%(name)s``; without ``params`` a ``%`` is only a ``%``, and
        ``sql`` may hold several statements: they run as one transaction, and the rows are those
        of the last that has any.
        """
        if isinstance(sql, str):
            sql = sql.encode()
        pool = self._pool or await self._open()
        connection = await self._borrow(pool)
        try:
            cursor = await connection.execute(sql, params)  # type: ignore[arg-type]
            rows: list[Row] = []
            while True:
                if cursor.description:
                    rows = await cursor.fetchall()
                if not cursor.nextset():
                    return rows
        finally:
            await self._give_back(pool, connection)

    async def select(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Row]:
        """Return the rows of a table.

        In ``where`` a value means equality, None ``IS NULL``, a list or set membership, a tuple
        an operator and its operand: ``{"age": (">=", 18), "name": ("ilike", "a%")}``; all must
        hold. ``order_by`` is ``"name"``, ``"-name"``, ``"name desc nulls last"``, or a list.
        """
        condition, parameters = conditions(where) if where else ("", [])
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None:
                parameters.append(_count(name, number))
        text = statements.select(
            table,
            _names(columns) if columns else (),
            condition,
            ordering(order_by) if order_by else "",
            limit is not None,
            offset is not None,
        )
        return await self.execute(text, parameters)

    async def insert(self, table: str, data: Mapping[str, object]) -> Row:
        """Insert one row and return it as the server has it, defaults included.

        Where a trigger leaves the row out, the result is empty.
        """
        rows = await self.execute(statements.insert(table, tuple(data)), tuple(data.values()))
        return rows[0] if rows else {}

    async def upsert(
        self,
        table: str,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
    ) -> Row | None:
        """Insert one row, or update the one that has the same values in ``conflict_columns``.

        These need a unique index. ``update_columns`` are those to overwrite, by default all
        others of ``data``; with ``[]`` an existing row stays as it is, and the result is None.
        """
        conflict = _names(conflict_columns)
        if update_columns is None:
            # With nothing else to set, setting what is equal anyway makes RETURNING return it.
            update = tuple(name for name in data if name not in conflict) or conflict
        else:
            update = _names(update_columns)
        text = statements.upsert(table, tuple(data), conflict, update)
        rows = await self.execute(text, tuple(data.values()))
        return rows[0] if rows else None

    async def update(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
    ) -> Row | None:
        """Set columns in the rows that ``where`` finds; return the first of them, or None.

        `update_many` returns all of them. An empty ``where`` is refused unless ``all_rows``.
        """
        rows = await self.update_many(table, data, where, all_rows=all_rows)
        return rows[0] if rows else None

    async def update_many(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
    ) -> list[Row]:
        """Set columns in the rows that ``where`` finds, as in `select`; return these rows."""
        condition, parameters = _narrow("update", where, all_rows)
        text = statements.update(table, tuple(data), condition)
        return await self.execute(text, [*data.values(), *parameters])

    async def delete(
        self, table: str, where: Where | None = None, *, all_rows: bool = False
    ) -> int:
        """Delete the rows that ``where`` finds, as in `select`; return how many.

        An empty ``where`` is refused unless ``all_rows``.
        """
        condition, parameters = _narrow("delete", where, all_rows)
        text = statements.delete(table, (), condition)
        async with self.connection() as connection:
            return (await connection.execute(text, parameters)).rowcount

    @overload
    async def batch_insert(
        self,
        table: str,
        rows: Iterable[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[True] = True,
    ) -> list[Row]: ...

    @overload
    async def batch_insert(
        self,
        table: str,
        rows: Iterable[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[False],
    ) -> int: ...

    async def batch_insert(
        self,
        table: str,
        rows: Iterable[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: bool = True,
    ) -> list[Row] | int:
        """Insert many rows in one transaction, all or none; return them in their order.

        With ``returning=False`` it returns only how many, and is several times faster: rows go
        by COPY where that takes them. A row without a key that others have gets that column's
        default. ``batch_size`` is the number of rows a statement, by default as many as do well.
        The transaction is tried again after a 40001, as in `run_in_transaction`.
        """
        if batch_size is not None and _count("batch_size", batch_size) < 1:
            raise QueryError("batch_size is at least 1.")
        given = list(rows)
        if not given:
            return [] if returning else 0

        async def copy(connection: AsyncConnection[Row]) -> None:
            await copy_rows(connection, table, given)

        async def insert(connection: AsyncConnection[Row]) -> list[Row]:
            return await insert_rows(
                connection, table, given, batch_size=batch_size, returning=returning
            )

        if not returning and batch_size is None and given[0]:
            try:
                await self.run_in_transaction(copy)
                return len(given)
            except NoCopy:
                pass
            except psycopg.Error as error:
                if not refuses_copy(error.sqlstate):
                    raise
        inserted = await self.run_in_transaction(insert)
        return inserted if returning else len(given)

    # --- tables and databases -------------------------------------------------------------------

    async def create_table(
        self, table: str, columns: Mapping[str, str], if_not_exists: bool = True
    ) -> None:
        """Create a table; ``columns`` are names and types: ``{"id": "UUID PRIMARY KEY"}``.

        A type is SQL as it stands, constraints and default included: it must not come from
        outside the program.
        """
        await self.execute(statements.create_table(table, columns, if_not_exists=if_not_exists), ())

    async def drop_table(
        self, table: str, if_exists: bool = True, *, cascade: bool = False
    ) -> None:
        """Drop a table; with ``cascade``, what depends on it too."""
        await self.execute(statements.drop_table(table, if_exists=if_exists, cascade=cascade), ())

    async def exists(self, table: str) -> bool:
        """Return whether there is a table or view of that name, in the search path if bare."""
        return bool(await self.execute(*statements.exists(table)))

    async def create_database(self, name: str, *, if_not_exists: bool = True) -> None:
        """Create a database, this one among others: it need not exist to be connected to."""
        await self._create_database(name, if_not_exists=if_not_exists)

    async def drop_database(
        self, name: str, *, if_exists: bool = True, force: bool = False
    ) -> None:
        """Drop a database and everything in it; with ``force``, end its sessions first.

        Without, PostgreSQL refuses while anyone is connected to it. This pool is closed if it is
        connected there.
        """
        if name == self.settings.database:
            await self.close()
        async with await self._beside(name) as connection:
            crdb = AsyncCrdbConnection.is_crdb(connection)
            await connection.execute(
                statements.drop_database(name, if_exists=if_exists, force=force, crdb=crdb)
            )

    def sibling(self, database: str) -> Self:
        """Return another database of the same server, with a pool of its own."""
        return type(self).from_settings(replace(self.settings, database=database, create=False))

    # --- transactions ---------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[Row]]:
        """Lend a connection in a transaction that commits at the end, or rolls back on an error.

        CockroachDB 25.1 and later commits before a schema change inside a transaction, unless
        the session has ``autocommit_before_ddl = off``: keep schema changes to migrations.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def run_in_transaction(
        self,
        function: Callable[[AsyncConnection[Row]], Awaitable[T]],
        max_retries: int | None = None,
    ) -> T:
        """Call ``function(connection)`` in a transaction and return what it returns.

        When the server aborted the transaction because of another one (SQLSTATE 40001, a
        deadlock), all of it runs again, at most ``max_retries`` times, with growing delays: so
        the function must do nothing else that should happen once. Then the server's error goes
        through, like any other. One that leaves open whether the commit happened (40003, a lost
        connection) is never tried again.
        """
        async for attempt in self.retrying(max_retries):
            async with attempt, self.transaction() as connection:
                return await function(connection)
        raise AssertionError("the last attempt returns or raises")

    def retrying(self, max_retries: int | None = None) -> AsyncRetrying:
        """Return attempts for a loop that does what `run_in_transaction` does, in place.

        ``async for attempt in db.retrying(): async with attempt: …``; what is to be tried again
        goes inside, its transaction included. ``attempt.number`` counts from 1.
        """
        policy = self.retry_policy
        if max_retries is not None:
            policy = replace(policy, max_retries=_count("max_retries", max_retries))
        return AsyncRetrying(policy)


def _names(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


def _count(name: str, number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise QueryError(f"{name} takes a whole number, not {number!r}.")
    return number


def _narrow(verb: str, where: Where | None, all_rows: bool) -> tuple[str, list[object]]:
    """Return the condition, having refused to touch every row by accident."""
    if bool(where) == all_rows:
        raise QueryError(
            f"This {verb} has both where and all_rows."
            if where
            else f"This {verb} has no condition and would touch every row.",
            hint=None if where else "Give where={…}, or all_rows=True if that is what you want.",
        )
    return conditions(where) if where else ("", [])
