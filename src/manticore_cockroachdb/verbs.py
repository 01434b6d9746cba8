# Generated from async_verbs.py by tools/unasync.py; do not edit.
"""Verbs: select, insert, update and their kin, in one place for all that has them.

`Database` has them, each call a statement on a connection of the pool; so has every
connection that it lends, and the nested transactions of that. Where a verb's statement goes is
decided by a few methods of the class that mixes this in, which begin with an underscore.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import psycopg

from . import sql as statements
from ._acompat import Source, batched
from .batch import AT_ONCE, NoCopy, copy_rows, insert_rows
from .conditions import Where, conditions
from .copying import Readable, copy_in
from .errors import QueryError
from .limits import NONE, Limits, Options, limits_of
from .outcome import Verdict, refuses_copy, verdict_of
from .reading import Reading, count_of, names_of
from .retry import RetryPolicy
from .retrying import Retrying
from .rows import Row, Rows

if TYPE_CHECKING:
    from .pooled import PooledConnection
    from .table import Table
    from .telemetry.handle import Telemetry

R = TypeVar("R")
T = TypeVar("T")


class Verbs(Reading):
    """Verbs on tables: dicts in, dicts out; each is one statement."""

    retry_policy = RetryPolicy()
    telemetry: Telemetry | None = None
    """What is told what is done here; None where nobody is."""

    # --- where statements go --------------------------------------------------------------------

    def _transaction(
        self, limits: Limits = NONE, left: float | None = None
    ) -> AbstractContextManager[PooledConnection]:
        """Lend a connection in a transaction, or in a savepoint of the one that is open."""
        raise NotImplementedError

    def _inside(self) -> bool:
        """Return whether a transaction is open already."""
        raise NotImplementedError

    # --- statements -----------------------------------------------------------------------------

    @overload
    def insert(self, table: str, data: Mapping[str, object], *, row: None = None) -> Row: ...

    @overload
    def insert(self, table: str, data: Mapping[str, object], *, row: Callable[..., R]) -> R: ...

    def insert(
        self, table: str, data: Mapping[str, object], *, row: Callable[..., Any] | None = None
    ) -> Any:
        """Insert one row and return it as the server has it, defaults included.

        As a dict, or with ``row`` as an object of that class. Where a trigger leaves the row
        out, the result is an empty dict.
        """
        rows = self._rows(statements.insert(table, tuple(data)), tuple(data.values()), row)
        return rows[0] if rows else {}

    @overload
    def upsert(
        self,
        table: str,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: None = None,
    ) -> Row | None: ...

    @overload
    def upsert(
        self,
        table: str,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: Callable[..., R],
    ) -> R | None: ...

    def upsert(
        self,
        table: str,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Insert one row, or update the one that has the same values in ``conflict_columns``.

        These need a unique index. ``update_columns`` are those to overwrite, by default all
        others of ``data``; with ``[]`` an existing row stays as it is, and the result is None.
        Otherwise it is the row as the server has it, a dict or an object of the class ``row``.
        """
        conflict = names_of(conflict_columns)
        if update_columns is None:
            # With nothing else to set, setting what is equal anyway makes RETURNING return it.
            update = tuple(name for name in data if name not in conflict) or conflict
        else:
            update = names_of(update_columns)
        text = statements.upsert(table, tuple(data), conflict, update)
        rows = self._rows(text, tuple(data.values()), row)
        return rows[0] if rows else None

    @overload
    def update(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: None = None,
    ) -> Row | None: ...

    @overload
    def update(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., R],
    ) -> R | None: ...

    def update(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Set columns in the rows that ``where`` finds; return the first of them, or None.

        As a dict, or as an object of the class ``row``; `update_many` returns all of them. An empty
        ``where`` is refused unless ``all_rows``, and then one row is fetched of however many are
        set.
        """
        condition, parameters = _narrow("update", where, all_rows)
        text = statements.update(table, tuple(data), condition, "first" if all_rows else "all")
        rows = self._rows(text, [*data.values(), *parameters], row)
        return rows[0] if rows else None

    @overload
    def update_many(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        returning: Literal[True] = True,
        row: None = None,
    ) -> Rows[Row]: ...

    @overload
    def update_many(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        returning: Literal[True] = True,
        row: Callable[..., R],
    ) -> Rows[R]: ...

    @overload
    def update_many(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        returning: Literal[False],
    ) -> int: ...

    def update_many(
        self,
        table: str,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        returning: bool = True,
        row: Callable[..., Any] | None = None,
    ) -> Rows[Any] | int:
        """Set columns in the rows that ``where`` finds, as in `select`; return these rows.

        As dicts, or as objects of the class ``row``. With ``returning=False`` none is fetched, and
        it returns how many there were.
        """
        condition, parameters = _narrow("update", where, all_rows)
        text = statements.update(table, tuple(data), condition, "all" if returning else "none")
        rows: Rows[Any] = self._rows(text, [*data.values(), *parameters], row)
        return rows if returning else rows.rowcount

    def delete(self, table: str, where: Where | None = None, *, all_rows: bool = False) -> int:
        """Delete the rows that ``where`` finds, as in `select`; return how many.

        An empty ``where`` is refused unless ``all_rows``.
        """
        condition, parameters = _narrow("delete", where, all_rows)
        text = statements.delete(table, (), condition)
        return (self._rows(text, parameters)).rowcount

    @overload
    def batch_insert(
        self,
        table: str,
        rows: Source[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[True] = True,
    ) -> list[Row]: ...

    @overload
    def batch_insert(
        self,
        table: str,
        rows: Source[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[False],
    ) -> int: ...

    def batch_insert(
        self,
        table: str,
        rows: Source[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: bool = True,
    ) -> list[Row] | int:
        """Insert many rows in one transaction, all or none; return them in their order.

        With ``returning=False`` it returns only how many, and is several times faster: rows go
        by COPY where that takes them. A row without a key that others have gets that column's
        default. ``batch_size`` is the number of rows a statement, by default as many as do well.
        The transaction is tried again after a 40001, as in `run_in_transaction`.

        Rows of a generator are taken as they come, some thousands in memory at a time. Once more
        than that are gone, nothing can be tried again: the error says so.
        """
        if batch_size is not None and count_of("batch_size", batch_size) < 1:
            raise QueryError("batch_size is at least 1.")
        if isinstance(rows, Collection):
            return self._insert_all(table, list(rows), batch_size, returning)
        batches = batched(rows, AT_ONCE)
        first: list[Mapping[str, object]] = next(batches, [])
        if len(first) < AT_ONCE:
            return self._insert_all(table, first, batch_size, returning)

        try:
            return self._insert_as_they_come(table, first, batches, batch_size, returning)
        except psycopg.Error as error:
            if verdict_of(error.sqlstate) is Verdict.RETRY:
                error.add_note("not tried again: the rows came one by one, and are gone")
            raise

    def _insert_all(
        self,
        table: str,
        given: list[Mapping[str, object]],
        batch_size: int | None,
        returning: bool,
    ) -> list[Row] | int:
        if not given:
            return [] if returning else 0

        def copy(connection: PooledConnection) -> None:
            copy_rows(connection, table, given)

        def insert(connection: PooledConnection) -> list[Row]:
            return insert_rows(connection, table, given, batch_size=batch_size, returning=returning)

        if not returning and batch_size is None and given[0]:
            try:
                self.run_in_transaction(copy)
                return len(given)
            except NoCopy:
                pass
            except psycopg.Error as error:
                if not refuses_copy(error.sqlstate):
                    raise
        inserted = self.run_in_transaction(insert)
        return inserted if returning else len(given)

    def _insert_as_they_come(
        self,
        table: str,
        batch: list[Mapping[str, object]],
        more: Iterator[list[Mapping[str, object]]],
        batch_size: int | None,
        returning: bool,
    ) -> list[Row] | int:
        copying, total = not returning and batch_size is None, 0
        found: list[Row] = []
        with self._transaction() as connection:
            while batch:
                copying = copying and _copied(connection, table, batch)
                if not copying:
                    found += insert_rows(
                        connection, table, batch, batch_size=batch_size, returning=returning
                    )
                total += len(batch)
                batch = next(more, [])
        return found if returning else total

    def copy_in(
        self,
        table: str,
        source: Source[object] | bytes | str | Readable,
        columns: Sequence[str] | None = None,
        *,
        format: Literal["text", "csv", "binary"] = "text",
        header: bool = False,
    ) -> int:
        """Send rows by COPY, all or none, in bounded memory; return how many there were.

        ``source`` is an open file, bytes, pieces of bytes, or rows: sequences in the order of
        ``columns``, by default the table's, or mappings with the keys of the first. ``format``
        and ``header`` are for bytes. Rows that CockroachDB would read from COPY otherwise than
        from INSERT (bytes; JSON and arrays before v23.1) raise `QueryError`: `batch_insert`
        takes them.
        """
        with self._transaction() as connection:
            return copy_in(connection, table, source, names_of(columns or ()), format, header)

    def table(self, name: str) -> Table:
        """Return a handle of one table: ``db.table("users").insert({…})``."""
        from .table import Table

        return Table(self, name)

    # --- tables ---------------------------------------------------------------------------------

    def create_table(
        self, table: str, columns: Mapping[str, str], if_not_exists: bool = True
    ) -> None:
        """Create a table; ``columns`` are names and types: ``{"id": "UUID PRIMARY KEY"}``.

        A type is SQL as it stands, constraints and default included: it must not come from
        outside the program.
        """
        self._rows(statements.create_table(table, columns, if_not_exists=if_not_exists), ())

    def drop_table(self, table: str, if_exists: bool = True, *, cascade: bool = False) -> None:
        """Drop a table; with ``cascade``, what depends on it too."""
        self._rows(statements.drop_table(table, if_exists=if_exists, cascade=cascade), ())

    def exists(self, table: str) -> bool:
        """Return whether there is a table or view of that name, in the search path if bare."""
        return bool(self._rows(*statements.exists(table)))

    # --- transactions ---------------------------------------------------------------------------

    def run_in_transaction(
        self,
        function: Callable[[PooledConnection], T],
        max_retries: int | None = None,
        **options: Unpack[Options],
    ) -> T:
        """Call ``function(connection)`` in a transaction and return what it returns.

        When the server aborted the transaction because of another one (SQLSTATE 40001, a
        deadlock), all of it runs again, at most ``max_retries`` times, with growing delays: so
        the function must do nothing else that should happen once. Then the server's error goes
        through, like any other. One that leaves open whether the commit happened (40003, a lost
        connection) is never tried again. Inside an open transaction it is a savepoint of that,
        and nothing is tried again here: only the outermost can be.

        ``options`` are those of `Database.transaction`; a ``deadline`` is for all tries.
        """
        policy = self._policy(max_retries)
        if self.telemetry is None or self._inside():
            return self._in_transaction(function, policy, limits_of(options))
        with self.telemetry.span("run_in_transaction"):
            return self._in_transaction(function, policy, limits_of(options))

    def _in_transaction(
        self,
        function: Callable[[PooledConnection], T],
        policy: RetryPolicy,
        limits: Limits,
    ) -> T:
        left = None
        until = None if limits.deadline is None else monotonic() + limits.deadline
        for attempt in Retrying(policy, self._inside, until, self.telemetry):
            if until is not None:
                left = max(0.001, until - monotonic())
            with attempt, self._transaction(limits, left) as connection:
                return function(connection)
        raise AssertionError("the last attempt returns or raises")

    def retrying(self, max_retries: int | None = None) -> Retrying:
        """Return attempts for a loop that does what `run_in_transaction` does, in place.

        ``for attempt in db.retrying(): with attempt: …``; what is to be tried again
        goes inside, its transaction included. ``attempt.number`` counts from 1.
        """
        return Retrying(self._policy(max_retries), self._inside, telemetry=self.telemetry)

    def _policy(self, max_retries: int | None) -> RetryPolicy:
        if max_retries is None:
            return self.retry_policy
        return replace(self.retry_policy, max_retries=count_of("max_retries", max_retries))


def _copied(connection: PooledConnection, table: str, rows: Sequence[Mapping[str, object]]) -> bool:
    """Send rows by COPY, in a savepoint; return whether that could be done."""
    if not rows[0]:
        return False
    try:
        with connection.transaction():
            copy_rows(connection, table, rows)
    except NoCopy:
        return False
    except psycopg.Error as error:
        if not refuses_copy(error.sqlstate):
            raise
        return False
    return True


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
