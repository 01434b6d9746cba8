"""Conditions as data: or, not, places in JSON, arrays, and a piece of SQL."""

from __future__ import annotations

from typing import Any

import pytest

from manticore_cockroachdb import QueryError
from manticore_cockroachdb.conditions import conditions

PEOPLE: list[dict[str, Any]] = [
    {
        "id": 1,
        "name": "Ann",
        "age": 30,
        "tags": ["a", "b"],
        "meta": {"city": {"zip": 5}, "on": True},
    },
    {"id": 2, "name": "bob", "age": 15, "tags": ["b"], "meta": {"city": {"zip": "x"}, "k": "v"}},
    {"id": 3, "name": "50% off", "age": None, "tags": [], "meta": {"list": [1, 10]}},
    {"id": 4, "name": "dan", "age": 70, "tags": None, "meta": None},
]

FOUND: list[tuple[Any, list[int]]] = [
    (("or", [{"age": 15}, {"name": "dan"}]), [2, 4]),
    (("or", [{"age": (">", 10), "name": "Ann"}, {"age": None}]), [1, 3]),
    (("and", [{"age": (">", 10)}, ("not", {"name": "Ann"})]), [2, 4]),
    (("not", {"age": (">", 20)}), [2]),
    (("and", [("or", [{"id": 1}, {"id": 2}]), ("or", [{"id": 2}, {"id": 3}])]), [2]),
    ({"age": ("or", [("<", 20), (">", 60)])}, [2, 4]),
    ({"age": ("or", [None, 30])}, [1, 3]),
    ({"age": ("and", [(">", 20), ("<", 60)]), "id": [1, 2]}, [1]),
    ({"age": ("not", [15, 30])}, [4]),
    ({"age": ("between", (15, 30))}, [1, 2]),
    ({"age": ("not between", (15, 30))}, [4]),
    ({"tags": ("any", "b")}, [1, 2]),
    ({"tags": ("@>", ["a"])}, [1]),
    ({"tags": ("<@", ["b", "c"])}, [2, 3]),
    ({"tags": ("&&", ["a", "c"])}, [1]),
    ({"meta": ("@>", {"k": "v"})}, [2]),
    ({"meta": ("?", "k")}, [2]),
    ({"meta": ("?|", ["k", "list"])}, [2, 3]),
    ({"meta": ("?&", ["k", "city"])}, [2]),
    ({"meta": ("path", ["k"], "v")}, [2]),
    ({"meta": ("path", ["city", "zip"], "x")}, [2]),
    ({"meta": ("path", ["list", 1], 10), "id": 3}, [3]),
    ({"meta": ("path", ["list", 0], (">=", 1)), "id": 3}, [3]),
    ({"meta": ("path", ["list", 0], ("in", [1, 2])), "id": 3}, [3]),
    ({"meta": ("path", ["on"], True)}, [1]),
    ({"meta": ("path", ["on"], None)}, [2, 3, 4]),
    ({"meta": ("path", ["k"], ["v", None]), "id": [1, 2]}, [1, 2]),
    (("sql", "lower(name) = lower(%s)", ["ANN"]), [1]),
    (("sql", "age > 20 OR name LIKE '50%%'"), [1, 3, 4]),
    (("and", [("sql", "age > 20 OR age < 20"), {"id": 2}]), [2]),
]


@pytest.mark.parametrize(("where", "ids"), FOUND, ids=[str(where) for where, _ in FOUND])
async def test_what_is_found(db: Any, where: Any, ids: list[int]) -> None:
    kinds = {"name": "TEXT", "age": "INT", "tags": "TEXT[]", "meta": "JSONB"}
    await db.create_table("people", {"id": "INT PRIMARY KEY", **kinds})
    await db.batch_insert("people", PEOPLE)
    rows = await db.select("people", ["id"], where, order_by="id")
    assert [row["id"] for row in rows] == ids
    assert await db.count("people", where) == len(ids)
    if ids:
        assert await db.delete("people", where) == len(ids)


@pytest.mark.parametrize(
    "where",
    [
        (),
        ("or",),
        ("or", []),
        ("or", {"a": 1}),
        ("or", [{}]),
        ("not", {}),
        ("xor", [{"a": 1}]),
        ("sql", ""),
        ("sql", "a = %s", 1),
        ("sql", "a = %s", [1], 2),
        ("sql", 5),
        {"a": ("or", [])},
        {"a": ("or", 5)},
        {"a": ("path", "k", 1)},
        {"a": ("path", [], 1)},
        {"a": ("path", ["k"])},
        {"a": ("path", ["k"], ("path", ["l"], 1))},
        [{"a": 1}],
        "a = 1",
    ],
)
def test_what_means_nothing_is_refused(where: Any) -> None:
    with pytest.raises(QueryError):
        conditions(where)


async def test_every_row_is_not_meant_by_an_empty_or(db: Any) -> None:
    await db.create_table("t", {"id": "INT"})
    await db.insert("t", {"id": 1})
    for empty in (("or", []), ("and", [{}]), ("not", {})):
        with pytest.raises(QueryError):
            await db.delete("t", empty)
    assert await db.count("t") == 1
