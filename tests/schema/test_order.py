"""Statements in an order in which each finds what it needs; servers' SQL taken to objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.parser.quoting import qualified, quote
from manticore_cockroachdb.parser.types import canonical_type
from manticore_cockroachdb.schema.model import Index
from manticore_cockroachdb.schema.order import Block, ordered, references
from manticore_cockroachdb.schema.printed import bare, index_of, items


def test_references_are_qualified_names_outside_bodies():
    text = (
        "CREATE FUNCTION a.f() AS $$ SELECT b.c $$; SELECT \"D d\".e, 'f.g', 'no name', 'h.i.j',"
        " nextval('k.l'::regclass) FROM m -- n.o\n"
    )
    assert references(text) == {("a", "f"), ("D d", "e"), ("f", "g"), ("k", "l")}


def test_what_is_needed_comes_first_whatever_its_rank():
    blocks = [
        Block(0, ("p", "a"), ("CREATE TABLE p.a DEFAULT p.f()",), (("p", "a"),)),
        Block(1, ("p", "b"), ("CREATE TABLE p.b",), (("p", "b"),)),
        Block(9, ("p", "f"), ("CREATE FUNCTION p.f() RETURNS p.b",), (("p", "f"),)),
    ]
    assert [b.key[1] for b in ordered(blocks)] == ["b", "f", "a"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 9), max_size=3)), max_size=10),
    st.randoms(),
)
def test_every_order_of_blocks_gives_the_same(shapes, random):
    blocks = [
        Block(
            rank,
            ("p", f"t{i}"),
            (f"CREATE p.t{i} " + " ".join(f"p.t{n}" for n in sorted(needs)),),
            (("p", f"t{i}"),),
        )
        for i, (rank, needs) in enumerate(shapes)
    ]
    once = ordered(blocks)
    assert sorted(b.key for b in once) == sorted(b.key for b in blocks)
    random.shuffle(blocks)
    assert ordered(blocks) == once
    acyclic = all(all(n < i for n in needs) for i, (_, needs) in enumerate(shapes))
    if acyclic:
        place = {b.key: i for i, b in enumerate(once)}
        for i, (_, needs) in enumerate(shapes):
            for n in needs:
                assert place["p", f"t{n}"] < place["p", f"t{i}"]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("CREATE INDEX i ON s.t USING btree (a)", Index("i", ("a",))),
        (
            'CREATE UNIQUE INDEX "I, i" ON ONLY s.t USING btree (lower(a) DESC NULLS LAST, "B, b")'
            " INCLUDE (c, \"D d\") NULLS NOT DISTINCT WITH (fillfactor='70') WHERE (a <> ''::text)",
            Index(
                "I, i",
                ("lower(a) DESC NULLS LAST", '"B, b"'),
                unique=True,
                storing=("c", "D d"),
                nulls_distinct=False,
                options="fillfactor='70'",
                where="a <> ''::text",
            ),
        ),
        (
            "CREATE INDEX i ON t USING gin (a gin_trgm_ops) TABLESPACE fast WHERE (b OR c)",
            Index("i", ("a gin_trgm_ops",), method="gin", where="b OR c"),
        ),
        (
            "INDEX i (a ASC, b DESC) STORING (c) WHERE a IS NOT NULL NOT VISIBLE",
            Index("i", ("a", "b DESC"), storing=("c",), where="a IS NOT NULL", visible=False),
        ),
        (
            "INDEX i (a ASC) PARTITION BY LIST (a) (PARTITION p VALUES IN (1)) WHERE b > 1",
            Index("i", ("a",), where="b > 1"),
        ),
    ],
)
def test_indexes_as_servers_print_them(text, index):
    assert index_of(text) == index


def test_lists_are_cut_outside_brackets_and_strings():
    assert list(items("a, f(b, c), 'd, e', \"g, h\", ARRAY[1, 2]")) == [
        "a",
        "f(b, c)",
        "'d, e'",
        '"g, h"',
        "ARRAY[1, 2]",
    ]
    assert bare("((a) OR (b))") == "(a) OR (b)"
    assert bare("(a) OR (b)") == "(a) OR (b)"


@pytest.mark.parametrize(
    ("reported", "canonical"),
    [
        ("bigint", "INT8"),
        ("INT8", "INT8"),
        ("character varying(20)", "VARCHAR(20)"),
        ("character varying(20)[]", "VARCHAR(20)[]"),
        ("timestamp(3) with time zone", "TIMESTAMPTZ(3)"),
        ("timestamp without time zone", "TIMESTAMP"),
        ("time with time zone", "TIMETZ"),
        ("numeric(10,2)", "NUMERIC(10,2)"),
        ("DECIMAL(10,2)", "NUMERIC(10,2)"),
        ("double precision", "FLOAT8"),
        ("character(1)", "CHAR"),
        ("bit varying(5)", "VARBIT(5)"),
        ("STRING", "TEXT"),
        ("STRING(7)", "STRING(7)"),
        ("BYTES", "BYTEA"),
        ('"char"', '"char"'),
        ("public.mood", "public.mood"),
        ('shop."My type"[]', 'shop."My type"[]'),
        ("interval year to month", "interval year to month"),
        ("GEOMETRY(POINT,4326)", "GEOMETRY(POINT,4326)"),
        ("regclass", "regclass"),
    ],
)
def test_types_have_one_spelling(reported, canonical):
    assert canonical_type(reported) == canonical
    assert canonical_type(canonical) == canonical


def test_names_are_quoted_where_they_have_to_be():
    assert quote("users") == "users"
    assert quote("Users") == '"Users"'
    assert quote('a"b') == '"a""b"'
    assert quote("select") == '"select"'
    assert quote("left") == '"left"'
    assert quote("") == '""'
    assert qualified("public", "Order items") == 'public."Order items"'
