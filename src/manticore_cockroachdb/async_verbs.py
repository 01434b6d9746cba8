"""AsyncVerbs: select, insert, update and their kin, in one place for all that has them.

`AsyncDatabase` has them, each call a statement on a connection of the pool; so has every
connection that it lends, and the nested transactions of that. Where a verb's statement goes is
decided by three methods of the class that mixes this in: `_rows`, `_changed` and
`_transaction`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

import psycopg
from psycopg import AsyncConnection

from . import sql as statements
from .async_batch import NoCopy, copy_rows, insert_rows
from .async_retrying import AsyncRetrying
from .conditions import OrderBy, Where, conditions, ordering
from .errors import QueryError
from .outcome import refuses_copy
from .retry import RetryPolicy

if TYPE_CHECKING:
    from .async_pooled import AsyncPooledConnection

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]


class AsyncVerbs:
    """Verbs on tables: dicts in, dicts out; each is one statement."""

    retry_policy = RetryPolicy()

    # --- where statements go --------------------------------------------------------------------

    async def _rows(self, sql: bytes, params: Parameters | None) -> list[Row]:
        """Run a statement and return its rows, ``[]`` when it has none."""
        raise NotImplementedError

    async def _changed(self, sql: bytes, params: Parameters) -> int:
        """Run a statement and return how many rows it touched."""
        raise NotImplementedError

    def _transaction(self) -> AbstractAsyncContextManager[AsyncPooledConnection]:
        """Lend a connection in a transaction, or in a savepoint of the one that is open."""
        raise NotImplementedError

    def _inside(self) -> bool:
        """Return whether a transaction is open already."""
        raise NotImplementedError

    # --- statements -----------------------------------------------------------------------------

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
        return await self._rows(text, parameters)

    async def insert(self, table: str, data: Mapping[str, object]) -> Row:
        """Insert one row and return it as the server has it, defaults included.

        Where a trigger leaves the row out, the result is empty.
        """
        rows = await self._rows(statements.insert(table, tuple(data)), tuple(data.values()))
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
        rows = await self._rows(text, tuple(data.values()))
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
        return await self._rows(text, [*data.values(), *parameters])

    async def delete(
        self, table: str, where: Where | None = None, *, all_rows: bool = False
    ) -> int:
        """Delete the rows that ``where`` finds, as in `select`; return how many.

        An empty ``where`` is refused unless ``all_rows``.
        """
        condition, parameters = _narrow("delete", where, all_rows)
        text = statements.delete(table, (), condition)
        return await self._changed(text, parameters)

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

    # --- tables ---------------------------------------------------------------------------------

    async def create_table(
        self, table: str, columns: Mapping[str, str], if_not_exists: bool = True
    ) -> None:
        """Create a table; ``columns`` are names and types: ``{"id": "UUID PRIMARY KEY"}``.

        A type is SQL as it stands, constraints and default included: it must not come from
        outside the program.
        """
        await self._rows(statements.create_table(table, columns, if_not_exists=if_not_exists), ())

    async def drop_table(
        self, table: str, if_exists: bool = True, *, cascade: bool = False
    ) -> None:
        """Drop a table; with ``cascade``, what depends on it too."""
        await self._rows(statements.drop_table(table, if_exists=if_exists, cascade=cascade), ())

    async def exists(self, table: str) -> bool:
        """Return whether there is a table or view of that name, in the search path if bare."""
        return bool(await self._rows(*statements.exists(table)))

    # --- transactions ---------------------------------------------------------------------------

    async def run_in_transaction(
        self,
        function: Callable[[AsyncPooledConnection], Awaitable[T]],
        max_retries: int | None = None,
    ) -> T:
        """Call ``function(connection)`` in a transaction and return what it returns.

        When the server aborted the transaction because of another one (SQLSTATE 40001, a
        deadlock), all of it runs again, at most ``max_retries`` times, with growing delays: so
        the function must do nothing else that should happen once. Then the server's error goes
        through, like any other. One that leaves open whether the commit happened (40003, a lost
        connection) is never tried again. Inside an open transaction it is a savepoint of that,
        and nothing is tried again here: only the outermost can be.
        """
        async for attempt in self.retrying(max_retries):
            async with attempt, self._transaction() as connection:
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
        return AsyncRetrying(policy, self._inside)


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
