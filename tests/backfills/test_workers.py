"""Several workers share a backfill: ranges are cut, taken, given away; each row is done once."""

from __future__ import annotations

import pytest

from .conftest import COUNT

SMALL = "-- @batch rows 10..40, workers 3\n"


async def test_workers_of_one_process(files):
    await files.users(3000)
    files.write(2, SMALL + COUNT)
    await files.migrator().migrate()
    assert await files.counts() == {1: 3000}


async def test_ranges_are_cut_by_what_the_server_knows(files, server):
    await files.users(3000)
    statement = "CREATE STATISTICS s FROM users"
    if server.engine == "postgresql":
        statement = "ANALYZE users"
    await files.db.execute(statement)
    files.write(2, SMALL + COUNT)
    await files.migrator().migrate()
    rows = await files.db.execute(
        "SELECT rows FROM _migrations_backfill_ranges WHERE id < 3 ORDER BY id"
    )
    assert len(rows) == 3
    assert await files.counts() == {1: 3000}


async def test_a_range_is_divided_for_a_worker_with_nothing_to_do(files):
    """Nothing is known of a table that was just filled; so one worker begins with all of it."""
    await files.users(3000)
    files.write(2, "-- @batch rows 10..10, workers 2, pause 2ms\n" + COUNT)
    await files.migrator().migrate()
    assert await files.counts() == {1: 3000}
    (row,) = await files.db.execute(
        "SELECT count(*) AS c, count(*) FILTER (WHERE rows > 0) AS worked"
        " FROM _migrations_backfill_ranges"
    )
    assert row["worked"] >= 2, row


@pytest.mark.parametrize("workers", [1, 2])
async def test_several_processes_at_once(files, workers):
    """`migrate` on several machines: one runs it, and the others find it done."""
    await files.users(500)
    files.write(2, f"-- @batch rows 10..10, workers {workers}\n" + COUNT)
    migrators = [files.migrator() for _ in range(3)]
    done = await files.colour.concurrently(*(one.migrate for one in migrators))
    assert sorted(done) == [0, 0, 1]
    assert await files.counts() == {1: 500}
