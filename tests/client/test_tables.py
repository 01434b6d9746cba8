"""create_table, drop_table, exists, create_database, drop_database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import NoSuchDatabase
from tests.guide.blocks import variables


async def test_create_and_drop_a_table(db: Any) -> None:
    assert not await db.exists("t")
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT CHECK (n % 2 = 0)"})
    assert await db.exists("t")
    await db.create_table("t", {"other": "TEXT"})
    with pytest.raises(psycopg.errors.DuplicateTable):
        await db.create_table("t", {"other": "TEXT"}, if_not_exists=False)
    with pytest.raises(psycopg.errors.CheckViolation):
        await db.insert("t", {"id": 1, "n": 3})
    await db.drop_table("t")
    assert not await db.exists("t")
    await db.drop_table("t")
    await db.drop_table("t", if_exists=True)
    with pytest.raises(psycopg.errors.UndefinedTable):
        await db.drop_table("t", if_exists=False)


async def test_dropping_with_what_depends_on_it(db: Any) -> None:
    await db.create_table("a", {"id": "INT PRIMARY KEY"})
    await db.create_table("b", {"a_id": "INT REFERENCES a (id)"})
    with pytest.raises(psycopg.Error):
        await db.drop_table("a")
    await db.drop_table("a", cascade=True)
    assert await db.exists("b")


async def test_a_view_exists_and_an_index_does_not(db: Any) -> None:
    await db.create_table("t", {"id": "INT"})
    await db.execute("CREATE VIEW v AS SELECT id FROM t")
    await db.execute("CREATE INDEX i ON t (id)")
    assert await db.exists("v")
    assert not await db.exists("i")


async def test_a_database_can_be_created_before_it_is_connected_to(db: Any, colour: Any) -> None:
    name = f"{db.settings.database}_new"
    new = colour.database(db.settings.url(secrets=True), database=name)
    with pytest.raises(NoSuchDatabase, match=name) as caught:
        await new.execute("SELECT 1")
    assert "create_database()" in str(caught.value)
    await new.create_database(name)
    await new.create_database(name)
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        await new.create_database(name, if_not_exists=False)
    await new.create_table("t", {"a": "INT"})
    await new.drop_database(name)
    with pytest.raises(NoSuchDatabase):
        await new.execute("SELECT 1")
    await new.drop_database(name)
    with pytest.raises(psycopg.errors.InvalidCatalogName):
        await db.drop_database(name, if_exists=False)


@pytest.mark.engine("postgresql", because="dropped while in use")
async def test_a_database_in_use_is_dropped_by_force(db: Any, colour: Any) -> None:
    """CockroachDB drops it regardless; PostgreSQL would refuse, having waited for 5 s."""
    name = f"{db.settings.database}_used"
    await db.create_database(name)
    other = colour.database(db.settings.url(secrets=True), database=name)
    await other.connect()
    await db.drop_database(name, force=True)
    with pytest.raises(NoSuchDatabase):
        await db.dedicated(database=name)


async def test_create_makes_a_missing_database_once(db: Any, colour: Any) -> None:
    """Whichever connection is the first, and however many begin at once."""
    name = f"{db.settings.database}_made"
    url = db.settings.url(secrets=True)

    async def begin() -> Any:
        async with colour.database(url, database=name, create=True) as new:
            return await new.execute("SELECT current_database() AS d")

    try:
        assert await colour.concurrently(*[begin] * 4) == [[{"d": name}]] * 4
        async with await colour.database(url, database=name).dedicated() as connection:
            await connection.execute("SELECT 1")
    finally:
        await db.drop_database(name, force=True)
    with pytest.raises(NoSuchDatabase):
        await colour.database(url, database=name).connect()


async def test_a_database_that_the_program_names_is_made_on_this_machine(
    db: Any, colour: Any, monkeypatch: Any, caplog: Any
) -> None:
    name = f"{db.settings.database}_named"
    settings = db.settings
    for variable, value in variables(settings.conninfo()).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(NoSuchDatabase):
        await colour.Database(database=name, create=False).connect()
    new = colour.Database(database=name)
    if not new.settings.create:
        pytest.skip("the server under test is on another machine")
    try:
        async with await new.dedicated() as connection:
            await connection.execute("CREATE TABLE t (a INT)")
        assert f"created the database {name}" in caplog.text
        assert await new.exists("t")
        with pytest.raises(NoSuchDatabase):
            await new.sibling(f"{name}_2").connect()
    finally:
        await new.drop_database(name, force=True)


@pytest.mark.engine("postgresql", because="users")
async def test_a_database_that_may_not_be_made_is_missing(db: Any, colour: Any) -> None:
    """In every engine; only PostgreSQL's tests have a user without the right at hand."""
    await db.execute("CREATE ROLE narrow_maker LOGIN")
    url = db.settings.url(secrets=True)
    try:
        new = colour.database(url, user="narrow_maker", database="never_made", create=True)
        with pytest.raises(NoSuchDatabase, match="permission denied to create database"):
            await new.connect()
        await new.close()
    finally:
        await db.execute("DROP ROLE narrow_maker")
