"""What two catalogs differ in, as values and as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manticore_cockroachdb.schema import model as m
from manticore_cockroachdb.schema.changes import as_json, as_text, summary, without
from manticore_cockroachdb.schema.diff import Change, compare, wider
from manticore_cockroachdb.schema.neutral import expression

ID = m.Column("id", "INT8", nullable=False)
NAME = m.Column("name", "TEXT")
KEY = m.Constraint("users_pkey", "primary key", "PRIMARY KEY (id)", ("id",))
USERS = m.Table("public", "users", (ID, NAME), (KEY,))
ONE = m.Schema("postgresql", tables=(USERS,))


def changed(**fields):
    return replace(ONE, tables=(replace(USERS, **fields),))


def test_equal_catalogs_do_not_differ():
    assert compare(ONE, ONE) == ()
    assert as_text(()) == ""
    assert summary(()) == "no difference"


def test_the_order_of_columns_does_not_count():
    assert compare(ONE, changed(columns=(NAME, ID))) == ()


def test_a_table_comes_and_goes():
    empty = m.Schema("postgresql")
    (added,) = compare(empty, ONE)
    assert (added.kind, added.what, added.path) == ("added", "table", "public.users")
    assert "CREATE TABLE public.users" in added.after
    assert not added.destructive
    (removed,) = compare(ONE, empty)
    assert removed.kind == "removed"
    assert removed.before == added.after
    assert removed.destructive


@pytest.mark.parametrize(
    ("field", "value", "aspect", "before", "after", "destructive"),
    [
        ("type", "VARCHAR(20)", "type", "TEXT", "VARCHAR(20)", True),
        ("type", "JSONB", "type", "TEXT", "JSONB", True),
        ("default", "'x'::text", "default", None, "'x'::text", False),
        ("nullable", False, "nullability", "NULL", "NOT NULL", False),
        ("generated", "upper(id)", "generated", None, "upper(id)", True),
        ("identity", "ALWAYS", "identity", None, "ALWAYS", False),
        ("comment", "who", "comment", None, "who", False),
    ],
)
def test_an_aspect_of_a_column(field, value, aspect, before, after, destructive):
    other = changed(columns=(ID, replace(NAME, **{field: value})))
    assert compare(ONE, other) == (
        Change(
            "changed",
            "column",
            "public.users.name",
            aspect,
            before,
            after,
            destructive,
            "public.users",
        ),
    )


def test_parts_of_a_table_are_told_together():
    index = m.Index("by_name", ("name DESC",), unique=True, where="name IS NOT NULL")
    check = m.Constraint("named", "check", "CHECK (name <> '')", ("name",))
    other = changed(
        columns=(ID, m.Column("mail", "TEXT", default="'a'")),
        constraints=(KEY, check),
        indexes=(index,),
        comment="People",
    )
    assert as_text(compare(ONE, other)).splitlines() == [
        "~ table public.users: comment none -> People",
        "    + column mail TEXT DEFAULT 'a'",
        "    - column name TEXT   (loses data)",
        "    + CONSTRAINT named CHECK (name <> '')",
        "    + CREATE UNIQUE INDEX by_name ON public.users (name DESC) WHERE name IS NOT NULL",
    ]
    assert summary(compare(ONE, other)) == "3 added, 1 removed, 1 changed; 1 loses data"


def test_a_long_value_is_told_on_lines_of_its_own():
    view = m.View("public", "v", "SELECT 1\nFROM a")
    one = m.Schema("postgresql", views=(view,))
    two = m.Schema("postgresql", views=(replace(view, definition="SELECT 2\nFROM a"),))
    assert as_text(compare(one, two)).splitlines() == [
        "~ view public.v: definition",
        "    - SELECT 1",
        "    - FROM a",
        "    + SELECT 2",
        "    + FROM a",
    ]


def test_labels_of_an_enum():
    one = m.Schema("postgresql", enums=(m.Enum("public", "mood", ("a", "b")),))
    more = m.Schema("postgresql", enums=(m.Enum("public", "mood", ("a", "x", "b")),))
    (added,) = compare(one, more)
    assert (added.aspect, added.before, added.after) == ("labels", "a, b", "a, x, b")
    assert not added.destructive
    (removed,) = compare(more, one)
    assert removed.destructive


def test_names_that_need_quotes_are_quoted():
    odd = m.Table('My "schema"', "Table.x", (m.Column("Select", "INT8"),))
    (change,) = compare(m.Schema("postgresql"), m.Schema("postgresql", tables=(odd,)))
    assert change.path == '"My ""schema"""."Table.x"'


