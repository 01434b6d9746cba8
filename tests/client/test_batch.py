"""batch_insert: all rows or none, however many, whatever their keys."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from manticore_cockroachdb import QueryError

COLUMNS = {"id": "INT PRIMARY KEY", "name": "TEXT DEFAULT 'none'", "n": "INT DEFAULT 5"}


async def test_rows_come_back_in_their_order_with_defaults(db: Any) -> None:
    await db.create_table("t", COLUMNS)
    rows = await db.batch_insert("t", [{"id": i, "name": f"x{i}"} for i in (3, 1, 2)])
    assert rows == [{"id": i, "name": f"x{i}", "n": 5} for i in (3, 1, 2)]


@pytest.mark.parametrize("returning", [True, False])
@pytest.mark.parametrize("batch_size", [None, 7, 100_000])
async def test_more_parameters_than_one_statement_holds(
    db: Any, returning: bool, batch_size: int | None
) -> None:
    await db.create_table("t", COLUMNS)
    total = 25_000 if batch_size is None or batch_size > 7 else 50
    given = ({"id": i, "name": f"x{i}", "n": i} for i in range(total))
    result = await db.batch_insert("t", given, batch_size=batch_size, returning=returning)
    assert (len(result) if returning else result) == total
    found = await db.execute("SELECT count(*) AS c, max(id) AS m, sum(n) AS s FROM t")
    assert found == [{"c": total, "m": total - 1, "s": total * (total - 1) // 2}]
    if returning:
        assert [row["id"] for row in result] == list(range(total))


@pytest.mark.parametrize("returning", [True, False])
async def test_missing_keys_get_the_default(db: Any, returning: bool) -> None:
    await db.create_table("t", COLUMNS)
    rows = [{"id": 1}, {"n": None, "id": 2}, {"id": 3, "name": "c", "n": 1}, {"name": "d", "id": 4}]
    await db.batch_insert("t", rows, returning=returning)
    assert [tuple(row.values()) for row in await db.select("t", order_by="id")] == [
        (1, "none", 5),
        (2, "none", None),
        (3, "c", 1),
        (4, "d", 5),
    ]


@pytest.mark.parametrize("returning", [True, False])
async def test_rows_of_nothing_but_defaults(db: Any, returning: bool) -> None:
    await db.create_table("t", {"name": "TEXT DEFAULT 'none'"})
    await db.batch_insert("t", [{}, {}], returning=returning)
    await db.batch_insert("t", [{}, {"name": "x"}], returning=returning)
    assert [row["name"] for row in await db.select("t", order_by="name")] == ["none"] * 3 + ["x"]


async def test_no_rows_are_no_work(db: Any) -> None:
    assert await db.batch_insert("nowhere", []) == []
    assert await db.batch_insert("nowhere", iter([]), returning=False) == 0


@pytest.mark.parametrize("returning", [True, False])
@pytest.mark.parametrize("batch_size", [None, 2])
async def test_all_or_nothing(db: Any, returning: bool, batch_size: int | None) -> None:
    await db.create_table("t", COLUMNS)
    rows = [{"id": i} for i in (1, 2, 3, 4, 1)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.batch_insert("t", rows, batch_size=batch_size, returning=returning)
    assert await db.select("t") == []


@pytest.mark.parametrize("returning", [True, False])
async def test_an_unknown_column_or_table_is_the_server_s_error(db: Any, returning: bool) -> None:
    await db.create_table("t", COLUMNS)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await db.batch_insert("t", [{"id": 1, "nope": 2}], returning=returning)
    with pytest.raises(psycopg.errors.UndefinedTable):
        await db.batch_insert("nowhere", [{"id": 1}], returning=returning)


@pytest.mark.parametrize("size", [0, -1, "5", 1.5])
async def test_a_batch_has_a_size(db: Any, size: Any) -> None:
    with pytest.raises(QueryError):
        await db.batch_insert("t", [{"id": 1}], batch_size=size)


@pytest.mark.engine("postgresql", because="views that are written to")
async def test_where_copy_is_not_possible_insert_is_used(db: Any) -> None:
    """Views that one can insert into are PostgreSQL's."""
    await db.create_table("t", {"id": "INT"})
    await db.execute("CREATE VIEW v AS SELECT id FROM t")
    assert await db.batch_insert("v", [{"id": 1}, {"id": 2}], returning=False) == 2
    assert len(await db.select("t")) == 2


VALUES: dict[str, tuple[str, list[Any]]] = {
    "text": ("TEXT", ["x", "", "tab\tand\nmore\\ \\N", "\\N", "\\.", "é€😀", "\x01\x7f", "%s"]),
    "bytes": ("BYTEA", [b"", b"\x00\\'\xff\n\t", b"abc", b"\\x61"]),
    "json": ("JSONB", [{"k": [1, '\\n\t"é', None]}, {}]),
    "float": ("FLOAT8", [1.5e-10, -0.0, 1e300]),
    "decimal": ("DECIMAL", [Decimal("1.50"), Decimal("-1e-9")]),
    "number": ("INT8", [2**63 - 1, -1]),
    "time zone": ("TIMESTAMPTZ", [datetime(2020, 1, 1, 1, 2, 3, 456, tzinfo=UTC)]),
    "time": ("TIMESTAMP", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]),
    "date": ("DATE", [date(2020, 2, 29)]),
    "interval": ("INTERVAL", [timedelta(days=-1, seconds=3)]),
    "uuid": ("UUID", [UUID(int=2**128 - 1)]),
    "bool": ("BOOL", [True, False]),
    "texts": ("TEXT[]", [["a,b", '"q"', "\\", None, "é\n"], []]),
    "numbers": ("INT8[]", [[1, None, 3]]),
}


@pytest.mark.parametrize("kind", VALUES)
async def test_values_arrive_as_they_are_however_they_are_sent(db: Any, kind: str) -> None:
    type_, values = VALUES[kind]
    rows = [{"id": i, "v": value} for i, value in enumerate([*values, None])]
    for table, returning in (("copied", False), ("inserted", True)):
        await db.create_table(table, {"id": "INT8 PRIMARY KEY", "v": type_})
        await db.batch_insert(table, rows, returning=returning)
        assert await db.select(table, order_by="id") == rows
