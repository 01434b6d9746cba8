"""Fleets beside each other, interrupted, and over what is not as it should be."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.fleet import events as e
from tests.support.servers import Server

from .conftest import schemas, states, tables

NAMES = ["a", "b", "c", "d"]


async def test_two_runs_at_once_share_the_work(db: Any, colour: Any, directory: Path) -> None:
    (directory / "3_count.sql").write_text(
        "CREATE TABLE n (n INT8 PRIMARY KEY); INSERT INTO n VALUES (1);\n"
    )
    await schemas(db, NAMES)

    async def run() -> Any:
        fleet = colour.Fleet(db, directory, names=NAMES, schema="{name}", parallel=2)
        return await fleet.migrate()

    first, second = await colour.concurrently(run, run)
    for name in NAMES:
        found = sorted([states(first)[name], states(second)[name]])
        applied = [one.versions for r in (first, second) for one in r.outcomes if one.name == name]
        assert sum(map(len, applied)) == 3, applied
        assert found in (["done", "nothing to do"], ["done", "done"])
        assert await db.count(f"{name}.n") == 1


async def test_a_run_that_is_cancelled_reports_on_every_target(
    db: Any, colour: Any, directory: Path
) -> None:
    """Of the asynchronous half: a program's Ctrl-C is tried as a process, in tests/cli."""
    if colour.name == "sync":
        return
    await schemas(db, NAMES)
    started = asyncio.Event()

    def hear(event: Any) -> None:
        if isinstance(event, e.TargetStarted):
            started.set()

    fleet = colour.Fleet(db, directory, names=NAMES, schema="{name}", parallel=1, on_event=hear)
    task = asyncio.create_task(fleet.migrate())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fleet.report is not None
    assert fleet.report.stopped == "it was interrupted"
    assert states(fleet.report)["d"] == "never tried"
    for name, state in states(fleet.report).items():
        held = "SELECT owner FROM {}._migrations_lease"
        assert state in ("failed", "done", "never tried")
        if state != "never tried" and await tables(db, name):
            assert await db.execute(held.format(name)) == [{"owner": None}]
    fleet.on_event = lambda _: None
    assert (await fleet.migrate()).ok


async def test_a_tenant_of_0_3_1_is_taken_over(db: Any, colour: Any, directory: Path) -> None:
    await schemas(db, ["old", "new"])
    await db.execute(
        "CREATE TABLE old._migrations (version INT8 PRIMARY KEY, description TEXT NOT NULL,"
        " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    await db.execute("INSERT INTO old._migrations (version, description) VALUES (1, 't1')")
    fleet = colour.Fleet(db, directory, names=["old", "new"], schema="{name}")
    assert [one.pending for one in (await fleet.status()).behind] == [(2,), (1, 2)]
    report = await fleet.migrate()
    assert [one.versions for one in report.outcomes] == [(2,), (1, 2)]


@pytest.mark.engine("postgresql", because="rights on schemas")
async def test_one_that_this_user_may_not_use_fails_alone(
    db: Any, colour: Any, directory: Path, server: Server
) -> None:
    await schemas(db, ["open", "shut"])
    await colour.Fleet(db, directory, names=["open", "shut"], schema="{name}").migrate(1)
    await db.execute("DROP ROLE IF EXISTS fleet_tenant")
    await db.execute("CREATE ROLE fleet_tenant LOGIN")
    try:
        await db.execute("GRANT USAGE, CREATE ON SCHEMA open TO fleet_tenant")
        await db.execute("GRANT ALL ON ALL TABLES IN SCHEMA open TO fleet_tenant")
        await db.execute("GRANT USAGE ON SCHEMA shut TO fleet_tenant")
        user = colour.database(db.settings.url(secrets=True), user="fleet_tenant")
        fleet = colour.Fleet(user, directory, names=["open", "shut"], schema="{name}")
        found = await fleet.status()
        assert [one.state for one in found.targets] == ["behind", "problem"]
        assert "permission denied" in str(found.targets[1].error)
        assert states(await fleet.migrate(max_failures=1)) == {"open": "done", "shut": "failed"}
    finally:
        await db.execute("DROP OWNED BY fleet_tenant")
        await db.execute("DROP ROLE fleet_tenant")
