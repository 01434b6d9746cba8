"""Backfills in the background: registered, worked on from anywhere, required, paused, undone."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import (
    BackfillIncomplete,
    ChangedFile,
    ConfigError,
    PartialMigration,
)

from .conftest import COUNT, UNDO

BACKGROUND = "-- @background\n-- @batch rows 10..10\n" + COUNT
LATER = "CREATE TABLE later (id INT8 PRIMARY KEY);\n"


async def test_migrate_registers_it_and_goes_on(files):
    await files.users(100)
    files.write(2, BACKGROUND)
    files.write(3, LATER)
    assert await files.migrator().migrate() == 2
    assert await files.counts() == {0: 100}
    (one,) = await files.migrator().backfills()
    assert (one.name, one.state, one.rows, one.complete) == ("2", "registered", 0, False)
    (status,) = (await files.migrator().status()).backfills
    assert status.version == 2
    with pytest.raises(BackfillIncomplete, match="backfill of migration 2 is registered"):
        await files.migrator().require_complete()
    await files.migrator().require_complete(3)
    assert await files.migrator().run_backfills() == ["2"]
    assert await files.counts() == {1: 100}
    await files.migrator().require_complete(2)
    assert await files.migrator().run_backfills() == []
    assert (await files.migrator().status()).backfills == ()


async def test_several_programs_share_it(files):
    await files.users(600)
    files.write(2, BACKGROUND)
    await files.migrator().migrate()
    runs = [files.migrator().run_backfills for _ in range(3)]
    await files.colour.concurrently(*runs)
    assert await files.counts() == {1: 600}


async def test_a_migration_that_requires_it_waits(files):
    await files.users(100)
    files.write(2, BACKGROUND)
    files.write(3, LATER)
    files.write(4, "-- @requires 2\n" + LATER.replace("later", "last"))
    with pytest.raises(BackfillIncomplete, match="4 requires the backfill of 2") as failure:
        await files.migrator().migrate()
    assert "migrate --finish-backfills" in str(failure.value.hint)
    assert await files.migrator().get_current_version() == 3
    assert await files.migrator().migrate(finish_backfills=True) == 1
    assert await files.counts() == {1: 100}
    assert await files.migrator().get_current_version() == 4


async def test_finishing_at_once(files):
    await files.users(100)
    files.write(2, BACKGROUND)
    files.write(3, "-- @requires 2\n" + LATER)
    assert await files.migrator().migrate(finish_backfills=True) == 2
    assert await files.counts() == {1: 100}


async def test_pause_resume_and_cancel(files):
    await files.users(100)
    files.write(2, BACKGROUND)
    await files.migrator().migrate()
    assert await files.migrator().pause_backfill(2) == "Backfill 2 is paused."
    assert await files.migrator().pause_backfill(2) == "Backfill 2 is paused already."
    assert await files.migrator().run_backfills() == []
    with pytest.raises(BackfillIncomplete, match="paused"):
        await files.migrator().run_backfills(2)
    await files.migrator().resume_backfill("2")
    assert await files.migrator().cancel_backfill(2) == "Backfill 2 is cancelled."
    assert await files.migrator().run_backfills() == []
    assert await files.counts() == {0: 100}
    await files.migrator().resume_backfill(2)
    assert await files.migrator().run_backfills(2) == ["2"]
    assert await files.counts() == {1: 100}
    with pytest.raises(ConfigError, match="is complete"):
        await files.migrator().pause_backfill(2)


async def test_a_pause_stops_the_worker_that_is_at_it(files):
    await files.users(300)
    files.write(2, BACKGROUND.replace("rows 10..10", "rows 10..10, pause 20ms"))
    await files.migrator().migrate()
    other = files.migrator()
    other_db = files.colour.database(files.db.settings.url(secrets=True))
    worker = files.colour.Migration(other_db, files.directory)

    async def work() -> None:
        await worker.run_backfills()

    task = files.colour.spawn(work)
    while not (await other.backfills())[0].rows:
        await files.colour.sleep(0.02)
    await other.pause_backfill(2)
    assert await task.join(10)
    (one,) = await other.backfills()
    assert one.state == "paused" and 0 < one.rows < 300 and not one.workers
    assert (await files.counts())[1] == one.rows


async def test_no_such_backfill(files):
    await files.users(1)
    with pytest.raises(ConfigError, match="no backfill 7"):
        await files.migrator().pause_backfill(7)


async def test_failed_rows_are_tried_again(files):
    await files.users(50)
    await files.db.execute("UPDATE users SET name = 'odd' WHERE id IN (7, 31)")
    statement = COUNT.replace("n + 1", "n + (1 / CASE WHEN name = 'odd' THEN 0 ELSE 1 END)::INT8")
    files.write(2, "-- @background\n-- @batch rows 10..10\n" + statement)
    await files.migrator().migrate()
    with pytest.raises(PartialMigration, match=r"cannot be changed: 7: .*; 31: "):
        await files.migrator().run_backfills()
    (one,) = await files.migrator().backfills()
    assert (one.state, one.failed, [row.key for row in one.failures]) == (
        "failed",
        2,
        [("7",), ("31",)],
    )
    await files.db.execute("UPDATE users SET name = 'mended' WHERE id = 7")
    assert await files.migrator().retry_backfill(2) == (1, 1)
    assert await files.counts() == {0: 1, 1: 49}
    await files.db.execute("UPDATE users SET name = 'mended' WHERE id = 31")
    assert await files.migrator().retry_backfill(2) == (1, 0)
    assert await files.counts() == {1: 50}
    assert (await files.migrator().backfills())[0].complete


async def test_a_half_done_one_is_undone_as_far_as_it_is_done(files):
    await files.users(100)
    await files.db.execute("UPDATE users SET name = 'odd' WHERE id = 15")
    statement = COUNT.replace("n + 1", "n + (1 / CASE WHEN name = 'odd' THEN 0 ELSE 1 END)::INT8")
    files.write(2, "-- @background\n-- @batch rows 10..10, pause 20ms\n" + statement + UNDO)
    await files.migrator().migrate()

    async def pause_half_way() -> None:
        while (await other.backfills())[0].rows < 40:
            await files.colour.sleep(0.01)
        await other.pause_backfill(2)

    other = files.migrator()
    task = files.colour.spawn(pause_half_way)
    worker = files.colour.Migration(
        files.colour.database(files.db.settings.url(secrets=True)), files.directory
    )
    await worker.run_backfills()
    await task.join()
    counts = await files.counts()
    assert counts[1] >= 39 and counts[0] > 10
    assert await files.migrator().rollback() == 1
    assert await files.counts() == {0: 100}, "rows that were never done were not undone"
    assert await files.migrator().backfills() == ()


async def test_a_plain_undo_stops_whoever_works(files):
    await files.users(100)
    files.write(2, BACKGROUND + "-- @UNDO\nUPDATE users SET n = 0;\n")
    await files.migrator().migrate()
    await files.migrator().rollback()
    (one,) = await files.migrator().backfills()
    assert one.state == "cancelled"
    assert await files.migrator().migrate() == 1
    assert await files.migrator().run_backfills() == ["2"]
    assert await files.counts() == {1: 100}


async def test_a_changed_file_is_not_run(files):
    await files.users(10)
    files.write(2, BACKGROUND)
    await files.migrator().migrate()
    files.write(2, BACKGROUND.replace("n + 1", "n + 2"))
    with pytest.raises(ChangedFile, match="changed after its backfill began"):
        await files.migrator().run_backfills()
    files.write(2, BACKGROUND.replace("rows 10..10", "rows 5..7"))
    assert await files.migrator().run_backfills() == ["2"], "how gently may change"
