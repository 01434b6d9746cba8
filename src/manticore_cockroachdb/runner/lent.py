# Generated from async_lent.py by tools/unasync.py; do not edit.
"""The connection that a Python migration is lent.

It is the session's own, so lease, settings and search path are as for SQL: over the same libpq
connection stands another object of psycopg's, with the verbs, as `Database.transaction` lends
it. The transaction is the run's. COMMIT, ROLLBACK and closing are refused, and every statement is
looked at by the `Guard`; a nested ``transaction()`` is a savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.crdb import CrdbConnection
from psycopg.pq import abc
from psycopg.rows import dict_row
from psycopg.types.json import JsonbDumper

from ..errors import TransactionError
from ..pooled import PooledConnection, Transaction
from .guard import Guard


class Lent(PooledConnection):
    """What ``migrate(connection)`` gets."""

    guard: Guard
    raw_cursor: type[psycopg.RawCursor[Any]]

    def commit(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("commit()")

    def rollback(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("rollback()")

    def close(self) -> None:
        """Raise `TransactionError`."""
        raise _ours("close()")

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[Transaction]:
        """Begin a savepoint; keep what it did at the end, undo it on an error."""
        self.guard.nested += 1
        try:
            with super().transaction(savepoint_name, force_rollback) as begun:
                yield begun
        finally:
            self.guard.nested -= 1


class CrdbLent(Lent, CrdbConnection[Any]):
    """The same, with psycopg's type adapters for CockroachDB."""


class _AsyncGuarded:
    """Methods of a cursor that look before they send."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement."""
        _look(self, query, params)
        return super().execute(query, params, **options)  # type: ignore[misc]

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """Execute a statement for each of some parameters."""
        _look(self, query, ())
        super().executemany(query, params_seq, **options)  # type: ignore[misc]

    def stream(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement and yield its rows as they come."""
        _look(self, query, params)
        return super().stream(query, params, **options)  # type: ignore[misc]

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """Begin a COPY."""
        _look(self, statement, params, copy=True)
        return super().copy(statement, params, **options)  # type: ignore[misc]


class GuardedCursor(_AsyncGuarded, psycopg.Cursor[Any]):
    """psycopg's cursor, guarded."""


class GuardedRawCursor(_AsyncGuarded, psycopg.RawCursor[Any]):
    """psycopg's cursor for ``$1``, guarded."""


def _look(cursor: Any, query: object, params: object, *, copy: bool = False) -> None:
    connection = cursor.connection
    connection.guard.look(query, params, connection, copy=copy)


def lent(pgconn: abc.PGconn, guard: Guard, database: object) -> Lent:
    """A connection to lend, over one that is open and in a transaction. Calls of the verbs of
    ``database`` join it while it is lent."""
    is_crdb = pgconn.parameter_status(b"crdb_version") is not None
    kind = CrdbLent if is_crdb else Lent
    connection: Lent = kind(pgconn, row_factory=dict_row)
    connection.cursor_factory = GuardedCursor
    connection.raw_cursor = GuardedRawCursor
    connection.prepare_threshold = None
    connection.adapters.register_dumper(dict, JsonbDumper)
    connection.guard = guard
    connection.database = database
    return connection


def use(connection: Lent, function: Any) -> None:
    """Call a function with the connection. Raises what it raises; Refused where something was
    that it caught; TransactionError where the transaction cannot be committed as a whole."""
    try:
        with connection.within():
            function(connection)
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


__all__ = ["Lent", "lent", "use"]