def test_json_has_a_key_for_each_field():
    (change,) = as_json(compare(m.Schema("postgresql"), ONE))
    assert set(change) == {
        "kind",
        "what",
        "path",
        "aspect",
        "before",
        "after",
        "destructive",
        "table",
    }


def test_patterns_leave_out_objects_and_parts():
    other = changed(columns=(ID, NAME, m.Column("legacy_x", "TEXT")))
    changes = compare(ONE, other)
    assert len(changes) == 1
    assert without(changes, ["public.users.legacy_*"]) == ()
    assert without(changes, ["public.users"]) == ()
    assert without(changes, ["public.orders"]) == changes


def test_what_is_not_described_is_named():
    one = m.Schema("postgresql", left_out=("foreign table public.f",))
    (change,) = compare(m.Schema("postgresql"), one)
    assert (change.what, change.path) == ("foreign table", "public.f")


@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        ("INT4", "INT8", True),
        ("INT8", "INT4", False),
        ("VARCHAR(20)", "VARCHAR(30)", True),
        ("VARCHAR(20)", "VARCHAR", True),
        ("VARCHAR(20)", "TEXT", True),
        ("VARCHAR", "VARCHAR(20)", False),
        ("TEXT", "VARCHAR", True),
        ("TEXT", "VARCHAR(20)", False),
        ("NUMERIC(10,2)", "NUMERIC(12,4)", True),
        ("NUMERIC(10,2)", "NUMERIC(11,1)", False),
        ("NUMERIC(10,2)", "NUMERIC(10,3)", False),
        ("NUMERIC(10,2)", "NUMERIC", True),
        ("TIMESTAMPTZ(3)", "TIMESTAMPTZ", True),
        ("TIMESTAMPTZ", "TIMESTAMPTZ(3)", False),
        ("UUID", "TEXT", True),
        ("TEXT", "UUID", False),
        ("public.mood", "TEXT", False),
    ],
)
def test_which_types_hold_all_values_of_others(old, new, holds):
    assert wider(old, new) is holds


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("'x'::text", "'x':::STRING"),
        ("now()", "now():::TIMESTAMPTZ"),
        ("(0)::numeric", "0:::DECIMAL"),
        ("'ok'::public.mood", "'ok':::public.mood"),
        ("(balance >= (0)::numeric)", "balance >= 0:::DECIMAL"),
        ("(name <> 'x'::text)", "name != 'x'"),
        ("nextval('ids'::regclass)", "nextval('ids':::STRING)"),
        ("'1 day'::interval", "'1 day':::INTERVAL"),
        ("'{}'::character varying(20)[]", "'{}':::VARCHAR(20)[]"),
        ("'x'::timestamp(3) with time zone", "'x'"),
    ],
)
def test_expressions_that_mean_the_same_on_both_engines(ours, theirs):
    assert expression(ours) == expression(theirs)


def test_databases_of_different_engines_are_compared_by_meaning():
    unique = m.Constraint("users_name_key", "unique", "UNIQUE (name)", ("name",))
    one = changed(constraints=(KEY, unique))
    primary = replace(KEY, name="primary")
    index = m.Index("users_name_key", ("name",), unique=True)
    two = replace(changed(constraints=(primary,), indexes=(index,)), engine="cockroachdb")
    assert compare(one, two) == ()
