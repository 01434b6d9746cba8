"""A backfill in its place: `migrate` runs it, `rollback` its undo, and each row is done once."""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb.errors import ChangedFile, PartialMigration
from manticore_cockroachdb.runner.events import BackfillProgress

from .conftest import COUNT, UNDO

SMALL = "-- @batch rows 10..40\n"


async def test_migrate_runs_it_and_rollback_undoes_it(files):
    await files.users(1234)
    files.write(2, SMALL + COUNT + SMALL.join(UNDO.split("-- @backfill", 1)[:1]) + UNDO[9:])
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {1: 1234}
    (row,) = await files.db.execute("SELECT mode FROM _migrations WHERE version = 2")
    assert row["mode"] == "backfill"
    assert await files.migrator().migrate() == 0
    assert await files.migrator().rollback() == 1
    assert await files.counts() == {0: 1234}
    assert await files.migrator().migrate() == 1, "a rolled back one begins anew"
    assert await files.counts() == {1: 1234}


async def test_progress_is_told(files):
    await files.users(500)
    files.write(2, SMALL + COUNT)
    await files.migrator().migrate()
    last = [e for e in files.events if isinstance(e, BackfillProgress)][-1]
    assert (last.version, last.rows, last.failed) == (2, 500, 0)


@pytest.mark.parametrize("count", [0, 1, 10])
async def test_small_tables(files, count):
    if count:
        await files.users(count)
    else:
        files.write(1, "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0);")
        await files.migrator().migrate()
    files.write(2, "-- @batch rows 10..10\n" + COUNT)
    assert await files.migrator().migrate() == 1
    assert await files.counts() == ({1: count} if count else {})


async def test_several_statements_are_one_transaction_a_batch(files):
    await files.users(100)
    await files.db.execute("CREATE TABLE copies (id INT8 PRIMARY KEY, name TEXT)")
    files.write(
        2,
        SMALL + "-- @backfill users\n"
        "INSERT INTO copies (id, name) SELECT u.id, u.name FROM users AS u WHERE :batch(u);\n"
        "UPDATE users SET n = n + 1 WHERE :batch;\n",
    )
    await files.migrator().migrate()
    assert await files.counts() == {1: 100}
    (row,) = await files.db.execute("SELECT count(*) AS c FROM copies JOIN users USING (id, name)")
    assert row["c"] == 100


async def test_a_failure_leaves_what_was_done_and_the_next_run_goes_on(files):
    await files.users(100)
    files.write(
        2,
        "-- @batch rows 10..10\n-- @backfill users\n"
        "UPDATE users SET n = n + 1 WHERE :batch AND lock_of(id);\n",
    )
    with pytest.raises(PartialMigration) as failure:
        await files.migrator().migrate()
    assert failure.value.sqlstate == "42883"
    assert "goes on where it stopped" in str(failure.value.hint)
    status = await files.migrator().status()
    (pending,) = status.pending
    assert pending.state.value == "partial"
    # Nothing was done, and yet the file may not change: the next run could not know.
    files.write(2, "-- @batch rows 10..10\n" + COUNT)
    with pytest.raises(ChangedFile, match="changed since"):
        await files.migrator().migrate()


async def test_a_half_done_one_goes_on_where_it_was(files):
    await files.users(100)
    files.write(
        2,
        "-- @batch rows 10..10\n-- @backfill users\n"
        "INSERT INTO log (id) SELECT id FROM users WHERE :batch;\n"
        "UPDATE users SET n = n + 1 WHERE :batch;\n",
    )
    await files.db.execute("CREATE TABLE log (id INT8 PRIMARY KEY)")
    seen = 0

    def stop(event):
        nonlocal seen
        if isinstance(event, BackfillProgress):
            seen += 1
            raise KeyboardInterrupt

    migrator = files.colour.Migration(files.db, files.directory, on_event=stop)
    with pytest.raises(KeyboardInterrupt):
        await migrator.migrate()
    assert seen == 1
    counts = await files.counts()
    assert set(counts) == {0, 1} and sum(counts.values()) == 100
    # The batches that are done are not done again: the log's key would refuse.
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {1: 100}


async def test_batches_are_as_large_as_their_time_allows(files):
    await files.users(3000)
    files.write(2, "-- @batch rows 10..2000, time 1s\n" + COUNT)
    await files.migrator().migrate()
    (row,) = await files.db.execute("SELECT size, batches FROM _migrations_backfill_ranges")
    assert row["batches"] <= 5, "from 1,000 on they grow by a fifth at a time"


async def test_a_table_that_is_not_there(files):
    await files.users(1)
    files.write(2, COUNT.replace("users", "nobody"))
    with pytest.raises(Exception) as failure:
        await files.migrator().migrate()
    cause = failure.value.__cause__
    assert isinstance(cause, psycopg.Error) and cause.sqlstate == "42P01"
    assert await files.migrator().get_current_version() == 1
