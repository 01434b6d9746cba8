"""`db.backfill`: batches for a program's own loop, exactly once like any other."""

from __future__ import annotations

import psycopg
import pytest

from faults.proxy import Cut, Fault, Proxy, Sender, When
from manticore_cockroachdb.errors import BackfillIncomplete, ChangedFile, QueryError

from .conftest import USERS


async def fill(db, count: int) -> None:
    await db.execute(USERS)
    await db.execute(
        "INSERT INTO users (id, name) SELECT i, 'user ' || i::TEXT"
        f" FROM generate_series(1, {count}) AS i"
    )


async def counts(db) -> dict[int, int]:
    rows = await db.execute("SELECT n, count(*) AS rows FROM users GROUP BY n")
    return {row["n"]: row["rows"] for row in rows}


async def add(db, name: str = "add one", **options) -> int:
    """Add one to each row; return how many batches it took."""
    number = 0
    async for batch in db.backfill(name, "users", columns=["id"], rows=(10, 10), **options):
        async with batch as connection:
            for row in batch.rows:
                await connection.execute("UPDATE users SET n = n + 1 WHERE id = %s", [row["id"]])
        number += 1
    return number


async def test_each_row_once(db):
    await fill(db, 95)
    assert await add(db) >= 10
    assert await counts(db) == {1: 95}
    assert await add(db) == 0, "the same name has nothing left to do"
    assert await counts(db) == {1: 95}


async def test_where_and_all_columns(db):
    await fill(db, 30)
    async for batch in db.backfill("some", "users", where="id % 2 = 0"):
        async with batch:
            for row in batch.rows:
                assert row["name"] == f"user {row['id']}"
                await db.update("users", {"n": 1}, {"id": row["id"]})  # joins the batch's
    assert await counts(db) == {0: 15, 1: 15}


async def test_an_error_of_the_programs_own_stops_it_and_it_goes_on_where_it_was(db):
    await fill(db, 50)

    async def until_the_third() -> None:
        number = 0
        async for batch in db.backfill("add one", "users", columns=["id"], rows=(10, 10)):
            async with batch as connection:
                ids = [row["id"] for row in batch.rows]
                await connection.execute("UPDATE users SET n = n + 1 WHERE id = ANY(%s)", [ids])
                number += 1
                if number == 3:
                    raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await until_the_third()
    assert await counts(db) == {0: 30, 1: 20}
    await add(db)
    assert await counts(db) == {1: 50}


async def test_several_programs_share_the_rows(db, url, colour):
    await fill(db, 200)
    others = [colour.database(url) for _ in range(3)]
    await colour.concurrently(*(lambda one=one: add(one) for one in others))
    assert await counts(db) == {1: 200}


async def test_a_row_that_cannot_be_changed(db):
    await fill(db, 40)
    await db.execute("ALTER TABLE users ADD CONSTRAINT few CHECK (id <> 17 OR n = 0)")
    with pytest.raises(BackfillIncomplete, match="not complete"):
        await add(db)
    assert await counts(db) == {0: 1, 1: 39}
    (row,) = await db.execute("SELECT key, sqlstate FROM _migrations_backfill_failures")
    assert (row["key"], row["sqlstate"]) == ('["17"]', "23514")


async def test_a_lost_commit(db, url, colour):
    await fill(db, 60)
    with Proxy.before(url) as proxy:
        through = colour.database(proxy.through(url))
        await through.execute("SELECT 1")
        proxy.arm(
            Fault(When(Sender.CLIENT, type="Query", text="COMMIT", nth=4), Cut(forward=True)),
            Fault(When(Sender.CLIENT, type="Query", text="COMMIT", nth=7), Cut(forward=False)),
        )
        await add(through)
        assert len(proxy.fired) == 2
    assert await counts(db) == {1: 60}


async def test_it_is_not_begun_for_something_else(db):
    await fill(db, 5)
    await add(db)
    with pytest.raises(ChangedFile, match="begun for another"):
        await add(db, where="n = 1")


async def test_a_batch_has_to_be_used(db):
    await fill(db, 5)
    with pytest.raises(QueryError, match="was not used"):
        async for _ in db.backfill("x", "users"):
            pass
    await add(db, "x")
    assert await counts(db) == {1: 5}


async def test_no_such_table(db):
    with pytest.raises(psycopg.errors.UndefinedTable):
        async for _ in db.backfill("x", "nobody"):
            pass
