"""insert, select, update, delete and upsert: dicts in, dicts out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import QueryError

USERS = {
    "id": "INT PRIMARY KEY",
    "name": "TEXT",
    "age": "INT DEFAULT 7",
}


async def people(db: Any) -> None:
    await db.create_table("users", USERS)
    for number, (name, age) in enumerate(
        [("ann", 30), ("bob", 20), ("cid", None), ("dan", 40)], start=1
    ):
        await db.insert("users", {"id": number, "name": name, "age": age})


async def test_insert_returns_the_row_with_its_defaults(db: Any) -> None:
    await db.create_table("users", USERS)
    row = await db.insert("users", {"id": 1, "name": "ann"})
    assert row == {"id": 1, "name": "ann", "age": 7}
    assert await db.select("users") == [row]


async def test_insert_of_nothing_but_defaults(db: Any) -> None:
    await db.create_table("t", {"id": "UUID PRIMARY KEY DEFAULT gen_random_uuid()", "n": "INT"})
    row = await db.insert("t", {})
    assert isinstance(row["id"], uuid.UUID)
    assert row["n"] is None


async def test_a_violation_is_psycopg_s_error(db: Any) -> None:
    await db.create_table("users", USERS)
    await db.insert("users", {"id": 1})
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.insert("users", {"id": 1})


async def test_values_of_many_types_come_back(db: Any) -> None:
    columns = {
        "a": "TEXT", "b": "BYTEA", "c": "BOOL", "d": "NUMERIC(10, 4)", "e": "TIMESTAMPTZ",
        "f": "UUID", "g": "JSONB", "h": "TEXT[]", "i": "FLOAT8", "j": "BIGINT", "k": "DATE",
    }  # fmt: skip
    data = {
        "a": 'it\'s 100% \\ 日本 \n"quoted" %s {}',
        "b": b"\x00\xff%s",
        "c": True,
        "d": Decimal("12.3400"),
        "e": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "f": uuid.uuid4(),
        "g": {"deep": [1, None, {"x": "y"}]},
        "h": ["a", 'b"c', "d,e"],
        "i": 1.5,
        "j": 2**62,
        "k": datetime(2026, 1, 2).date(),
    }
    await db.create_table("t", columns)
    assert await db.insert("t", data) == data
    assert await db.select("t") == [data]
    assert (await db.batch_insert("t", [data, data]))[1] == data
    assert await db.batch_insert("t", [data] * 3, returning=False) == 3
    assert await db.select("t") == [data] * 6
    for column in "abcdefijk":
        assert len(await db.select("t", ["a"], {column: data[column]})) == 6, column
        assert len(await db.select("t", ["a"], {column: [data[column]]})) == 6, column


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (None, "ann bob cid dan"),
        ({}, "ann bob cid dan"),
        ({"name": "bob"}, "bob"),
        ({"name": "nobody"}, ""),
        ({"age": None}, "cid"),
        ({"age": [20, 40]}, "bob dan"),
        ({"age": {20, None}}, "bob cid"),
        ({"age": []}, ""),
        ({"age": (">=", 30)}, "ann dan"),
        ({"age": ("<", 30), "name": ("like", "b%")}, "bob"),
        ({"age": ("between", (20, 30))}, "ann bob"),
        ({"age": ("not in", [20])}, "ann dan"),
        ({"age": ("not in", [])}, "ann bob cid dan"),
        ({"age": ("!=", None)}, "ann bob dan"),
        ({"age": ("is distinct from", 20)}, "ann cid dan"),
        ({"name": ("~", "^[ab]")}, "ann bob"),
        ({"name": ("ilike", "A%")}, "ann"),
        ({"id": 1, "name": "ann", "age": 30}, "ann"),
    ],
)
async def test_where(db: Any, where: Any, names: str) -> None:
    await people(db)
    rows = await db.select("users", ["name"], where, order_by="id")
    assert [row["name"] for row in rows] == names.split()


async def test_columns_order_limit_and_offset(db: Any) -> None:
    await people(db)
    assert await db.select("users", "name", order_by="-id", limit=1) == [{"name": "dan"}]
    rows = await db.select("users", ["id", "name"], order_by=["age nulls first", "-id"], offset=2)
    assert rows == [{"id": 1, "name": "ann"}, {"id": 4, "name": "dan"}]
    assert await db.select("users", order_by="id", limit=0) == []
    assert len(await db.select("users", limit=2, offset=3)) == 1


async def test_an_order_is_never_raw_sql(db: Any) -> None:
    await people(db)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await db.select("users", order_by="id; DROP TABLE users")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        await db.select("users", order_by="(SELECT 1)")
    assert len(await db.select("users")) == 4


@pytest.mark.parametrize("number", [-1, "1", 1.5, True])
async def test_a_limit_is_a_number(db: Any, number: Any) -> None:
    with pytest.raises(QueryError):
        await db.select("users", limit=number)
    with pytest.raises(QueryError):
        await db.select("users", offset=number)


async def test_update_returns_the_new_row(db: Any) -> None:
    await people(db)
    row = await db.update("users", {"age": 31, "name": "anna"}, {"id": 1})
    assert row == {"id": 1, "name": "anna", "age": 31}
    assert await db.update("users", {"age": 1}, {"id": 99}) is None


async def test_update_many_returns_all_rows(db: Any) -> None:
    await people(db)
    rows = await db.update_many("users", {"age": 1}, {"age": (">=", 30)})
    assert sorted(row["name"] for row in rows) == ["ann", "dan"]
    assert len(await db.update_many("users", {"age": 2}, all_rows=True)) == 4


async def test_delete_returns_how_many(db: Any) -> None:
    await people(db)
    assert await db.delete("users", {"id": 1}) == 1
    assert await db.delete("users", {"id": 1}) == 0
    assert await db.delete("users", {"id": [2, 3]}) == 2
    assert await db.delete("users", all_rows=True) == 1
    assert await db.select("users") == []


@pytest.mark.parametrize("where", [None, {}])
async def test_every_row_is_never_meant_by_accident(db: Any, where: Any) -> None:
    await people(db)
    with pytest.raises(QueryError, match="every row"):
        await db.delete("users", where)
    with pytest.raises(QueryError, match="every row"):
        await db.update("users", {"age": 1}, where)
    with pytest.raises(QueryError, match="both"):
        await db.delete("users", {"id": 1}, all_rows=True)
    assert len(await db.select("users", where={"age": 1})) == 0


async def test_an_update_of_nothing_is_refused(db: Any) -> None:
    with pytest.raises(QueryError):
        await db.update("users", {}, {"id": 1})


async def test_upsert_inserts_or_updates(db: Any) -> None:
    await db.create_table("users", USERS)
    assert await db.upsert("users", {"id": 1, "name": "ann"}, ["id"]) == {
        "id": 1, "name": "ann", "age": 7,
    }  # fmt: skip
    assert await db.upsert("users", {"id": 1, "name": "anna", "age": 8}, "id") == {
        "id": 1, "name": "anna", "age": 8,
    }  # fmt: skip
    row = await db.upsert("users", {"id": 1, "name": "x", "age": 9}, "id", ["age"])
    assert row == {"id": 1, "name": "anna", "age": 9}
    assert await db.upsert("users", {"id": 1, "name": "y"}, "id", []) is None
    assert await db.upsert("users", {"id": 1}, "id") == row
    assert await db.select("users") == [row]


async def test_an_upsert_needs_columns(db: Any) -> None:
    with pytest.raises(QueryError):
        await db.upsert("users", {"id": 1}, [])
    with pytest.raises(QueryError):
        await db.upsert("users", {}, "id")
