"""Hostile and odd names: every verb quotes every name."""

from __future__ import annotations

from typing import Any

import pytest

ODD = [
    "select",
    "Mixed Case",
    'quo"te',
    "it's",
    "100% %s %(x)s",
    "semi;colon -- x",
    "back\\slash",
    "日本語 ñ",
    "$1 $$",
    "{curly}",
    "new\nline",
    "x" * 60,
]


@pytest.mark.parametrize("name", ODD)
async def test_every_verb_takes_odd_names(db: Any, name: str) -> None:
    await db.create_table(name, {name: "INT PRIMARY KEY", f"{name}2": "TEXT DEFAULT 'a%b'"})
    assert await db.exists(name)
    other = f"{name}2"
    assert await db.insert(name, {name: 1}) == {name: 1, other: "a%b"}
    assert await db.batch_insert(name, [{name: 2, other: "x"}]) == [{name: 2, other: "x"}]
    assert await db.batch_insert(name, [{name: 3, other: "y"}], returning=False) == 1
    assert await db.update(name, {other: "z"}, {name: 3}) == {name: 3, other: "z"}
    assert await db.upsert(name, {name: 3, other: "w"}, name) == {name: 3, other: "w"}
    rows = await db.select(name, [name], {name: (">", 1)}, order_by=[(name, "desc")])
    assert rows == [{name: 3}, {name: 2}]
    assert await db.delete(name, {name: [1, 2]}) == 2
    await db.drop_table(name)
    assert not await db.exists(name)


async def test_a_schema_is_taken_before_a_dot(db: Any) -> None:
    await db.execute("CREATE SCHEMA shop")
    await db.create_table("shop.orders", {"id": "INT"})
    assert await db.exists("shop.orders")
    assert not await db.exists("orders")
    assert not await db.exists("public.orders")
    assert await db.exists(f"{db.settings.database}.shop.orders")
    assert await db.insert("shop.orders", {"id": 1}) == {"id": 1}
    assert await db.batch_insert("shop.orders", [{"id": 2}], returning=False) == 1
    assert len(await db.select("shop.orders")) == 2
    await db.drop_table("shop.orders")


async def test_a_name_with_a_dot_is_written_in_quotes(db: Any) -> None:
    await db.create_table('"a.b"', {"id": "INT"})
    assert await db.exists('"a.b"')
    assert await db.exists('public."a.b"')
    assert not await db.exists("b")
    rows = await db.execute("SELECT table_name FROM information_schema.tables "
                            "WHERE table_name = 'a.b'")  # fmt: skip
    assert rows == [{"table_name": "a.b"}]


@pytest.mark.parametrize("name", ['we"ird % db', "Mixed-Case", "日本"])
async def test_databases_take_odd_names(db: Any, name: str) -> None:
    name += str(db.settings.database)
    await db.create_database(name)
    other = db.sibling(name)
    try:
        assert await other.execute("SELECT current_database() AS name") == [{"name": name}]
    finally:
        await other.close()
        await db.drop_database(name)
