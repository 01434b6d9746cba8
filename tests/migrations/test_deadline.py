"""--deadline: nothing begins after it, what runs is cancelled, and the next run goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from manticore_cockroachdb.errors import ConfigError, DeadlineReached, LeaseTimeout
from manticore_cockroachdb.runner import events as e
from tests.backfills.conftest import USERS

pytestmark = pytest.mark.clock

SLOW = "CREATE TABLE t2 (id INT8 PRIMARY KEY);\nSELECT pg_sleep(30);\n"
SOON = 20.0  # far below what the slow ones take


def write(directory: Any, version: int, text: str = "") -> None:
    (directory / f"{version}_m{version}.sql").write_text(
        text or f"CREATE TABLE t{version} (id INT8 PRIMARY KEY);\n"
    )


async def applied(db: Any) -> list[int]:
    return [
        row["version"] for row in await db.execute("SELECT version FROM _migrations ORDER BY 1")
    ]


async def test_what_runs_is_cancelled_and_what_is_done_stays(db, colour, tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2, SLOW)
    write(tmp_path, 3)
    migrator = colour.Migration(db, tmp_path)
    await migrator.initialize()  # which takes a while on a cluster, and is no matter here
    began = monotonic()
    with pytest.raises(DeadlineReached, match="Migration 2 was stopped at the deadline") as late:
        await migrator.migrate(deadline=6.0)
    assert monotonic() - began < SOON
    assert (late.value.version, late.value.applied) == (2, (1,))
    assert await applied(db) == [1]
    (lease,) = await db.execute("SELECT owner FROM _migrations_lease")
    assert lease["owner"] is None
    (attempt,) = await migrator.attempts()
    assert attempt.version == 2 and "deadline" in attempt.message
    write(tmp_path, 2, SLOW.replace("30", "0"))
    assert await migrator.migrate(deadline=timedelta(minutes=1)) == 2
    assert await applied(db) == [1, 2, 3]


async def test_nothing_begins_after_it(db, colour, tmp_path):
    write(tmp_path, 1)
    events: list[Any] = []
    migrator = colour.Migration(db, tmp_path, on_event=events.append)
    with pytest.raises(DeadlineReached, match="before migration 1; nothing of it was begun"):
        await migrator.migrate(deadline=datetime.now(UTC) - timedelta(seconds=1))
    assert not any(isinstance(one, e.MigrationStarted) for one in events)
    assert await migrator.migrate() == 1
    assert await migrator.migrate(deadline=0) == 0, "nothing to do is no matter of time"


async def test_with_fresh(db, colour, tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2, SLOW)
    began = monotonic()
    with pytest.raises(DeadlineReached):
        await colour.Migration(db, tmp_path).migrate(deadline=3.0, fresh=True)
    assert monotonic() - began < SOON
    write(tmp_path, 2, SLOW.replace("30", "0"))
    await colour.Migration(db, tmp_path).migrate(fresh=True)
    assert await applied(db) == [1, 2]


async def test_a_python_migration(db, colour, tmp_path):
    """The statement that its function waits for is cancelled."""
    (tmp_path / "1_slow.py").write_text(
        "def migrate(db):\n    db.execute('CREATE TABLE p (id INT8 PRIMARY KEY)')\n"
        "    db.execute('SELECT pg_sleep(30)')\n"
    )
    migrator = colour.Migration(db, tmp_path)
    await migrator.initialize()  # which takes a while on a cluster, and is no matter here
    began = monotonic()
    with pytest.raises(DeadlineReached, match="nothing of it remains"):
        await migrator.migrate(deadline=3.0)
    assert monotonic() - began < SOON
    assert await applied(db) == []


async def test_a_rollback(db, colour, tmp_path):
    write(tmp_path, 1, "CREATE TABLE t1 (id INT8);\n-- @UNDO\nSELECT pg_sleep(30);\n")
    migrator = colour.Migration(db, tmp_path)
    await migrator.migrate()
    began = monotonic()
    with pytest.raises(DeadlineReached):
        await migrator.rollback(deadline=1.5)
    assert monotonic() - began < SOON
    assert await applied(db) == [1]


@pytest.mark.engine("postgresql", because="CONCURRENTLY")
async def test_an_index_that_no_transaction_covers(db, url, colour, tmp_path):
    """Its build is cancelled, the invalid index stays, and the next run removes it."""
    write(tmp_path, 1, USERS)
    write(tmp_path, 2, "CREATE INDEX CONCURRENTLY users_name ON users (name);\n")
    write(tmp_path, 3)
    migrator = colour.Migration(db, tmp_path)
    await migrator.migrate(1)
    other = colour.database(url)
    async with other.transaction() as connection:  # the build waits for it
        await connection.execute("INSERT INTO users (id) VALUES (1)")
        began = monotonic()
        with pytest.raises(DeadlineReached, match="0 of 1 steps"):
            await migrator.migrate(deadline=1.5)
        assert monotonic() - began < SOON
    invalid = "SELECT count(*) AS n FROM pg_index WHERE NOT indisvalid"
    assert await db.execute(invalid) == [{"n": 1}]
    assert await migrator.migrate() == 2
    assert await db.execute(invalid) == [{"n": 0}]


async def test_between_steps(db, colour, tmp_path):
    """A migration in steps stops after the step that it is at."""
    write(tmp_path, 1)
    write(
        tmp_path,
        2,
        "-- @transaction off\nCREATE TABLE a (id INT8 PRIMARY KEY);\nSELECT pg_sleep(30);\n"
        "CREATE TABLE b (id INT8 PRIMARY KEY);\n",
    )
    migrator = colour.Migration(db, tmp_path)
    await migrator.initialize()  # which takes a while on a cluster, and is no matter here
    began = monotonic()
    with pytest.raises(DeadlineReached) as late:
        await migrator.migrate(deadline=3.0)
    assert monotonic() - began < SOON
    assert late.value.version == 2
    assert await applied(db) == [1]
    tables = await db.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_name IN ('a', 'b')"
    )
    assert tables == [{"table_name": "a"}]


async def test_a_backfill_stops_after_its_batch(db, colour, tmp_path):
    write(tmp_path, 1, USERS)
    await colour.Migration(db, tmp_path).migrate()
    await db.execute("INSERT INTO users (id) SELECT i FROM generate_series(1, 500) AS i")
    head = "-- @backfill users\n-- @batch rows 10..10, pause 200ms\n"
    write(tmp_path, 2, head + "UPDATE users SET n = n + 1 WHERE :batch;\n")
    migrator = colour.Migration(db, tmp_path)
    await migrator.initialize()  # which takes a while on a cluster, and is no matter here
    began = monotonic()
    with pytest.raises(DeadlineReached, match="rows are done and stay so"):
        await migrator.migrate(deadline=3.0)
    assert monotonic() - began < SOON
    (row,) = await db.execute("SELECT sum(n) AS done FROM users")
    assert 0 < row["done"] < 500
    assert await migrator.migrate() == 1
    assert await db.execute("SELECT n, count(*) AS rows FROM users GROUP BY n") == [
        {"n": 1, "rows": 500}
    ]


async def test_a_backfill_in_the_background(db, colour, tmp_path):
    write(tmp_path, 1, USERS)
    head = "-- @backfill users\n-- @background\n-- @batch rows 10..10, pause 200ms\n"
    write(tmp_path, 2, head + "UPDATE users SET n = n + 1 WHERE :batch;\n")
    migrator = colour.Migration(db, tmp_path)
    await migrator.migrate(1)
    await db.execute("INSERT INTO users (id) SELECT i FROM generate_series(1, 500) AS i")
    await migrator.migrate()
    with pytest.raises(DeadlineReached, match="rows of backfill 2 are done"):
        await migrator.run_backfills(deadline=1.0)
    assert await migrator.run_backfills(deadline=60) == ["2"]


async def test_it_bounds_the_wait_for_another_runner(db, colour, tmp_path):
    write(tmp_path, 1)
    await colour.Migration(db, tmp_path).initialize()
    await db.execute(
        "UPDATE _migrations_lease SET owner = 'elsewhere:1:x', session = NULL, token = token + 1,"
        " expires_at = clock_timestamp() + INTERVAL '60 seconds' WHERE id = 1"
    )
    began = monotonic()
    with pytest.raises(LeaseTimeout, match="elsewhere"):
        await colour.Migration(db, tmp_path).migrate(deadline=0.5)
    assert monotonic() - began < SOON


@pytest.mark.parametrize("odd", [-1, True, float("nan"), float("inf"), "10m"])
async def test_what_is_no_deadline(db, colour, tmp_path, odd):
    with pytest.raises(ConfigError):
        await colour.Migration(db, tmp_path).migrate(deadline=odd)


async def test_a_moment_without_a_time_zone(db, colour, tmp_path):
    with pytest.raises(ConfigError, match="no time zone"):
        await colour.Migration(db, tmp_path).migrate(deadline=datetime(2026, 1, 1))
