"""Rows as objects of a class, by its annotations."""

from __future__ import annotations

import typing
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import attrs
import msgspec
import psycopg
import pydantic
import pytest

from manticore_cockroachdb import QueryError
from manticore_cockroachdb.rows import Rows, maker


@dataclass
class Plain:
    id: int
    name: str
    age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords:
    name: str
    id: int
    labels: list[str] = field(default_factory=list)


class Tuple(NamedTuple):
    name: str
    id: int


Untyped = namedtuple("Untyped", ["id", "name"])


@attrs.define
class Attrs:
    id: int
    name: str
    age: int = 0


class Struct(msgspec.Struct):
    name: str
    id: int
    age: int | None = None


class Model(pydantic.BaseModel):
    id: int
    name: str
    age: int | None = None


SHAPES: dict[str, tuple[Any, Any]] = {
    "dataclass": (Plain, Plain(1, "ann", 30)),
    "keywords": (Keywords, Keywords(id=1, name="ann")),
    "NamedTuple": (Tuple, Tuple("ann", 1)),
    "namedtuple": (Untyped, Untyped(1, "ann")),
    "attrs": (Attrs, Attrs(1, "ann", 30)),
    "msgspec": (Struct, Struct("ann", 1, 30)),
    "pydantic": (Model, Model(id=1, name="ann", age=30)),
    "function": (lambda id, **more: (id, sorted(more)), (1, ["age", "name"])),
    "dict": (dict, {"id": 1, "name": "ann", "age": 30}),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_verb_makes_them(db: Any, shape: str) -> None:
    kind, ann = SHAPES[shape]
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT", "age": "INT"})
    assert await db.insert("t", {"id": 1, "name": "ann", "age": 30}, row=kind) == ann
    query = "SELECT * FROM t WHERE id = %s"
    assert await db.select("t", row=kind) == [ann]
    assert await db.execute(query, (1,), row=kind) == [ann]
    assert await db.one(query, (1,), row=kind) == ann
    assert await db.one_or_none(query, (2,), row=kind) is None
    assert [found async for found in db.stream(query, (1,), row=kind)] == [ann]
    assert await db.table("t").one({"id": 1}, row=kind) == ann
    same, found = {"name": "ann"}, {"id": 1}
    data = {"id": 1, "name": "ann", "age": 30}
    for verbs, name in ((db, ("t",)), (db.table("t"), ())):
        assert await verbs.update(*name, same, found, row=kind) == ann
        assert await verbs.update(*name, same, {"id": 2}, row=kind) is None
        assert await verbs.update_many(*name, same, found, row=kind) == [ann]
        assert await verbs.upsert(*name, data, "id", row=kind) == ann
        assert await verbs.upsert(*name, data, "id", [], row=kind) is None
    assert await db.update("t", same, all_rows=True, row=kind) == ann
    async with db.transaction() as tx:
        assert await tx.select("t", row=kind) == [ann]


async def test_a_column_that_the_class_needs_and_does_not_get(db: Any) -> None:
    with pytest.raises(QueryError, match=r"Plain needs 'name', and the columns are 'id'"):
        await db.execute("SELECT 1 AS id", row=Plain)
    assert await db.execute("CREATE TABLE t (a INT)", row=Plain) == []
    with pytest.raises(QueryError, match="does not say which columns"):
        await db.execute("SELECT 1 AS id", row=5)
    assert await db.execute("SELECT 1 AS id") == [{"id": 1}], "the connection is as it was"


async def test_an_error_of_the_class_goes_through(db: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        await db.execute("SELECT 'x' AS id, 'y' AS name", row=Model)
    assert await db.execute("SELECT 1 AS id") == [{"id": 1}]


def test_positions_where_they_fit_names_where_they_do_not() -> None:
    assert maker(Plain, ("id", "name"))((1, "x")) == Plain(1, "x")
    assert maker(Plain, ("name", "id"))(("x", 1)) == Plain(1, "x")
    assert maker(Plain, ("more", "age", "name", "id"))((0, 5, "x", 1)) == Plain(1, "x", 5)

    def gap(a: int = 0, b: int = 0, c: int = 0) -> tuple[int, int, int]:
        return a, b, c

    assert maker(gap, ("c", "a"))((3, 1)) == (1, 0, 3)
    assert maker(gap, ("z",))((3,)) == (0, 0, 0)
    assert maker(lambda *values: values, ("b", "a"))((3, 1)) == (3, 1)
    assert maker(lambda a, **more: (a, more), ("b", "a", "c"))((1, 2, 3)) == (2, {"b": 1, "c": 3})


async def test_the_number_of_rows(db: Any) -> None:
    await db.create_table("t", {"id": "INT"})
    assert (await db.execute("INSERT INTO t VALUES (1), (2), (3)")).rowcount == 3
    assert (await db.execute("UPDATE t SET id = 5 WHERE id > %s", (1,))).rowcount == 2
    assert (await db.execute("SELECT * FROM t")).rowcount == 3
    assert (await db.execute("DELETE FROM t")).rowcount == 3
    found = await db.select("t")
    assert (found, found.rowcount, type(found)) == ([], 0, Rows)


async def test_one_row_and_nothing_else(db: Any) -> None:
    from manticore_cockroachdb import NotOneRow

    await db.create_table("t", {"id": "INT"})
    await db.batch_insert("t", [{"id": 1}, {"id": 2}])
    table = db.table("t")
    assert await db.one("SELECT id FROM t WHERE id = 1") == {"id": 1}
    assert await db.one_or_none("SELECT id FROM t WHERE id = 9") is None
    assert await db.value("SELECT max(id) FROM t") == 2
    assert await db.value("SELECT id, 5 FROM t WHERE id = %s", (2,)) == 2
    assert await table.one({"id": 2}) == {"id": 2}
    assert await table.one_or_none({"id": 9}) is None
    for none in (
        lambda: db.one("SELECT id FROM t WHERE id = 9"),
        lambda: db.value("SELECT id FROM t WHERE id = 9"),
        lambda: table.one({"id": 9}),
    ):
        with pytest.raises(NotOneRow, match="there is none") as error:
            await none()
        assert error.value.found == 0
    for many in (
        lambda: db.one("SELECT id FROM t"),
        lambda: db.one_or_none("SELECT id FROM t"),
        lambda: db.value("SELECT id FROM t"),
        lambda: table.one({"id": (">", 0)}),
        lambda: table.one_or_none({"id": (">", 0)}),
    ):
        with pytest.raises(NotOneRow, match=r"are (at least )?2.*\nhint: .*LIMIT 1") as error:
            await many()
        assert error.value.found == 2
    assert await db.count("t") == await table.count() == 2
    assert await db.count("t", {"id": (">", 1)}) == await table.count({"id": 2}) == 1


async def test_a_handle_of_a_table(db: Any) -> None:
    table = db.table("public.t")
    await table.create({"id": "INT PRIMARY KEY", "n": "INT"})
    assert await table.exists()
    assert await table.insert({"id": 1}) == {"id": 1, "n": None}
    assert await table.upsert({"id": 1, "n": 2}, "id") == {"id": 1, "n": 2}
    assert await table.update({"n": 3}, {"id": 1}) == {"id": 1, "n": 3}
    assert await table.update_many({"n": 4}, all_rows=True) == [{"id": 1, "n": 4}]
    assert await table.batch_insert([{"id": 2, "n": 5}]) == [{"id": 2, "n": 5}]
    assert await table.batch_insert([{"id": 3}], returning=False) == 1
    assert await table.select(["n"], {"id": [1, 2]}, "-id", 1, 1) == [{"n": 4}]
    assert await table.delete({"id": 3}) == 1
    assert "public.t" in repr(table)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.table("t").insert({"id": 9})
            raise ZeroDivisionError
    assert await table.count() == 2
    await table.drop()
    assert not await table.exists()


async def test_an_update_of_all_rows_fetches_one(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})
    await db.batch_insert("t", [{"id": i, "n": 0} for i in range(2000)])
    sent = await db.update("t", {"n": 1}, all_rows=True)
    assert sent["n"] == 1
    assert await db.count("t", {"n": 1}) == 2000, "the statement is carried out to its end"
    assert await db.update_many("t", {"n": 2}, {"id": ("<", 5)}, returning=False) == 5
    assert await db.update("t", {"n": 1}, {"id": -1}) is None


def test_types_are_known_to_checkers() -> None:
    """What mypy and pyright check is tests/client/typed.py; here, that it runs."""
    from . import typed

    assert typing.get_type_hints(typed.names)["return"] == list[str]
    assert psycopg.__version__
