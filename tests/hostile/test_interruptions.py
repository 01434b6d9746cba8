"""Ctrl-C and cancellation at many points: the state stays exact, and nobody waits for a lease.

Points are counted in lines of our own code (sync) and in turns of the event loop (async), spread
evenly over a whole run, so that every part of it is hit and a failure names its point.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import manticore_cockroachdb
from manticore_cockroachdb import AsyncDatabase, AsyncMigrator, Database, Migration

POINTS = 12
HOME = str(Path(manticore_cockroachdb.__file__).parent)
FILES = {
    "1_a.sql": "CREATE TABLE a (x INT8);\nINSERT INTO a VALUES (1);\n",
    "2_b.sql": "-- @transaction off\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);\n",
    "3_c.sql": "CREATE TABLE c (x INT8);\n",
}
ALL = [{"x": 1}, {"x": 2}, {"x": 3}]


@pytest.fixture
def directory(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def settle(db):
    """Forget what a run did, but keep our tables: they are made once."""
    db.execute("DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS c; DELETE FROM _migrations;")
    db.execute("DELETE FROM _migrations_steps")


def is_exact(db, directory, point):
    """Whatever was recorded is there and nothing else; the next run ends as any other."""
    (lease,) = db.execute("SELECT owner FROM _migrations_lease")
    assert lease["owner"] is None, f"the lease was kept at point {point}"
    versions = [row["version"] for row in db.select("_migrations", ["version"], order_by="version")]
    assert versions == [1, 2, 3][: len(versions)], point
    assert db.exists("a") == (1 in versions), point
    assert db.exists("c") == (3 in versions), point
    Migration(db, directory, lease_wait=5).migrate()
    assert db.select("a", order_by="x") == ALL, point


class Interrupter:
    """Raises KeyboardInterrupt at the n-th line of ours that this thread runs; counts them all."""

    def __init__(self, at=None):
        self.at, self.lines = at, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if "release" in frame.f_code.co_name:
            return None  # a second Ctrl-C, while the first is cleared up after, may cost the lease
        return self.line

    def line(self, frame, event, argument):
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.line


def traced(db, directory, at=None):
    """Migrate under an Interrupter; return how many lines it saw."""
    interrupter = Interrupter(at)
    before = sys.gettrace()
    sys.settrace(interrupter)
    try:
        Migration(db, directory).migrate()
    finally:
        sys.settrace(before)
    return interrupter.lines


def interrupted_anywhere(url, directory, points, settle, is_exact):
    """Interrupt runs at so many points, each on a database that `settle` has made empty."""
    with Database.from_url(url) as db:
        Migration(db, directory).migrate()
        settle(db)
        total = traced(db, directory)
        for i in range(points):
            settle(db)
            point = 1 + (total - 1) * i // points
            with pytest.raises(KeyboardInterrupt):
                traced(db, directory, point)
            is_exact(db, directory, point)


def cancelled_anywhere(url, directory, points, settle, is_exact):
    """Cancel runs at so many points, in the same way."""
    with Database.from_url(url) as db:
        Migration(db, directory).migrate()
        settle(db)
        total = asyncio.run(turns(url, directory))
        for i in range(points):
            settle(db)
            asyncio.run(turns(url, directory, point := total * i // points))
            is_exact(db, directory, point)


@pytest.mark.engine("postgresql", because="quicker")  # an empty database costs CockroachDB seconds
def test_an_interrupt_anywhere(server, url, directory):
    interrupted_anywhere(url, directory, POINTS, settle, is_exact)


@pytest.mark.engine("postgresql", because="quicker")
def test_a_cancellation_anywhere(server, url, directory):
    cancelled_anywhere(url, directory, POINTS, settle, is_exact)


async def turns(url, directory, at=None):
    """Migrate, cancelled after so many turns of the event loop; return how many it took."""
    database = AsyncDatabase.from_url(url)
    task = asyncio.create_task(AsyncMigrator(database, directory).migrate())
    count = 0
    while not task.done():
        if count == at:
            task.cancel()
        count += 1
        await asyncio.sleep(0)
    await asyncio.gather(task, return_exceptions=True)
    await database.close()
    return count


def test_a_running_event_loop_is_no_obstacle(url, directory):
    """The synchronous half inside a coroutine blocks, and works."""

    async def main():
        with Database.from_url(url) as db:
            return Migration(db, directory).migrate()

    assert asyncio.run(main()) == 3


def test_threads_with_one_database(url, directory):
    done = []
    with Database.from_url(url) as db:
        threads = [
            threading.Thread(target=lambda: done.append(Migration(db, directory).migrate()))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(done) == 3
        assert db.select("a", order_by="x") == ALL


RACE = """
import sys
from manticore_cockroachdb import Database, Migration
for i in range(3):
    Migration(Database(), sys.argv[1]).create_migration("same words", "SELECT 1;")
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", [None, "7_x.sql"])
def test_eight_processes_create_migrations(tmp_path, first):
    if first is not None:
        (tmp_path / first).write_text("SELECT 1;")
    processes = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], env=dict(os.environ))
        for _ in range(8)
    ]
    assert [process.wait(60) for process in processes] == [0] * 8
    files = Migration(Database(), tmp_path).load_migrations()
    assert len(files) == 24 + (first is not None)
    assert len({file.version for file in files}) == len(files)
    if first == "7_x.sql":
        assert [file.version for file in files] == list(range(7, 32))
    assert {path.suffix for path in tmp_path.iterdir()} == {".sql"}
