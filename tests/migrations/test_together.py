"""Several migrations in one message, a transaction each: seven travel as one, two and four."""

from __future__ import annotations

from time import monotonic

import pytest

from faults.proxy import Cut, Fault, Proxy, When
from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.errors import LeaseLost, MigrationFailed
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import plan_script
from manticore_cockroachdb.migrations.script import Mode, script_of
from manticore_cockroachdb.runner import events as e
from manticore_cockroachdb.runner import pace as pacing
from manticore_cockroachdb.runner.messages import LIMIT
from manticore_cockroachdb.runner.pace import MOST, SHORT, Pace
from tests.support.differences import lacks

SEVEN = tuple(range(1, 8))


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A slow machine makes no smaller messages here."""
    monkeypatch.setattr(pacing, "SHORT", 60.0)


def write(directory, **instead):
    for version in SEVEN:
        sql = f"CREATE TABLE t{version} (id INT8 PRIMARY KEY);"
        sql = instead.get(f"m{version}", sql)
        text = f"{sql}\n-- @UNDO\nDROP TABLE t{version};\n"
        (directory / f"{version}_m.sql").write_text(text)


async def recorded(db):
    rows = await db.execute("SELECT version FROM _migrations ORDER BY version")
    return [row["version"] for row in rows]


async def test_each_is_told_recorded_and_timed_by_itself(db, colour, tmp_path):
    write(tmp_path, m5="SELECT pg_sleep(0.5);")
    told = []
    migration = colour.Migration(db, tmp_path, on_event=told.append)
    await migration.initialize()
    started = monotonic()
    assert await migration.migrate() == 7
    elapsed = monotonic() - started
    runs = [event for event in told if isinstance(event, e.MigrationStarted | e.MigrationFinished)]
    assert [type(event) for event in runs] == [e.MigrationStarted, e.MigrationFinished] * 7
    assert [event.version for event in runs] == sorted([*SEVEN, *SEVEN])
    seconds = {event.version: event.seconds for event in runs[1::2]}
    assert 0.5 <= seconds[5] < sum(seconds.values()) < elapsed
    rows = await db.execute("SELECT applied_at, duration_ms FROM _migrations ORDER BY version")
    moments = [row["applied_at"] for row in rows]
    assert moments == sorted(moments)
    span = (moments[-1] - moments[3]).total_seconds() * 1000
    assert all(row["duration_ms"] >= 0 for row in rows)
    assert rows[4]["duration_ms"] >= 500
    assert sum(row["duration_ms"] for row in rows[4:]) <= span + 3  # each is rounded


async def test_each_that_is_rolled_back_is_told_by_itself(db, colour, tmp_path):
    for version in SEVEN:
        undo = "SELECT pg_sleep(0.3)" if version == 3 else "SELECT 1"
        (tmp_path / f"{version}_m.sql").write_text(f"SELECT 1;\n-- @UNDO\n{undo};\n")
    told = []
    migration = colour.Migration(db, tmp_path, on_event=told.append)
    await migration.migrate()
    await db.execute("DELETE FROM _migrations WHERE version = 2")
    del told[:]
    started = monotonic()
    assert await migration.rollback(7) == 6
    elapsed = monotonic() - started
    runs = [event for event in told if isinstance(event, e.MigrationFinished)]
    assert [event.version for event in runs] == [7, 6, 5, 4, 3, 1]
    seconds = [event.seconds for event in runs]
    assert 0.3 <= seconds[4] < sum(seconds) < elapsed
    assert await recorded(db) == []


@pytest.mark.parametrize(
    ("sql", "sqlstate", "line"),
    [
        ("CREATE TABLE t6 (id INT8 PRIMARY KEY);\nINSERT INTO nosuch VALUES (1);", "42P01", 2),
        ("CREATE TABLE t6 (id INT8 PRIMARY KEY);\n\nINSRT INTO t6 VALUES (1);", "42601", 3),
    ],
    ids=["a statement fails", "a statement that nobody can read"],
)
async def test_one_that_fails_is_shown_at_its_place_and_those_before_stay(
    db, colour, tmp_path, server, sql, sqlstate, line
):
    if sqlstate == "42601" and lacks(server, "schema changes in a transaction"):
        sql, line = "CREATE TABLE t6 (id INT8 PRIMARY KEI);", 1  # else it runs in steps there
    write(tmp_path, m6=sql)
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(MigrationFailed) as caught:
        await migration.migrate()
    error = caught.value
    assert (error.version, error.sqlstate, error.line) == (6, sqlstate, line)
    assert error.applied == (1, 2, 3, 4, 5)
    assert await recorded(db) == [1, 2, 3, 4, 5]
    assert not await db.exists("t6")
    (attempt,) = await db.execute("SELECT version, sqlstate FROM _migrations_attempts")
    assert (attempt["version"], attempt["sqlstate"]) == (6, sqlstate)
    write(tmp_path)
    assert await migration.migrate() == 2


async def test_a_lease_lost_on_the_way_stops_at_that_migration(db, colour, tmp_path):
    write(tmp_path, m6="UPDATE _migrations_lease SET token = token + 1;")
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(LeaseLost):
        await migration.migrate()
    assert await recorded(db) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("commit", [3, 5, 7])
async def test_a_link_lost_between_two_answers(db, url, colour, tmp_path, commit):
    """The server has done all of the message, and we heard of a part: the history knows."""
    write(tmp_path)
    with Proxy.before(url) as proxy:
        behind = colour.database(proxy.through(url))
        migration = colour.Migration(behind, tmp_path)
        await migration.initialize()
        answers = When(sender="server", type="CommandComplete", text="COMMIT", nth=commit)
        proxy.arm(Fault(answers, Cut(forward=True, server="finish")))
        assert await migration.migrate() == 7
        assert proxy.fired
    assert await recorded(db) == list(SEVEN)


# --- the pace -----------------------------------------------------------------------------------


def plans(count, *, sql="CREATE TABLE t (id INT8 PRIMARY KEY);"):
    caps = capabilities(Server("postgresql", (18, 0)))
    text = f"{sql}\n-- @UNDO\nDROP TABLE t;\n"
    files = (parse_file(f"{n}_m.sql", text, f"{n}_m.sql") for n in range(1, count + 1))
    return [plan_script(script_of(file), caps) for file in files]


def test_messages_grow_while_they_are_short_wherever_the_server_is(monkeypatch):
    monkeypatch.setattr(pacing, "SHORT", SHORT)
    pace, sizes = Pace(), []
    for _ in range(9):
        sizes.append(pace.count)
        pace.took(pace.count, 3.0 + SHORT / 2, 3.0)
    assert sizes == [1, 2, 4, 8, 16, 32, MOST, MOST, MOST]
    pace.took(MOST, 3.0 + 4 * SHORT, 3.0)
    assert pace.count == MOST // 4
    pace.took(1, 3.0 + 100 * SHORT, 3.0)
    assert pace.count == 1


def test_a_message_that_was_not_full_proves_nothing():
    pace = Pace()
    pace.count = 8
    pace.took(3, 0.0, 0.0)
    assert pace.count == 8


def test_what_may_travel_together():
    pace = Pace()
    pace.count = 4
    several = plans(6)
    assert [plan.version for plan in pace.next(several, 0)] == [1, 2, 3, 4]
    assert [plan.version for plan in pace.next(several, 4)] == [5, 6]
    in_steps = plans(1, sql="CREATE INDEX CONCURRENTLY i ON t (a);")
    assert in_steps[0].mode is Mode.STEPS
    assert len(pace.next([*several[:2], *in_steps, *several], 0)) == 2
    assert len(pace.next([*in_steps, *several], 0)) == 1
    settings = plans(1, sql="SET search_path = a;")
    assert settings[0].changes_session
    assert len(pace.next([*several[:1], *settings], 0)) == 1
    long = plans(3, sql=f"SELECT '{'x' * (LIMIT // 2)}';")
    assert len(pace.next(long, 0)) == 1
