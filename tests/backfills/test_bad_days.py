"""Bad days: what a backfill stands on goes away in the middle, and what becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from faults.proxy import Answer, Fault, Proxy, Sender, When
from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.errors import ChangedFile, ManticoreError, PartialMigration
from manticore_cockroachdb.runner.events import BackfillProgress

from .conftest import COUNT

SMALL = "-- @batch rows 10..10\n"
NOTED = SMALL + "-- @backfill users\nUPDATE users SET n = n + 1, note = 'done' WHERE :batch;\n"
TABLE = (
    "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT, n INT8 NOT NULL DEFAULT 0, note TEXT);\n"
)


def strike(files: Any, act: Callable[[], object], *, url: str | None = None) -> Any:
    """A migrator for which `act` happens once, after its first batch."""
    struck: list[int] = []

    def hear(event: Any) -> None:
        if isinstance(event, BackfillProgress) and event.rows and not struck:
            struck.append(event.rows)
            act()

    db = files.db if url is None else files.colour.database(url)
    return files.colour.Migration(db, files.directory, on_event=hear)


def sql(url: str, *texts: str) -> Callable[[], None]:
    """Run statements on a connection of its own."""

    def act() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for text in texts:
                connection.execute(text.encode())

    return act


LOST = {
    "renamed": (
        "ALTER TABLE users RENAME TO people",
        "ALTER TABLE people RENAME TO users",
        "42P01",
    ),
    "a column gone": (
        "ALTER TABLE users DROP COLUMN note",
        "ALTER TABLE users ADD note TEXT",
        "42703",
    ),
}


@pytest.mark.parametrize(
    "missing",
    [
        ["_migrations_backfill_failures"],
        ["_migrations_backfill_failures", "_migrations_backfill_ranges"],
    ],
)
async def test_who_made_our_tables_died_before_the_last(files, missing):
    """On CockroachDB each is made by itself; the next runner makes what is missing."""
    await files.users(30, table=TABLE)
    files.write(2, NOTED)
    assert await files.migrator().migrate() == 1
    for table in missing:
        await files.db.execute(f"DROP TABLE {table}")
    files.write(3, NOTED)
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {2: 30}


@pytest.mark.parametrize("what", LOST)
async def test_what_it_changes_is_gone_and_comes_back(files, url, what):
    """It stops, says what is missing, keeps what is done, and goes on where it was."""
    act, mend, sqlstate = LOST[what]
    await files.users(100, table=TABLE)
    files.write(2, NOTED)
    with pytest.raises(PartialMigration, match="does not exist") as failure:
        await strike(files, sql(url, act)).migrate()
    assert failure.value.sqlstate == sqlstate
    assert "rows are done and stay so" in str(failure.value)
    sql(url, mend)()
    counts = await files.counts()
    assert counts == {0: 90, 1: 10}
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {1: 100}


async def test_a_table_that_is_dropped(files, url):
    """Nothing is left to go on with; it can be given up, and everything else goes on."""
    await files.users(100, table=TABLE)
    files.write(2, "-- @background\n" + NOTED)
    await files.migrator().migrate()
    with pytest.raises(PartialMigration, match="does not exist"):
        await strike(files, sql(url, "DROP TABLE users")).run_backfills()
    (one,) = await files.migrator().backfills()
    assert one.state == "failed" and "does not exist" in one.note and not one.workers
    with pytest.raises(ManticoreError, match="does not exist"):
        await files.migrator().run_backfills(2)
    assert "is cancelled" in await files.migrator().cancel_backfill(2)
    files.write(3, "CREATE TABLE others (id INT8 PRIMARY KEY);\n")
    assert await files.migrator().migrate() == 1


async def test_the_right_is_lost(files, url):
    user = f"filler_{uuid4().hex[:8]}"
    await files.users(100, table=TABLE)
    await files.db.execute(f"CREATE USER {user}")
    try:
        await files.db.execute(f"GRANT ALL ON users, _migrations TO {user}")
        files.write(2, "-- @background\n" + NOTED)
        await files.migrator().migrate()
        rows = await files.db.execute(
            "SELECT tablename AS t FROM pg_catalog.pg_tables WHERE tablename LIKE '\\_migrations%'"
        )
        await files.db.execute(f"GRANT ALL ON {', '.join(row['t'] for row in rows)} TO {user}")
        if await crdb(files):
            await files.db.execute(
                f"GRANT SELECT ON DATABASE {files.db.settings.database} TO {user}"
            )
            theirs = url.replace("//root@", f"//{user}@")
        else:
            theirs = psycopg.conninfo.make_conninfo(url, user=user)
        act = sql(url, f"REVOKE ALL ON users FROM {user}")
        with pytest.raises(PartialMigration) as failure:
            await strike(files, act, url=theirs).run_backfills()
        assert failure.value.sqlstate == "42501"
        assert await files.counts() == {0: 90, 1: 10}
        assert await files.migrator().run_backfills(2) == ["2"]
        assert await files.counts() == {1: 100}
    finally:
        if await crdb(files):
            await files.db.execute(f"REVOKE ALL ON * FROM {user}")
            name = files.db.settings.database
            await files.db.execute(f"REVOKE ALL ON DATABASE {name} FROM {user}")
        else:
            await files.db.execute(f"DROP OWNED BY {user}")
        await files.db.execute(f"DROP USER {user}")


async def crdb(files: Any) -> bool:
    rows = await files.db.execute("SELECT version() AS v")
    return "Cockroach" in rows[0]["v"]


async def test_the_disk_is_full(files, url, colour):
    """A proxy says so in the server's place, and rolls back, as the server does."""
    await files.users(60)
    files.write(2, SMALL + COUNT)
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        full = Answer("53100", "could not extend file: No space left on device", server="rollback")
        proxy.arm(
            Fault(When(Sender.CLIENT, type="Query", text="n = n + 1", nth=3), full, times=None)
        )
        with pytest.raises(ManticoreError, match="No space left on device"):
            await colour.Migration(db, files.directory, reconnect_wait=2).migrate()
    assert await files.counts() == {0: 40, 1: 20}
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {1: 60}


