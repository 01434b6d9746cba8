"""Statement texts: names are always quoted, values never written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb import QueryError, sql
from manticore_cockroachdb.conditions import conditions, ordering

names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


@given(names)
def test_an_identifier_reads_back(name: str) -> None:
    quoted = sql.identifier(name)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].replace('""', "").count('"') == 0
    assert quoted[1:-1].replace('""', '"').replace("%%", "%") == name


@given(st.lists(names, min_size=1, max_size=3))
def test_a_path_of_quoted_parts_splits_into_them(parts: list[str]) -> None:
    path = ".".join('"' + part.replace('"', '""') + '"' for part in parts)
    assert sql.split_name(path) == tuple(parts)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("users", ("users",)),
        ("public.users", ("public", "users")),
        ("db.public.users", ("db", "public", "users")),
        ("Sel ect", ("Sel ect",)),
        ('we"ird', ('we"ird',)),
        ('"a.b"', ("a.b",)),
        ('x."a.b"', ("x", "a.b")),
        ('"say ""hi"""', ('say "hi"',)),
        ("users; DROP TABLE users", ("users; DROP TABLE users",)),
        ("日本.表", ("日本", "表")),
    ],
)
def test_table_names(name: str, parts: tuple[str, ...]) -> None:
    assert sql.split_name(name) == parts


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a.b.c.d", '"a', '"a"b', '""', 5])
def test_what_is_no_table_s_name_is_refused(name: object) -> None:
    with pytest.raises(QueryError):
        sql.table_name(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a\0b", None, 5])
def test_what_is_no_column_s_name_is_refused(name: object) -> None:
    with pytest.raises(QueryError):
        sql.identifier(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "text", "parameters"),
    [
        ({}, "", []),
        ({"a": 1}, '"a" = %s', [1]),
        ({"a": None}, '"a" IS NULL', []),
        ({"a": 1, "b": "x"}, '"a" = %s AND "b" = %s', [1, "x"]),
        ({"a": [1, 2]}, '"a" IN (%s, %s)', [1, 2]),
        ({"a": [1, None]}, '("a" IN (%s) OR "a" IS NULL)', [1]),
        ({"a": [None]}, '"a" IS NULL', []),
        ({"a": []}, "FALSE", []),
        ({"a": {3}}, '"a" IN (%s)', [3]),
        ({"a": ("in", (1, 2))}, '"a" IN (%s, %s)', [1, 2]),
        ({"a": ("not in", [1])}, '"a" NOT IN (%s)', [1]),
        ({"a": ("not in", [1, None])}, '"a" NOT IN (%s)', [1]),
        ({"a": ("not in", [None])}, '"a" IS NOT NULL', []),
        ({"a": ("not in", [])}, "TRUE", []),
        ({"a": (">=", 18)}, '"a" >= %s', [18]),
        ({"a": ("Not  ILike", "x%")}, '"a" NOT ILIKE %s', ["x%"]),
        ({"a": ("=", None)}, '"a" IS NULL', []),
        ({"a": ("!=", None)}, '"a" IS NOT NULL', []),
        ({"a": ("<>", 1)}, '"a" <> %s', [1]),
        ({"a": ("is", True)}, '"a" IS TRUE', []),
        ({"a": ("is not", False)}, '"a" IS NOT FALSE', []),
        ({"a": ("between", (1, 2))}, '"a" BETWEEN %s AND %s', [1, 2]),
        ({"a": ("=", [1, 2])}, '"a" = %s', [[1, 2]]),
        ({"a": ("is distinct from", None)}, '"a" IS DISTINCT FROM %s', [None]),
        ({'x" OR 1=1 --': 1}, '"x"" OR 1=1 --" = %s', [1]),
        ({"100%": 1}, '"100%%" = %s', [1]),
    ],
)
def test_conditions(where: dict[str, object], text: str, parameters: list[object]) -> None:
    assert conditions(where) == (text, parameters)


@pytest.mark.parametrize(
    "where",
    [
        "a = 1",
        ["a"],
        {"a": ()},
        {"a": (1, 2)},
        {"a": (">=",)},
        {"a": (">=", 1, 2)},
        {"a": ("= 1 OR 1 =", 1)},
        {"a": ("in", "abc")},
        {"a": ("in", 5)},
        {"a": ("between", 5)},
        {"a": ("between", (1, 2, 3))},
        {"a": ("is", 1)},
        {"": 1},
    ],
)
def test_a_condition_that_means_nothing_is_refused(where: object) -> None:
    with pytest.raises(QueryError):
        conditions(where)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("name", '"name"'),
        ("-name", '"name" DESC'),
        ("name desc", '"name" DESC'),
        ("name ASC", '"name" ASC'),
        ("name Desc Nulls Last", '"name" DESC NULLS LAST'),
        ("name nulls first", '"name" NULLS FIRST'),
        ("a, -b ,c desc", '"a", "b" DESC, "c" DESC'),
        (["a", "-b"], '"a", "b" DESC'),
        ([("-odd, name", "desc")], '"-odd, name" DESC'),
        ([("a desc", "asc nulls last"), "b"], '"a desc" ASC NULLS LAST, "b"'),
        ("name; DROP TABLE users", '"name; DROP TABLE users"'),
        ('a" DESC', '"a""" DESC'),
        ("desc", '"desc"'),
    ],
)
def test_orders(order: str | list[str | tuple[str, str]], text: str) -> None:
    assert ordering(order) == text


@pytest.mark.parametrize("order", ["", "a,,b", "-a desc", [5], [("a", "up")], [("a",)]])
def test_an_order_that_means_nothing_is_refused(order: object) -> None:
    with pytest.raises(QueryError):
        ordering(order)  # type: ignore[arg-type]


def test_a_long_list_is_not_remembered() -> None:
    text, _ = conditions({"a": list(range(1000))})
    assert sql.select("t", (), text, "", False, False).count(b"%s") == 1000


def test_rows_with_gaps() -> None:
    text = sql.insert_many("t", ("a", "b"), 2, frozenset({1, 2}), True)
    assert text == b'INSERT INTO "t" ("a", "b") VALUES ($1, DEFAULT), (DEFAULT, $2) RETURNING *'
