"""`manticore backfill` as a user types it, on every server there is."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import Database, Migration

USERS = "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT, n INT8 NOT NULL DEFAULT 0);\n"
COUNT = "-- @background\n-- @batch rows 10..10{more}\n-- @backfill users\n{sql};\n"
UPDATE = "UPDATE users SET n = n + 1 WHERE :batch"
ODD = "UPDATE users SET n = n + (1 / CASE WHEN name = 'odd' THEN 0 ELSE 1 END)::INT8 WHERE :batch"
Run = Callable[..., Any]


@pytest.fixture
def sql(url: str) -> Iterator[Run]:
    """Run a statement, and give the first value of its first row."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(text: str) -> Any:
            cursor = connection.execute(text.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

        yield run


@pytest.fixture
def users(on: Any, sql: Run, tmp_path: Path) -> Callable[..., None]:
    """Make a table of so many users, and register the backfill of it as version 2."""

    def make(count: int, statement: str = UPDATE, more: str = "") -> None:
        Path("migrations").mkdir()
        Path("migrations/1_users.sql").write_text(USERS)
        on("migrate", "-q")
        sql(
            "INSERT INTO users (id, name) SELECT i, 'user ' || i::TEXT"
            f" FROM generate_series(1, {count}) AS i"
        )
        Path("migrations/2_count.sql").write_text(COUNT.format(more=more, sql=statement))
        on("migrate", "-q")

    return make


def test_run_and_status(on, users, sql):
    users(35)
    shown = on("backfill", "status").out
    assert re.search(r"^2  registered  0 (of about \d+ )?rows", shown)
    assert on("backfill", "status", "--exit-code", code=3)
    assert on("backfill", "run", "--until-idle", "--json").json["complete"] == ["2"]
    assert sql("SELECT count(*) FROM users WHERE n = 1") == 35
    (one,) = on("backfill", "status", "2", "--json", "--exit-code").json
    assert (one["state"], one["rows"], one["ranges"], one["ranges_done"]) == ("complete", 35, 1, 1)
    assert "Nothing to do" in on("backfill", "run", "--until-idle").out


def test_a_worker_is_seen_paused_and_goes_on(on, users, sql, url):
    users(200, more=", pause 50ms")

    def work() -> None:
        with Database.from_url(url) as db:
            Migration(db, "migrations").run_backfills()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while not sql("SELECT rows FROM _migrations_backfill_ranges"):
            pass
        assert re.search(
            r"worker .*: batches of 10 rows in .*; lease ", on("backfill", "status").out
        )
        assert "is paused" in on("backfill", "pause", "2").out
    finally:
        thread.join(30)
    done = sql("SELECT count(*) FROM users WHERE n = 1")
    assert 0 < done < 200
    shown = on("backfill", "status", "2").out
    assert shown.startswith(f"2  paused  {done} ") and "worker" not in shown
    assert "Nothing to do" in on("backfill", "run", "--until-idle").out, "all that is not paused"
    assert "goes on" in on("backfill", "resume", "2").out
    on("backfill", "run", "2", "--workers", "2")
    assert sql("SELECT count(*) FROM users WHERE n = 1") == 200


def test_pause_says_what_it_cannot_do(on, users):
    users(5)
    on("backfill", "pause", "2")
    assert "paused already" in on("backfill", "pause", "2").out
    on("backfill", "resume", "2")
    on("backfill", "run", "2")
    refused = on("backfill", "pause", "2", code=2).err
    assert "is complete, so it cannot become paused" in refused
    refused = on("backfill", "pause", "3", code=2).err
    assert "There is no backfill 3." in refused and "there are 2" in refused
    assert "There is no backfill 3." in on("backfill", "status", "3", code=2).err


def test_cancel_asks_where_rows_are_done(on, users, sql):
    users(30)
    sql("UPDATE _migrations_backfill_ranges SET cursor = '[\"10\"]', rows = 10")
    refused = on("backfill", "cancel", "2", code=2).err
    assert "--yes" in refused
    assert on("backfill", "status", "2", "--json").json[0]["state"] == "registered"
    assert "is cancelled" in on("backfill", "cancel", "2", "--yes").out
    refused = on("backfill", "run", "2", code=None)
    assert (
        refused.code == 3 and "is cancelled" in refused.err and "backfill resume 2" in refused.err
    )
    on("backfill", "resume", "2")
    on("backfill", "run", "2")
    assert sql("SELECT count(*) FROM users WHERE n = 1") == 20, "the first ten were said to be done"


def test_rows_that_failed_are_shown_and_tried_again(on, users, sql):
    users(30, ODD)
    sql("UPDATE users SET name = 'odd' WHERE id IN (7, 21)")
    failed = on("backfill", "run", "2", code=None)
    assert failed.code not in (0, 1) and "cannot be changed: 7: division by zero" in failed.err
    shown = on("backfill", "status", "2").out
    assert "2 rows failed; `manticore backfill retry` tries them again" in shown
    assert re.search(r"^    21: division by zero \(22012\)$", shown, re.M)
    sql("UPDATE users SET name = 'mended' WHERE id = 7")
    again = on("backfill", "retry", "2", code=6)
    assert "1 row done, 1 row failed again." in again.out
    sql("UPDATE users SET name = 'mended' WHERE id = 21")
    assert on("backfill", "retry", "2", "--json").json == {"done": 1, "failed": 0}
    assert on("backfill", "status", "2", "--json").json[0]["state"] == "complete"
    assert sql("SELECT count(*) FROM users WHERE n = 1") == 30


def test_where_nothing_was_ever_registered(on):
    Path("migrations").mkdir()
    assert "No backfill was ever registered here." in on("backfill", "status").out
    assert "Nothing to do" in on("backfill", "run", "--until-idle").out
    assert "There is no backfill 2." in on("backfill", "retry", "2", code=2).err
