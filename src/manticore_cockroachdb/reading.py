# Generated from async_reading.py by tools/unasync.py; do not edit.
"""Reading: the verbs that ask, for all that has them; see `verbs`.

Rows are dicts, or with ``row=User`` objects of a class (`rows`). ``select`` and its kin hold
their whole answer in memory; ``stream`` and ``copy_out`` never more than a few rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from psycopg.sql import Composable

from . import sql as statements
from .conditions import OrderBy, Where, conditions, ordering
from .errors import NotOneRow, QueryError
from .rows import Parameters, Row, Rows, Statement
from .streaming import blocks, stream

if TYPE_CHECKING:
    from .pooled import PooledConnection

R = TypeVar("R")


class Reading:
    """Verbs that ask."""

    # --- where statements go --------------------------------------------------------------------

    def _rows(
        self, sql: Statement, params: Parameters | None, row: Callable[..., Any] | None = None
    ) -> Rows[Any]:
        """Run a statement and return its rows, none when it has none."""
        raise NotImplementedError

    def _read(
        self, sql: bytes, params: Parameters, row: Callable[..., Any] | None = None
    ) -> Rows[Any]:
        """Run a statement that only reads, and so may be sent again, and return its rows."""
        return self._rows(sql, params, row)

    def _lend(self) -> AbstractContextManager[PooledConnection]:
        """Lend the connection that statements go to."""
        raise NotImplementedError

    # --- rows -----------------------------------------------------------------------------------

    @overload
    def select(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: None = None,
    ) -> Rows[Row]: ...

    @overload
    def select(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: Callable[..., R],
    ) -> Rows[R]: ...

    def select(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Rows[Any]:
        """Return the rows of a table, as dicts or as objects of the class ``row``.

        In ``where`` a value means equality, None ``IS NULL``, a list or set membership, a tuple
        an operator and its operand: ``{"age": (">=", 18), "name": ("ilike", "a%")}``; all must
        hold. For ``or`` and ``not``, JSON, arrays and plain SQL see `conditions`.
        ``order_by`` is ``"name"``, ``"-name"``, ``"name desc nulls last"``, or a list.
        """
        condition, parameters = conditions(where) if where else ("", [])
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None:
                parameters.append(count_of(name, number))
        text = statements.select(
            table,
            names_of(columns) if columns else (),
            condition,
            ordering(order_by) if order_by else "",
            limit is not None,
            offset is not None,
        )
        return self._read(text, parameters, row)

    def count(self, table: str, where: Where | None = None) -> int:
        """Return how many rows a table has, or how many ``where`` finds, as in `select`."""
        condition, parameters = conditions(where) if where else ("", [])
        found = self._read(statements.count(table, (), condition), parameters)
        return int(found[0]["count"])

    @overload
    def one(self, sql: Statement, params: Parameters | None = None, *, row: None = None) -> Row: ...

    @overload
    def one(
        self, sql: Statement, params: Parameters | None = None, *, row: Callable[..., R]
    ) -> R: ...

    def one(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Run a query and return its only row. Raises `NotOneRow` if there is none, or more."""
        rows = self._rows(sql, params, row)
        return the_one(rows)

    @overload
    def one_or_none(
        self, sql: Statement, params: Parameters | None = None, *, row: None = None
    ) -> Row | None: ...

    @overload
    def one_or_none(
        self, sql: Statement, params: Parameters | None = None, *, row: Callable[..., R]
    ) -> R | None: ...

    def one_or_none(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Run a query and return its only row, None if there is none. Raises `NotOneRow`."""
        rows = self._rows(sql, params, row)
        return the_one(rows) if rows else None

    def value(self, sql: Statement, params: Parameters | None = None) -> Any:
        """Run a query and return the first column of its only row. Raises `NotOneRow`."""
        rows = self._rows(sql, params, _first)
        return the_one(rows)

    # --- more than memory holds -----------------------------------------------------------------

    @overload
    def stream(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: None = None,
        size: int = 100,
    ) -> Iterator[Row]: ...

    @overload
    def stream(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: Callable[..., R],
        size: int = 100,
    ) -> Iterator[R]: ...

    def stream(
        self,
        sql: Statement,
        params: Parameters | None = None,
        *,
        row: Callable[..., Any] | None = None,
        size: int = 100,
    ) -> Iterator[Any]:
        """Run a query and yield its rows as they come, at most ``size`` of them in memory.

        It keeps a connection of the pool until its end; whoever leaves the loop early had better
        close it: ``with closing(db.stream(…)) as rows``. In an open transaction it is a
        cursor of that, and other statements can go between its rows; CockroachDB has cursors
        since v22.1, and before raises `TransactionError` for a statement in between.
        """
        if count_of("size", size) < 1:
            raise QueryError("size is at least 1.")
        return stream(self._lend(), encoded(sql), params, row, size)

    def copy_out(
        self,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        *,
        query: Statement | None = None,
        params: Parameters | None = None,
        format: Literal["text", "csv", "binary"] = "text",
        header: bool = False,
    ) -> Iterator[bytes]:
        """Yield the rows of a table, or of a query, in COPY's format, some bytes at a time.

        The server's own format is the fastest way to a file or to `copy_in`; for rows as Python
        values there is `stream`. CockroachDB has it since v22.2.
        """
        if (table is None) == (query is None):
            raise QueryError("copy_out takes a table or a query.")
        text = statements.copy_out(table, names_of(columns or ()), format, header)
        return blocks(self._lend(), text, query, params)


def _first(*values: Any) -> Any:
    return values[0]


def the_one(rows: Sequence[Any], *, at_least: bool = False) -> Any:
    """Return the only row. Raises `NotOneRow`; ``at_least``: there may be more than were read."""
    if len(rows) == 1:
        return rows[0]
    found = len(rows)
    number = f"are {'at least ' if at_least else ''}{found}"
    raise NotOneRow(
        f"One row was asked for, and there {number if found else 'is none'}.",
        found=found,
        hint="Where none is right, use one_or_none; where several are, execute."
        if not found
        else "Make the query say which one: by its key, or by ORDER BY … LIMIT 1.",
    )


def names_of(columns: str | Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; a text alone is one name."""
    return (columns,) if isinstance(columns, str) else tuple(columns)


def count_of(name: str, number: int) -> int:
    """Return the number, having refused what is not a whole one from 0 on."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise QueryError(f"{name} takes a whole number, not {number!r}.")
    return number


def encoded(sql: Statement) -> bytes | Composable:
    """Return a statement as psycopg takes it fastest, and type checkers without complaint."""
    return sql.encode() if isinstance(sql, str) else sql
