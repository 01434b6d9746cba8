"""How a backfill treats others, rows that cannot be changed, and what is asked at its end."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import PartialMigration

from .conftest import COUNT

SMALL = "-- @batch rows 10..40\n"


async def test_where_limits_the_walk(files):
    await files.users(200)
    files.write(2, SMALL + "-- @where id % 4 = 0\n" + COUNT)
    await files.migrator().migrate()
    assert await files.counts() == {0: 150, 1: 50}
    (row,) = await files.db.execute("SELECT rows FROM _migrations_backfill_ranges")
    assert row["rows"] == 50, "others are not even looked at"


async def test_a_check_that_finds_something_keeps_it_from_being_complete(files):
    await files.users(50)
    check = "-- @check SELECT id, name FROM users WHERE n < 2\n"
    files.write(2, SMALL + check + COUNT)
    with pytest.raises(PartialMigration, match=r"-- @check finds 1, user 1; .* and more"):
        await files.migrator().migrate()
    assert await files.counts() == {1: 50}
    assert await files.migrator().get_current_version() == 1
    await files.db.execute("UPDATE users SET n = 2")
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {2: 50}, "no row was done again"


async def test_rows_that_cannot_be_changed_are_found_and_the_rest_is_done(files):
    await files.users(300)
    await files.db.execute("UPDATE users SET name = 'odd' WHERE id IN (77, 211)")
    files.write(
        2,
        "-- @batch rows 50..50\n-- @backfill users\n"
        "UPDATE users SET n = n + 1, name = (1 / CASE WHEN name = 'odd' THEN 0 ELSE 1 END)::TEXT"
        " WHERE :batch;\n",
    )
    with pytest.raises(PartialMigration, match=r"cannot be changed: 77: division by zero; 211:"):
        await files.migrator().migrate()
    assert await files.counts() == {0: 2, 1: 298}
    rows = await files.db.execute("SELECT key, sqlstate FROM _migrations_backfill_failures")
    assert sorted(row["key"] for row in rows) == ['["211"]', '["77"]']
    assert {row["sqlstate"] for row in rows} == {"22012"}


async def test_throttle_says_wait(files):
    await files.users(60)
    await files.db.execute("CREATE TABLE busy (yes BOOL)")
    await files.db.execute("INSERT INTO busy VALUES (true)")
    files.write(2, SMALL + "-- @throttle SELECT yes FROM busy LIMIT 1\n" + COUNT)

    async def free() -> None:
        while not any(getattr(e, "waits_for", "") for e in files.events):
            await files.colour.sleep(0.02)
        await other.execute("UPDATE busy SET yes = false")

    other = files.colour.database(files.db.settings.url(secrets=True))
    task = files.colour.spawn(free)
    await files.migrator().migrate()
    await task.join()
    assert {"-- @throttle says so"} <= {getattr(e, "waits_for", "") for e in files.events}
    assert await files.counts() == {1: 60}


@pytest.mark.engine("postgresql", because="lock_timeout")
async def test_a_locked_row_is_waited_for_and_not_given_up(files):
    """A batch that waits for a lock gives up after a second, and tries with less."""
    await files.users(60)
    files.write(2, SMALL + COUNT)
    other = files.colour.database(files.db.settings.url(secrets=True))

    async def hold() -> None:
        async with other.transaction() as connection:
            await connection.execute("UPDATE users SET name = 'held' WHERE id = 30")
            ready.set()
            await files.colour.sleep(1.6)

    ready = files.colour.event()
    task = files.colour.spawn(hold)
    await ready.wait(5)
    await files.migrator().migrate()
    await task.join()
    assert await files.counts() == {1: 60}
    assert await files.db.select("users", ["name"], {"id": 30}) == [{"name": "held"}]