async def test_a_statement_that_takes_longer_than_it_may(files):
    """The batch is halved until it is quick enough for its lease."""
    await files.users(64)
    slow = COUNT.replace("n = n + 1", "n = n + 1, name = name || left(pg_sleep(0.05)::TEXT, 0)")
    files.write(2, "-- @batch rows 1..64, time 1s\n" + slow)
    await files.migrator(lease_ttl=2).migrate()
    assert await files.counts() == {1: 64}
    (row,) = await files.db.execute("SELECT batches FROM _migrations_backfill_ranges")
    assert row["batches"] > 2, "all 64 at once take 3.2 seconds, and may take 1.3"


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
async def test_a_deadlock_with_the_foreground(files, url):
    """Whoever has to give way, each row is changed once, and the foreground's change stays."""
    await files.users(60)
    files.write(2, "-- @batch rows 60..60\n" + COUNT)
    ready = threading.Event()

    def foreground() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(20):
                try:
                    with connection.transaction():
                        connection.execute("UPDATE users SET name = 'seen' WHERE id = 50")
                        ready.set()
                        time.sleep(0.4)  # the batch waits for row 50 and has row 5
                        connection.execute("UPDATE users SET name = 'seen' WHERE id = 5")
                    return
                except psycopg.errors.DeadlockDetected:
                    continue

    thread = threading.Thread(target=foreground)
    thread.start()
    ready.wait(5)
    await files.migrator().migrate()
    thread.join(20)
    assert await files.counts() == {1: 60}
    rows = await files.db.execute("SELECT id FROM users WHERE name = 'seen' ORDER BY id")
    assert [row["id"] for row in rows] == [5, 50]


# --- workers and time ----------------------------------------------------------------------------


@pytest.fixture
def background(url: str, tmp_path: Path) -> Callable[..., Any]:
    """600 users, and a slow backfill of them that is registered; begin a worker of it."""
    (tmp_path / "1_users.sql").write_text(TABLE)
    with Database.from_url(url) as db:
        migration = Migration(db, tmp_path)
        migration.migrate()
        db.execute("INSERT INTO users (id) SELECT i FROM generate_series(1, 600) AS i")
        text = "-- @background\n-- @batch rows 10..10, pause 10ms\n" + COUNT
        (tmp_path / "2_fill.sql").write_text(text)
        migration.migrate()

    def begin(ttl: float = 1.0) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "manticore_cockroachdb", "backfill", "run", "--until-idle"]
        argv += ["--dir", str(tmp_path), "--url", url, "--lease-ttl", str(ttl), "-q"]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return begin


