"""AsyncTable: the verbs of one table, which is named once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from .async_reading import the_one
from .conditions import OrderBy, Where
from .rows import Row, Rows

if TYPE_CHECKING:
    from ._acompat import AsyncSource
    from .async_verbs import AsyncVerbs

R = TypeVar("R")


class AsyncTable:
    """One table of a database, or of a transaction: ``db.table("users").insert({…})``.

    Every method is the verb of the same name with the table already given; see `AsyncVerbs`.
    """

    def __init__(self, verbs: AsyncVerbs, name: str) -> None:
        self.name = name
        self._verbs = verbs

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self._verbs!r}>"

    @overload
    async def select(
        self,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: None = None,
    ) -> Rows[Row]: ...

    @overload
    async def select(
        self,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: Callable[..., R],
    ) -> Rows[R]: ...

    async def select(
        self,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Rows[Any]:
        """Return rows."""
        return await self._verbs.select(
            self.name, columns, where, order_by, limit, offset, row=row or dict
        )

    @overload
    async def one(self, where: Where, *, row: None = None) -> Row: ...

    @overload
    async def one(self, where: Where, *, row: Callable[..., R]) -> R: ...

    async def one(self, where: Where, *, row: Callable[..., Any] | None = None) -> Any:
        """Return the only row that ``where`` finds. Raises `NotOneRow`."""
        rows = await self._verbs.select(self.name, where=where, limit=2, row=row or dict)
        return the_one(rows, at_least=True)

    @overload
    async def one_or_none(self, where: Where, *, row: None = None) -> Row | None: ...

    @overload
    async def one_or_none(self, where: Where, *, row: Callable[..., R]) -> R | None: ...

    async def one_or_none(self, where: Where, *, row: Callable[..., Any] | None = None) -> Any:
        """Return the only row that ``where`` finds, None if there is none. Raises `NotOneRow`."""
        rows = await self._verbs.select(self.name, where=where, limit=2, row=row or dict)
        return the_one(rows, at_least=True) if rows else None

    async def count(self, where: Where | None = None) -> int:
        """Return how many rows there are, or how many ``where`` finds."""
        return await self._verbs.count(self.name, where)

    @overload
    async def insert(self, data: Mapping[str, object], *, row: None = None) -> Row: ...

    @overload
    async def insert(self, data: Mapping[str, object], *, row: Callable[..., R]) -> R: ...

    async def insert(
        self, data: Mapping[str, object], *, row: Callable[..., Any] | None = None
    ) -> Any:
        """Insert one row and return it."""
        return await self._verbs.insert(self.name, data, row=row or dict)

    @overload
    async def upsert(
        self,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: None = None,
    ) -> Row | None: ...

    @overload
    async def upsert(
        self,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: Callable[..., R],
    ) -> R | None: ...

    async def upsert(
        self,
        data: Mapping[str, object],
        conflict_columns: str | Sequence[str],
        update_columns: Sequence[str] | None = None,
        *,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Insert one row, or update the one that it conflicts with."""
        return await self._verbs.upsert(
            self.name, data, conflict_columns, update_columns, row=row or dict
        )

    @overload
    async def update(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: None = None,
    ) -> Row | None: ...

    @overload
    async def update(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., R],
    ) -> R | None: ...

    async def update(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., Any] | None = None,
    ) -> Any:
        """Set columns; return the first row."""
        return await self._verbs.update(self.name, data, where, all_rows=all_rows, row=row or dict)

    @overload
    async def update_many(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: None = None,
    ) -> Rows[Row]: ...

    @overload
    async def update_many(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., R],
    ) -> Rows[R]: ...

    async def update_many(
        self,
        data: Mapping[str, object],
        where: Where | None = None,
        *,
        all_rows: bool = False,
        row: Callable[..., Any] | None = None,
    ) -> Rows[Any]:
        """Set columns; return all rows."""
        return await self._verbs.update_many(
            self.name, data, where, all_rows=all_rows, row=row or dict
        )

    async def delete(self, where: Where | None = None, *, all_rows: bool = False) -> int:
        """Delete rows; return how many."""
        return await self._verbs.delete(self.name, where, all_rows=all_rows)

    @overload
    async def batch_insert(
        self,
        rows: AsyncSource[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[True] = True,
    ) -> list[Row]: ...

    @overload
    async def batch_insert(
        self,
        rows: AsyncSource[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: Literal[False],
    ) -> int: ...

    async def batch_insert(
        self,
        rows: AsyncSource[Mapping[str, object]],
        *,
        batch_size: int | None = None,
        returning: bool = True,
    ) -> list[Row] | int:
        """Insert many rows, all or none."""
        if returning:
            return await self._verbs.batch_insert(self.name, rows, batch_size=batch_size)
        return await self._verbs.batch_insert(
            self.name, rows, batch_size=batch_size, returning=False
        )

    async def create(self, columns: Mapping[str, str], if_not_exists: bool = True) -> None:
        """Create the table."""
        await self._verbs.create_table(self.name, columns, if_not_exists)

    async def drop(self, if_exists: bool = True, *, cascade: bool = False) -> None:
        """Drop the table."""
        await self._verbs.drop_table(self.name, if_exists, cascade=cascade)

    async def exists(self) -> bool:
        """Return whether there is such a table or view."""
        return await self._verbs.exists(self.name)
