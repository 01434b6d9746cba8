"""A connection cut at each message of a backfill, and a runner killed: each row is done once.

`python -m faults backfills` does this with more workers, a foreground and many more misfortunes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from faults.proxy import Answer, Cut, Fault, Proxy, Sender, When
from manticore_cockroachdb.backfill.tables import BackfillTables

from .conftest import COUNT

SMALL = "-- @batch rows 10..10\n"
# What CockroachDB v20.2 says of a statement whose session was ended meanwhile.
ENDED = "aborted during Replica.Send: context canceled"
FATES = {
    "before": Cut(),
    "after": Cut(forward=True),
    "finish": Cut(forward=True, server="finish"),
    "hold": Cut(forward=True, server="hold"),
    "40001": Answer("40001", "restart transaction: injected", server="rollback"),
    "40003 done": Answer("40003", "injected, and it was done", server="forward"),
    "40003 not": Answer("40003", "injected, and it was not", server="rollback"),
    "ended done": Answer("XXUUU", ENDED, server="forward"),
    "ended not": Answer("XXUUU", ENDED, server="rollback"),
}


@pytest.mark.parametrize("made", [1, 2, 3])
async def test_tables_that_a_dead_runner_left_half_made(files, server, made):
    """CockroachDB covers no two of them by a transaction."""
    await files.users(5)
    files.write(2, COUNT)
    create = BackfillTables("public", server.engine == "cockroachdb").create()
    await files.db.execute(";\n".join(create.split(";\n")[:made]))
    assert await files.migrator().migrate() == 1
    assert await files.counts() == {1: 5}
    assert (await files.migrator().backfills())[0].state == "complete"


@pytest.mark.parametrize("fate", FATES)
async def test_a_misfortune_at_each_message(files, url, colour, server, fate):
    """One run with a fault at one message after another; it recovers by itself."""
    await files.users(25)
    files.write(2, SMALL + COUNT)
    every = 4 if server.engine == "postgresql" else 7
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        migrator = colour.Migration(db, files.directory)
        count = await _queries(files, proxy, migrator)
        assert count >= 8
        first = 1 if colour.name == "sync" else 3  # the two colours take turns
        for nth in range(first, count + 1, every):
            await files.migrator().rollback()
            await files.db.execute("UPDATE users SET n = 0")
            proxy.reset()
            proxy.arm(Fault(When(Sender.CLIENT, type="Query", nth=nth), FATES[fate]))
            assert await migrator.migrate() in (0, 1), nth
            assert await files.counts() == {1: 25}, f"{fate} message {nth}"
            assert await migrator.migrate() == 0, nth


async def _queries(files: Any, proxy: Proxy, migrator: Any) -> int:
    """How many messages an undisturbed run sends."""
    files.write(2, SMALL + COUNT + "-- @UNDO\nSELECT 1;\n")
    await migrator.migrate()
    return sum(m.sender is Sender.CLIENT and m.type == "Query" for m in proxy.trace)


def test_a_killed_runner_is_taken_over_from_at_once(url, tmp_path, server):
    """Nobody waits for the lease on its range: its session is gone, and that is seen."""
    from manticore_cockroachdb.database import Database

    (tmp_path / "1_users.sql").write_text(
        "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0);"
    )
    argv = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--dir", str(tmp_path)]
    argv += ["--url", url, "--lease-ttl", "2"]
    subprocess.run(argv, check=True, capture_output=True)
    with Database.from_url(url) as db:
        db.execute("INSERT INTO users (id) SELECT i FROM generate_series(1, 600) AS i")
        (tmp_path / "2_fill.sql").write_text("-- @batch rows 10..10, pause 10ms\n" + COUNT)
        runner = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            _until(lambda: _done(db) > 30)
        finally:
            runner.kill()
            runner.wait()
        done = _done(db)
        assert 30 < done < 600
        ended = subprocess.run(argv, check=True, capture_output=True, text=True)
        assert "1 migration applied" in ended.stdout
        assert db.execute("SELECT n, count(*) AS c FROM users GROUP BY n") == [{"n": 1, "c": 600}]


def _done(db: Any) -> int:
    return int(db.execute("SELECT count(*) AS c FROM users WHERE n > 0")[0]["c"])


def _until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)
