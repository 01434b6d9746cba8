"""`wait`: through servers that are not up, missing tables, lost connections; until it is there."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest

from manticore_cockroachdb.errors import (
    ChangedFile,
    ConnectionFailed,
    MigrationError,
    MissingFile,
    NotReady,
)
from manticore_cockroachdb.runner import async_waiting, waiting
from manticore_cockroachdb.runner import events as e
from tests.backfills.conftest import COUNT, USERS
from tests.support.gate import Gate

QUICK: dict[str, Any] = {"timeout": 20.0, "interval": 0.05}


def write(directory: Any, version: int, text: str = "") -> None:
    (directory / f"{version}_m{version}.sql").write_text(
        text
        or f"CREATE TABLE t{version} (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE t{version};\n"
    )


def said(events: list[Any]) -> list[str]:
    return [one.what for one in events if isinstance(one, e.WaitingFor)]


def waiting_in(colour: Any, migrator: Any) -> Any:
    async def wait() -> None:
        await migrator.wait(**QUICK)

    return colour.spawn(wait)


async def until(colour: Any, events: list[Any], count: int) -> None:
    """Wait until something was said so often."""
    limit = monotonic() + 15
    while len(said(events)) < count:
        assert monotonic() < limit, said(events)
        await colour.sleep(0.02)


async def test_it_is_ready_when_a_run_has_applied_all(db, colour, tmp_path):
    """It says what it waits for, and each change, once; and holds no connection between looks."""
    write(tmp_path, 1)
    events: list[Any] = []
    migrator = colour.Migration(db, tmp_path, on_event=events.append)
    task = waiting_in(colour, migrator)
    await until(colour, events, 1)
    write(tmp_path, 2)  # the next looks read the directory anew
    await until(colour, events, 2)
    await colour.sleep(0.3)
    assert said(events) == [
        "migration 1; nobody is migrating",
        "2 migrations, 1 to 2; nobody is migrating",
    ]
    await colour.Migration(db, tmp_path).migrate()
    await task.join()
    assert task.error is None
    found = await migrator.wait(timeout=0)
    assert (found.ready, found.newer) == (True, ())


async def test_not_ready_in_time(db, colour, tmp_path):
    write(tmp_path, 1)
    began = monotonic()
    with pytest.raises(NotReady, match="still lacks migration 1") as failure:
        await colour.Migration(db, tmp_path).wait(timeout=0.3, interval=0.1)
    assert 0.3 <= monotonic() - began < 10
    assert failure.value.version == 1
    assert await db.execute("SELECT 1 AS one") == [{"one": 1}]
    tables = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%migrations%'"
    assert await db.execute(tables) == [], "it makes nothing"


async def test_a_newer_database_will_do_and_another_history_will_not(db, colour, tmp_path):
    for version in (1, 2, 3):
        write(tmp_path, version)
    await colour.Migration(db, tmp_path).migrate()
    (tmp_path / "3_m3.sql").unlink()
    assert (await colour.Migration(db, tmp_path).wait(**QUICK)).newer == (3,)
    (tmp_path / "1_m1.sql").unlink()
    with pytest.raises(MissingFile):
        await colour.Migration(db, tmp_path).wait(**QUICK)
    write(tmp_path, 1, "CREATE TABLE other (id INT8 PRIMARY KEY);\n")
    with pytest.raises(ChangedFile):
        await colour.Migration(db, tmp_path).wait(**QUICK)


async def test_a_backfill_that_is_required(db, colour, tmp_path):
    write(tmp_path, 1, USERS)
    write(tmp_path, 2, "-- @backfill users\n-- @background\n" + COUNT.split("\n", 1)[1])
    migrator = colour.Migration(db, tmp_path)
    await migrator.migrate()
    assert (await migrator.wait(timeout=0)).ready
    for wanted in ({"requires": [2]}, {"complete": True}):
        with pytest.raises(NotReady, match="the backfill of 2, which is registered"):
            await migrator.wait(timeout=0, **wanted)
    await migrator.run_backfills()
    assert (await migrator.wait(timeout=0, requires=[2], complete=True)).ready


async def test_a_server_that_comes_later(url, colour, tmp_path):
    """And goes again, and comes back."""
    write(tmp_path, 1)
    gate = Gate(url)
    gate.shut()
    events: list[Any] = []
    through = colour.database(gate.url(url))
    migrator = colour.Migration(through, tmp_path, on_event=events.append)
    task = waiting_in(colour, migrator)
    await until(colour, events, 1)
    gate.open()
    await until(colour, events, 2)
    gate.shut()
    await until(colour, events, 3)
    await colour.Migration(colour.database(url), tmp_path).migrate()
    gate.open()
    await task.join()
    assert task.error is None
    first, second, third, *_ = said(events)
    assert first.startswith("the database: Cannot connect") and third.startswith("the database: ")
    assert second == "migration 1; nobody is migrating"
    gate.shut()
    with pytest.raises(ConnectionFailed):
        await migrator.wait(timeout=0.1, interval=0.1)


async def test_a_database_that_is_made_later(db, url, colour, tmp_path):
    write(tmp_path, 1)
    other = f"later_{colour.name}"
    there = url.replace(url.partition("?")[0].rpartition("/")[2], other, 1)
    events: list[Any] = []
    migrator = colour.Migration(colour.database(there), tmp_path, on_event=events.append)
    with pytest.raises((ConnectionFailed, MigrationError), match=other):
        await migrator.wait(timeout=0.1, interval=0.1)
    assert len(said(events)) == 1
    task = waiting_in(colour, migrator)
    await db.execute(f"CREATE DATABASE {other}")
    try:
        await until(colour, events, 3)
        maker = colour.database(there)
        await colour.Migration(maker, tmp_path).migrate()
        await maker.close()
        await task.join()
        assert task.error is None
    finally:
        await db.execute(f"DROP DATABASE {other}")


@pytest.mark.engine("postgresql", because="one engine")
async def test_a_look_that_gets_no_answer_is_given_up(url, colour, tmp_path, monkeypatch):
    for module in (async_waiting, waiting):
        monkeypatch.setattr(module, "LOOK", 0.3)
    write(tmp_path, 1)
    holder = colour.database(url)
    migrator = colour.Migration(colour.database(url), tmp_path)
    await migrator.migrate()
    events: list[Any] = []
    waiter = colour.Migration(colour.database(url), tmp_path, on_event=events.append)
    async with holder.transaction() as connection:
        await connection.execute("LOCK TABLE _migrations IN ACCESS EXCLUSIVE MODE")
        task = waiting_in(colour, waiter)
        await until(colour, events, 1)
    await task.join()
    assert task.error is None
    assert len(said(events)) == 1 and said(events)[0].startswith("the database: ")


@pytest.mark.engine("postgresql", because="one engine")
async def test_a_right_that_is_missing_is_said_at_once(db, url, colour, tmp_path):
    write(tmp_path, 1)
    await colour.Migration(db, tmp_path).migrate()
    role = "reader_of_nothing"
    await db.execute(f"DROP ROLE IF EXISTS {role}")
    await db.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        from manticore_cockroachdb import config

        settings = config.resolve(url)
        other = settings.url(secrets=True).replace(
            settings.url(secrets=True).split("//")[1].split("@")[0], f"{role}:secret"
        )
        with pytest.raises(MigrationError, match="permission denied") as failure:
            await colour.Migration(colour.database(other), tmp_path).wait(**QUICK)
        assert failure.value.sqlstate == "42501"
    finally:
        await db.execute(f"DROP ROLE {role}")
