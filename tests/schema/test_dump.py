"""The law of dumps: run on an empty database, a dump makes an equal catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb.schema.printed import stable
from manticore_cockroachdb.schema.render import render

from .halves import read_schema, run

HERE = Path(__file__).parent


async def test_a_dump_makes_an_equal_catalog(colour, db, server):
    await run(db, (HERE / f"everything_{server.engine}.sql").read_text())
    if server.version.startswith("PostgreSQL 18"):
        await run(db, (HERE / "everything_postgresql_18.sql").read_text())
    schema = await read_schema(colour, db)
    dump = render(schema)
    with server.fresh_database() as url:
        copy = colour.database(url)
        await run(copy, dump)
        again = await read_schema(colour, copy)
    assert again == schema
    assert render(again) == dump


async def test_two_equal_unique_constraints_are_two(colour, db, server):
    """Inside CREATE TABLE, PostgreSQL would make one of them."""
    await run(
        db,
        "CREATE TABLE t (a INT PRIMARY KEY, b INT);"
        "ALTER TABLE t ADD CONSTRAINT one UNIQUE (b);"
        "ALTER TABLE t ADD CONSTRAINT two UNIQUE (b);"
        "ALTER TABLE t ADD CONSTRAINT key UNIQUE (a);",
    )
    schema = await read_schema(colour, db)
    with server.fresh_database() as url:
        copy = colour.database(url)
        await run(copy, render(schema))
        assert await read_schema(colour, copy) == schema


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_lists_of_varchar_are_printed_as_they_are_the_second_time(colour, db, server):
    """The server prints them otherwise, once it has read what it printed."""
    await run(
        db,
        "CREATE DOMAIN d AS VARCHAR(9) CHECK (VALUE IN ('a', 'b'));"
        "CREATE TABLE t (a VARCHAR(9) CHECK (a IN ('x', 'y')), b VARCHAR(9),"
        " c BOOL GENERATED ALWAYS AS (b NOT IN ('it''s', 'n')) STORED);"
        "CREATE INDEX i ON t (a) WHERE b IN ('p', 'q');"
        "CREATE VIEW v AS SELECT * FROM t WHERE a NOT IN ('x', 'z');"
        "CREATE POLICY p ON t USING (a IN ('x', 'y')) WITH CHECK (b IN ('x', 'y'));",
    )
    schema = await read_schema(colour, db)
    dump = render(schema)
    assert dump.count("ARRAY[(") == 7 and "])::" not in dump, dump
    with server.fresh_database() as url:
        copy = colour.database(url)
        await run(copy, dump)
        assert await read_schema(colour, copy) == schema


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "a = ANY ((ARRAY['])::'::text, b])::s.\"T\"[])",
            'a = ANY (ARRAY[(\'])::\'::text)::s."T", (b)::s."T"])',
        ),
        (
            "(ARRAY[1, 2.5::numeric(9,2)])::numeric(9,2)[]",
            "ARRAY[(1)::numeric(9,2), 2.5::numeric(9,2)]",
        ),
        ("(ARRAY[(ARRAY[a])::text[]])::text[]", "ARRAY[(ARRAY[(a)::text])::text]"),
        ("(ARRAY[ARRAY[1]])::int[]", None),
        ("(ARRAY[1])::int[][]", None),
        ("(f(x[1]))::text[]", None),
        ("'(ARRAY[1])::int[]'", None),
    ],
)
def test_a_cast_of_a_list_goes_to_its_elements(text, wanted):
    assert stable(text) == (wanted or text)


async def test_an_empty_database_has_an_empty_dump(colour, db, server):
    schema = await read_schema(colour, db)
    assert not [*schema.everything(), *schema.namespaces, *schema.left_out]
    assert len(render(schema).splitlines()) == 1


async def test_our_own_tables_are_left_out(colour, db, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.initialize()
    await db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    schema = await read_schema(colour, db)
    assert [table.name for table in schema.tables] == ["t"]


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_what_cannot_be_dumped_is_named(colour, db):
    """CockroachDB has nothing of the kind."""
    await run(db, "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)")
    await run(db, "CREATE COLLATION \"All\nof it\" (locale = 'C')")
    lines = render(await read_schema(colour, db)).splitlines()
    assert lines[1:] == [
        "-- Not in it: aggregate public.total(integer)",
        '-- Not in it: collation public."All of it"',
    ]
