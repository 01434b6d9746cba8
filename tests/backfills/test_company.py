"""While others are at work on the database, a backfill makes room for them; alone it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb.backfill.brakes import ON_COCKROACHDB, ON_POSTGRESQL
from manticore_cockroachdb.backfill.sizing import REST, next_time, pause_after
from manticore_cockroachdb.backfill.tables import WORKERS, BackfillTables
from manticore_cockroachdb.cli.terminal.progress import rows_done
from manticore_cockroachdb.migrations.backfill import Batching
from manticore_cockroachdb.runner.bookkeeping import WHERE_WE_ARE
from manticore_cockroachdb.runner.events import BackfillProgress

from .conftest import COUNT

OURS = "SELECT count(*) FROM _migrations"
"""What somebody says last who has to do with migrations."""


@contextmanager
def at_work(url: str, **keywords: str) -> Iterator[None]:
    """Somebody is at work all the time."""
    done = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, **keywords) as connection:
            while not done.is_set():
                connection.execute("SELECT pg_sleep(0.05)")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def told(files: Any) -> list[BackfillProgress]:
    return [event for event in files.events if isinstance(event, BackfillProgress)]


@pytest.mark.parametrize("given", [0.05, 0.5])
def test_batches_take_a_share_of_their_time_and_come_back_slowly(given):
    asked = Batching(time=given)
    time = next_time(given, False, asked, share=0.1)
    assert time == pytest.approx(given * 0.1)
    assert next_time(time, False, asked, share=0.1) == time
    assert next_time(time, True, asked, share=0.1) <= time, "and a row is waited for too"
    assert time < next_time(time, False, asked) < given


def test_the_server_is_left_to_others_for_three_times_as_long():
    auto = Batching()
    assert pause_after(0.01, 0.0, auto, shared=True) == pytest.approx(0.01 * REST)
    assert pause_after(0.01, 0.02, auto, shared=True) == pytest.approx(0.01), "of it 20 ms away"
    assert pause_after(0.01, 1.0, auto, shared=True) == 0
    assert pause_after(0.01, 0.0, auto, shared=False) == 0


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_pause_that_is_given_is_taken_at_its_word(pause):
    assert pause_after(0.01, 0.0, Batching(pause=pause), shared=True) == pause


async def test_a_batch_is_short_while_somebody_is_at_work(files, url):
    """And long where a pause is given, whoever is at work."""
    await files.users(300)
    slow = COUNT.replace(":batch", ":batch AND pg_sleep(0.002) IS NOT NULL")
    files.write(2, "-- @batch rows 1..20, time 10s\n" + slow)
    files.write(3, "-- @batch rows 1..20, time 10s, pause 0ms\n" + slow)
    with at_work(url):
        await files.migrator().migrate()
    auto, given = ([e for e in told(files) if e.version == version] for version in (2, 3))
    assert any(event.makes_room for event in auto)
    assert "making room for others" in rows_done(next(e for e in auto if e.makes_room))
    assert not any(event.makes_room for event in given)
    assert await files.counts() == {2: 300}


@pytest.mark.engine("postgresql", because="sessions of a node")
@pytest.mark.parametrize("workers", [1, 3])
async def test_nobody_makes_room_for_migrations(files, workers):
    """Nor for the other workers."""
    await files.users(1_000)
    files.write(2, f"-- @batch rows 10..50, workers {workers}\n" + COUNT)
    await files.db.execute(OURS)
    time.sleep(0.3)
    await files.migrator().migrate()
    assert len(told(files)) > 1
    assert not any(event.makes_room for event in told(files))
    assert await files.counts() == {1: 1_000}


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
async def test_who_is_at_work_on_postgresql(files, url):
    await files.users(1)
    files.write(2, COUNT)
    await files.migrator().migrate()
    await files.db.execute(OURS)
    within = ON_POSTGRESQL.every
    question = BackfillTables("public", cockroachdb=False).others(within).encode()

    def seen() -> int:
        row = one.execute(question).fetchone()
        assert row is not None
        return int(row[0])

    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as two:
        assert seen() == 0, "nobody has said anything, and we do not count"
        two.execute("SELECT 1")
        assert seen() == 1
        time.sleep(within + 0.05)
        assert seen() == 0, "who has nothing to do any more"
        two.execute("SELECT 1")
        two.execute(OURS.encode())
        assert seen() == 0, "who has to do with migrations"
        two.execute(WHERE_WE_ARE.encode())
        assert seen() == 0, "who is about to"
        two.execute("SELECT 1")
        pid = two.info.backend_pid
        one.execute(
            "INSERT INTO _migrations_backfill_ranges (run, id, session) VALUES ('x', 1, %s)",
            (f"{pid}:1",),
        )
        assert seen() == 0, "who holds a range"
        one.execute("DELETE FROM _migrations_backfill_ranges WHERE run = 'x'")
        two.execute("CREATE ROLE nobody_of_these")
        try:
            one.execute("SET ROLE nobody_of_these")
            granted = "GRANT SELECT ON _migrations_backfill_ranges TO nobody_of_these"
            two.execute(granted.encode())
            two.execute(OURS.encode())
            assert seen() >= 1, "what this user may not see may be work"
            one.execute("RESET ROLE")
        finally:
            two.execute("DROP OWNED BY nobody_of_these; DROP ROLE nobody_of_these")


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
def test_who_is_at_work_on_cockroachdb(url):
    question = BackfillTables("public", cockroachdb=True).others(ON_COCKROACHDB.every).encode()
    seen: dict[str, int] = {}
    names = {"an application": "mine", "a worker": WORKERS}
    for who, name in names.items():
        with (
            at_work(url, application_name=name),
            psycopg.connect(url) as one,
        ):
            for _ in range(20):
                row = one.execute(question).fetchone()
                assert row is not None
                seen[who] = max(seen.get(who, 0), int(row[0]))
                time.sleep(0.05)
    assert seen == {"an application": 1, "a worker": 0}
