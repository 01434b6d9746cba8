"""One runner at a time: waiting, takeover, fencing, release."""

from __future__ import annotations

import asyncio

import pytest

from manticore_cockroachdb import AsyncDatabase, AsyncMigrator, Database, Migration
from manticore_cockroachdb.errors import LeaseLost, LeaseTimeout
from manticore_cockroachdb.runner import events as e


def write(directory, count):
    for i in range(1, count + 1):
        (directory / f"{i}_t{i}.sql").write_text(
            f"CREATE TABLE t{i} (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE t{i};\n"
        )


async def hold(db, seconds):
    """Hold the lease as a runner that nobody knows would."""
    await db.execute(
        "UPDATE _migrations_lease SET owner = 'elsewhere:1:x', session = NULL, token = token + 1,"
        f" expires_at = clock_timestamp() + INTERVAL '{seconds} seconds' WHERE id = 1"
    )


async def test_fifty_runners_apply_each_migration_once(url, tmp_path):
    """Twenty-five threads and twenty-five tasks in one process; `python -m faults race` does it
    with fifty processes."""
    write(tmp_path, 20)

    def in_thread() -> int:
        db = Database.from_url(url, max_size=1, connect_timeout=60)
        try:
            return Migration(db, tmp_path).migrate()
        finally:
            db.close()

    async def in_task() -> int:
        db = AsyncDatabase.from_url(url, max_size=1, connect_timeout=60)
        try:
            return await AsyncMigrator(db, tmp_path).migrate()
        finally:
            await db.close()

    loop = asyncio.get_running_loop()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(25) as pool:
        threads = [loop.run_in_executor(pool, in_thread) for _ in range(25)]
        counts = await asyncio.gather(*threads, *(in_task() for _ in range(25)))
    assert sum(counts) == 20
    db = AsyncDatabase.from_url(url)
    rows = await db.execute("SELECT version FROM _migrations ORDER BY version")
    (lease,) = await db.execute("SELECT owner FROM _migrations_lease")
    await db.close()
    assert [row["version"] for row in rows] == list(range(1, 21))
    assert lease["owner"] is None


async def test_with_nothing_pending_no_lease_is_taken(db, colour, tmp_path):
    write(tmp_path, 1)
    seen = []
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=seen.append)
    await migration.migrate()
    await hold(db, 60)
    seen.clear()
    assert await migration.migrate() == 0
    assert seen == []


async def test_waiting_is_told_and_ends(db, colour, tmp_path):
    write(tmp_path, 1)
    seen = []
    migration = colour.Migration(db, migrations_dir=tmp_path, lease_wait=0.3, on_event=seen.append)
    await migration.initialize()
    await hold(db, 60)
    with pytest.raises(LeaseTimeout, match="elsewhere:1:x"):
        await migration.migrate()
    waiting = [s for s in seen if isinstance(s, e.LeaseWaiting)]
    assert waiting[0].owner == "elsewhere:1:x"
    assert 50 < waiting[0].remaining <= 60
    assert not await db.exists("t1")


async def test_an_expired_lease_is_taken_over(db, colour, tmp_path):
    write(tmp_path, 1)
    seen = []
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=seen.append)
    await migration.initialize()
    await hold(db, 0.5)
    assert await migration.migrate() == 1
    (taken,) = [s for s in seen if isinstance(s, e.LeaseTaken)]
    assert taken.previous == "elsewhere:1:x"


async def test_a_holder_that_lost_its_lease_records_nothing_more(db, colour, tmp_path, url):
    """Another runner takes the lease between the first and the second migration."""
    write(tmp_path, 3)

    def steal(event):
        if isinstance(event, e.MigrationFinished) and event.version == 1:
            with Database.from_url(url) as other:
                other.execute(
                    "UPDATE _migrations_lease SET owner = 'thief', token = token + 1 WHERE id = 1"
                )

    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=steal)
    with pytest.raises(LeaseLost):
        await migration.migrate()
    assert await migration.get_current_version() == 1
    assert not await db.exists("t2")
    status = await migration.lease_status()
    assert status.owner == "thief"
    assert await migration.release_lease() == "thief"
    assert await migration.migrate() == 2


async def test_a_lease_can_be_shown_and_released(db, colour, tmp_path):
    write(tmp_path, 1)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    assert (await migration.lease_status()).owner is None
    await migration.initialize()
    assert await migration.release_lease() is None
    await hold(db, 60)
    status = await migration.lease_status()
    assert status.owner == "elsewhere:1:x"
    assert 50 < status.remaining <= 60
    assert await migration.release_lease() == "elsewhere:1:x"
    assert (await migration.lease_status()).owner is None


async def test_the_heartbeat_keeps_a_long_migration_safe(db, colour, tmp_path):
    (tmp_path / "1_slow.sql").write_text("SELECT pg_sleep(2.5);\n")
    migration = colour.Migration(db, migrations_dir=tmp_path, lease_ttl=1)
    assert await migration.migrate() == 1
    assert await migration.is_applied(1)


@pytest.mark.clock
@pytest.mark.engine("postgresql", because="one engine")
async def test_more_runners_than_the_server_has_connections(db, colour, tmp_path):
    """Whoever waits lets its connection go, so that the heartbeat of the one at work gets through:
    otherwise the lease would go round, and no migration come to its end."""
    (tmp_path / "1_slow.sql").write_text("CREATE TABLE t (id INT8);\nSELECT pg_sleep(12);\n")
    role, limit = "few_connections", 4
    await db.execute(f"DROP ROLE IF EXISTS {role}")
    await db.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT {limit}")
    await db.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    theirs = db.settings.url(secrets=True)
    user = theirs.partition("//")[2].partition("@")[0]
    theirs = theirs.replace(f"//{user}@", f"//{role}:x@", 1)
    told: list[e.Event] = []

    async def one() -> int:
        own = colour.database(theirs, max_size=1)
        runner = colour.Migration(own, tmp_path, lease_ttl=8, on_event=told.append, lease_wait=60)
        return await runner.migrate()

    try:
        counts = await colour.concurrently(*[one] * (3 * limit))
        assert sorted(counts) == [0] * (3 * limit - 1) + [1]
        taken = [event for event in told if isinstance(event, e.LeaseTaken) and event.previous]
        assert not taken, "nobody was taken for dead"
    finally:
        await db.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        await db.execute(f"DROP OWNED BY {role}")
        await db.execute(f"DROP ROLE {role}")