def counted(url: str, text: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(text.encode()).fetchone()
        return row[0] if row else None


DONE = "SELECT count(*) FROM users WHERE n > 0"
ALL_ONCE = "SELECT count(*) FROM users WHERE n = 1"
STATE = "SELECT state FROM _migrations_backfills"


def until(url: str, rows: int) -> None:
    end = time.monotonic() + 60
    while counted(url, DONE) < rows:
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


def test_a_worker_that_is_stopped_for_longer_than_its_lease(url, background):
    """Another one does the rest; the first wakes up, finds its range taken, and does no harm."""
    first = background()
    try:
        until(url, 30)
        os.kill(first.pid, signal.SIGSTOP)
        second = background()
        assert second.wait(60) == 0
        assert counted(url, ALL_ONCE) == 600
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(30) == 0
    finally:
        first.kill()
        first.wait()
    assert counted(url, ALL_ONCE) == 600 and counted(url, STATE) == "complete"


def test_all_workers_are_killed(url, background):
    workers = [background() for _ in range(3)]
    until(url, 60)
    for worker in workers:
        worker.kill()
        worker.wait()
    done = counted(url, DONE)
    assert 0 < done < 600
    assert background().wait(60) == 0
    assert counted(url, ALL_ONCE) == 600 and counted(url, STATE) == "complete"


WEEK = "INTERVAL '7 days'"
CLOCKS = {
    "a paused week": f"UPDATE _migrations_backfill_ranges SET expires_at = expires_at - {WEEK},"
    f" changed_at = changed_at - {WEEK}, started_at = started_at - {WEEK}",
    "a clock that was a week ahead": "UPDATE _migrations_backfill_ranges SET"
    f" expires_at = expires_at + {WEEK}, changed_at = changed_at + {WEEK}",
}


@pytest.mark.parametrize("what", CLOCKS)
def test_clocks_that_were_changed(url, background, what):
    """The dead worker's lease has expired long ago, or will in a week: its session says enough."""
    worker = background()
    until(url, 30)
    worker.kill()
    worker.wait()
    sql(url, CLOCKS[what])()
    next_one = background()
    try:
        if what == "a paused week":
            assert next_one.wait(60) == 0
        else:
            # Heard of in a week, the holder counts as there. Nobody waits for ever: a person can
            # fence it off, as a rollback and `backfill cancel` do.
            time.sleep(1.5)
            assert next_one.poll() is None
            sql(url, f"UPDATE _migrations_backfill_ranges SET changed_at = changed_at - {WEEK}")()
            assert next_one.wait(60) == 0
    finally:
        next_one.kill()
        next_one.wait()
    assert counted(url, ALL_ONCE) == 600 and counted(url, STATE) == "complete"


async def test_a_clock_that_jumps_takes_a_living_workers_range(files, url, colour):
    """The lease is over before its time: two workers have been at one range, and no row twice."""
    await files.users(200)
    files.write(2, "-- @background\n" + SMALL + COUNT)
    await files.migrator().migrate()
    other = colour.Migration(colour.database(url), files.directory)

    def jump() -> None:
        early = "UPDATE _migrations_backfill_ranges SET expires_at = now() - INTERVAL '1 hour'"
        sql(url, early, "UPDATE _migrations_backfill_ranges SET token = token + 1, owner = 'x'")()

    first = strike(files, jump)
    await colour.concurrently(first.run_backfills, other.run_backfills)
    assert await files.counts() == {1: 200}
    assert [one.state for one in await files.migrator().backfills()] == ["complete"]


async def test_two_versions_of_the_file_on_two_machines(files, url, colour, tmp_path):
    """The machine whose file is not the one that was begun refuses; the other goes on."""
    await files.users(100, table=TABLE)
    files.write(2, "-- @background\n" + NOTED)
    await files.migrator().migrate()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1_m1.sql").write_text(TABLE)
    (elsewhere / "2_m2.sql").write_text("-- @background\n" + NOTED.replace("+ 1", "+ 5"))
    refused: list[ChangedFile] = []

    def there() -> None:
        with Database.from_url(url) as db, pytest.raises(ChangedFile, match="was changed") as error:
            Migration(db, elsewhere, allow_changed=True).run_backfills()
        refused.append(error.value)

    assert await strike(files, there).run_backfills() == ["2"]
    assert len(refused) == 1
    assert await files.counts() == {1: 100}


@pytest.mark.slow
async def test_100_000_ranges(files, url):
    """More ranges than anybody has: the work, its status and its end find what they need."""
    await files.users(100)
    files.write(2, "-- @background\n" + COUNT)
    await files.migrator().migrate()
    for first in range(1, 100_000, 20_000):
        await files.db.execute(
            "INSERT INTO _migrations_backfill_ranges (run, id, done) SELECT run, i, true FROM"
            f" _migrations_backfills, generate_series({first}, {first + 19_999}) AS i"
        )
    began = time.monotonic()
    assert await files.migrator().run_backfills() == ["2"]
    assert time.monotonic() - began < 20
    (one,) = await files.migrator().backfills()
    assert (one.state, one.ranges, one.ranges_done) == ("complete", 100_001, 100_001)
    assert await files.counts() == {1: 100}
