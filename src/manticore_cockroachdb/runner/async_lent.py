"""The connection that a Python migration is lent.

It is the session's own, so lease, settings and search path are as for SQL: over the same libpq
connection stands another object of psycopg's, with the verbs, as `AsyncDatabase.transaction` lends
it. The transaction is the run's. COMMIT, ROLLBACK and closing are refused, and every statement is
looked at by the `Guard`; a nested ``transaction()`` is a savepoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.crdb import AsyncCrdbConnection
from psycopg.pq import abc
from psycopg.rows import dict_row
from psycopg.types.json import JsonbDumper

from ..async_pooled import AsyncPooledConnection, AsyncTransaction
from ..errors import TransactionError
from .guard import Guard


class AsyncLent(AsyncPooledConnection):
    """What ``migrate(connection)`` gets."""

    guard: Guard
    raw_cursor: type[psycopg.AsyncRawCursor[Any]]

    async def commit(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("commit()")

    async def rollback(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("rollback()")

    async def close(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("close()")

    @asynccontextmanager
    async def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """Begin a savepoint; keep what it did at the end, undo it on an error."""
        self.guard.nested += 1
        try:
            async with super().transaction(savepoint_name, force_rollback) as begun:
                yield begun
        finally:
            self.guard.nested -= 1


class AsyncCrdbLent(AsyncLent, AsyncCrdbConnection[Any]):
    """The same, with psycopg's type adapters for CockroachDB."""


class _AsyncGuarded:
    """Methods of a cursor that look before they send."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement."""
        _look(self, query, params)
        return await super().execute(query, params, **options)  # type: ignore[misc]

    async def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Execute a statement for each of some parameters."""
        _look(self, query, ())
        await super().executemany(query, params_seq, **options)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement and yield its rows as they come."""
        _look(self, query, params)
        return super().stream(query, params, **options)  # type: ignore[misc]

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """Begin a COPY."""
        _look(self, statement, params, copy=True)
        return super().copy(statement, params, **options)  # type: ignore[misc]


class AsyncGuardedCursor(_AsyncGuarded, psycopg.AsyncCursor[Any]):
    """psycopg's cursor, guarded."""


class AsyncGuardedRawCursor(_AsyncGuarded, psycopg.AsyncRawCursor[Any]):
    """psycopg's cursor for ``$1``, guarded."""


def _look(cursor: Any, query: object, params: object, *, copy: bool = False) -> None:
    connection = cursor.connection
    connection.guard.look(query, params, connection, copy=copy)


def async_lent(pgconn: abc.PGconn, guard: Guard, database: object) -> AsyncLent:
    """A connection to lend, over one that is open and in a transaction. Calls of the verbs of
    ``database`` join it while it is lent."""
    is_crdb = pgconn.parameter_status(b"crdb_version") is not None
    kind = AsyncCrdbLent if is_crdb else AsyncLent
    connection: AsyncLent = kind(pgconn, row_factory=dict_row)
    connection.cursor_factory = AsyncGuardedCursor
    connection.raw_cursor = AsyncGuardedRawCursor
    connection.prepare_threshold = None
    connection.adapters.register_dumper(dict, JsonbDumper)
    connection.guard = guard
    connection.database = database
    return connection


async def async_use(connection: AsyncLent, function: Any) -> None:
    """Call a function with the connection. Raises what it raises; Refused where something was
    that it caught; TransactionError where the transaction cannot be committed as a whole."""
    try:
        async with connection.within():
            await function(connection)
            if connection.guard.refused is not None:
                raise connection.guard.refused
    finally:
        connection.database, connection.guarded = None, True  # nothing is sent by it any more
        connection.block = None


def _ours(what: str) -> TransactionError:
    return TransactionError(
        f"{what} belongs to the migration's run: the history row is in the same transaction.",
        hint="return, and all is committed; raise an error, and all is rolled back",
    )


__all__ = ["AsyncLent", "async_lent", "async_use"]
