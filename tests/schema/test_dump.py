"""The law of dumps: run on an empty database, a dump makes an equal catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

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
