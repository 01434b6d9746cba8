"""What else is done to a whole fleet: rolling back, planning, comparing, working on backfills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.errors import HistoryError, UnknownVersion

from .conftest import schemas, states, table, tables

NAMES = ["a", "b", "c"]


async def fleet_of(colour: Any, db: Any, directory: Path, **given: Any) -> Any:
    await schemas(db, NAMES)
    return colour.Fleet(db, directory, names=NAMES, schema="{name}", **given)


# --- rollback ------------------------------------------------------------------------------------


async def test_the_last_one_of_each_is_taken_back(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(1, only=["b"])
    await fleet.migrate(only=["a"])
    assert await fleet.rolled_back_by() == {"a": (2,), "b": (1,)}
    report = await fleet.rollback()
    assert {one.name: (one.state, one.versions) for one in report.outcomes} == {
        "a": ("done", (2,)),
        "b": ("done", (1,)),
        "c": ("nothing to do", ()),
    }
    assert [await tables(db, name) for name in NAMES] == [["t1"], [], []]


async def test_all_stand_at_the_target_afterwards(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate()
    await fleet.rollback(target_version=1, only=["a"])
    assert states(await fleet.rollback(target_version=1)) == {
        "a": "nothing to do",
        "b": "done",
        "c": "done",
    }
    assert [await tables(db, name) for name in NAMES] == [["t1"]] * 3
    report = await fleet.rollback(target_version=7)
    assert {one.state for one in report.outcomes} == {"failed"}
    assert isinstance(report.failed[0].error, UnknownVersion)


async def test_what_somebody_did_not_agree_to_stays(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate()
    shown = await fleet.rolled_back_by(only=["a", "b"])
    await fleet.rollback(only=["a"])  # somebody else was quicker
    report = await fleet.rollback(shown=shown, only=["a", "b"], max_failures=1)
    assert states(report) == {"a": "failed", "b": "done"}
    assert isinstance(report.failed[0].error, HistoryError)
    assert [await tables(db, name) for name in NAMES] == [["t1"], ["t1"], ["t1", "t2"]]


async def test_a_late_one_is_the_last_one_of_its_target_alone(
    db: Any, colour: Any, directory: Path
) -> None:
    """Two targets with the same versions, applied in another order, do not stand alike."""
    (directory / "1_t1.sql").rename(directory.parent / "1_t1.sql")
    fleet = await fleet_of(colour, db, directory, allow_out_of_order=True)
    await fleet.migrate(only=["a"])
    (directory.parent / "1_t1.sql").rename(directory / "1_t1.sql")
    await fleet.migrate()
    assert await fleet.rolled_back_by() == {"a": (1,), "b": (2,), "c": (2,)}


# --- plan ----------------------------------------------------------------------------------------


async def test_targets_with_the_same_to_do_have_one_plan(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(only=["c"])
    table(directory, 3)
    plan = await fleet.plan()
    assert [([m.version for m in group.plan.migrations], group.names) for group in plan.groups] == [
        ([1, 2, 3], ("a", "b")),
        ([3], ("c",)),
    ]
    assert (plan.idle, plan.failed) == ((), ())
    back = await fleet.plan(rollback=True)
    assert [([m.version for m in group.plan.migrations], group.names) for group in back.groups] == [
        ([2], ("c",))
    ]
    assert back.idle == ("a", "b")
    assert await tables(db, "a") == []


async def test_whom_nothing_can_be_planned_for_is_named(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate()
    await db.execute("DELETE FROM b._migrations WHERE version = 1")
    await db.execute("DROP SCHEMA c CASCADE")
    plan = await fleet.plan()
    assert plan.idle == ("a",)
    assert {name: str(error).partition("\n")[0] for name, error in plan.failed} == {
        "b": f"{directory}/1_t1.sql: Migration 1 is pending, but the newer 2 is already applied.",
        "c": "There is no schema c, or this user may not use it.",
    }


# --- drift and verify ----------------------------------------------------------------------------


async def test_each_tenant_is_compared_with_what_its_own_history_makes(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(1, only=["a"])
    await fleet.migrate(only=["b"])
    await db.execute("ALTER TABLE b.t2 ADD COLUMN by_hand INT8")
    report = await fleet.drift()
    assert states(report) == dict.fromkeys(NAMES, "done")
    found = {one.name: [change.path for change in one.result.changes] for one in report.outcomes}
    assert found == {"a": [], "b": ["b.t2.by_hand"], "c": []}


async def test_what_tenants_share_is_there_for_the_comparison(
    db: Any, colour: Any, directory: Path
) -> None:
    await db.execute("CREATE TABLE shared (id INT8 PRIMARY KEY)")
    (directory / "3_use.sql").write_text("CREATE TABLE u (s INT8 REFERENCES shared (id));\n")
    fleet = await fleet_of(colour, db, directory, search_path=["public"])
    await fleet.migrate(only=["a"])
    (one,) = (await fleet.drift(only=["a"])).outcomes
    assert one.error is None
    assert not one.result.differs
    (one,) = (await fleet.verify(only=["a"], newest=0)).outcomes
    assert one.error is None
    assert one.result.ok


async def test_files_are_verified_as_a_tenant_runs_them(
    db: Any, colour: Any, directory: Path
) -> None:
    """A name that is right in public alone is found: a tenant's tables are not there."""
    fleet = await fleet_of(colour, db, directory)
    report = await fleet.verify(newest=1)
    assert states(report) == dict.fromkeys(NAMES, "done")
    assert len({id(one.result) for one in report.outcomes}) == 1
    assert report.outcomes[0].result.ok
    (directory / "3_slip.sql").write_text("ALTER TABLE public.t1 ADD COLUMN a INT8;\n")
    assert (await colour.Migration(db, directory).verify(newest=0)).ok
    assert not (await fleet.verify(newest=0)).outcomes[0].result.ok


# --- backfills -----------------------------------------------------------------------------------


async def test_backfills_are_worked_on_where_they_are_not_complete(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(2)
    for name in NAMES:
        await db.execute(f"INSERT INTO {name}.t1 VALUES (1), (2)")
    (directory / "3_fill.sql").write_text(
        "-- @backfill t1\n-- @background\nINSERT INTO t2 SELECT id FROM t1 WHERE :batch;\n"
    )
    await fleet.migrate(only=["a", "b"])
    behind = {one.name: one.backfills for one in (await fleet.status()).targets}
    assert behind == {"a": (("3", "registered"),), "b": (("3", "registered"),), "c": ()}
    assert states(await fleet.backfills()) == {"a": "done", "b": "done", "c": "nothing to do"}
    report = await fleet.run_backfills(3)
    assert {one.name: (one.state, one.result) for one in report.outcomes} == {
        "a": ("done", ["3"]),
        "b": ("done", ["3"]),
        "c": ("nothing to do", None),
    }
    assert await db.count("a.t2") == 2
    assert states(await fleet.run_backfills()) == dict.fromkeys(NAMES, "nothing to do")
    assert all(not one.backfills for one in (await fleet.status()).targets)


# --- repeatable files ----------------------------------------------------------------------------


async def test_repeatable_files_run_in_every_tenant_when_they_change(
    db: Any, colour: Any, directory: Path
) -> None:
    folder = directory / "repeatable"
    folder.mkdir()
    (folder / "v.sql").write_text("CREATE VIEW v AS SELECT id FROM t1;\n")
    fleet = await fleet_of(colour, db, directory)
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done")
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "nothing to do")
    (folder / "v.sql").write_text("CREATE VIEW v AS SELECT id + 1 AS id FROM t1;\n")
    found = await fleet.status()
    assert [one.repeatable for one in found.behind] == [("v.sql",)] * 3
    report = await fleet.migrate()
    assert states(report) == dict.fromkeys(NAMES, "done")
    assert report.outcomes[0].versions == ()
    assert await db.execute("SELECT count(*) AS n FROM a.v") == [{"n": 0}]


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("connections", "note"), [(3, "1 at once: 3 connections"), (100, None)])
async def test_the_budget_of_connections_is_kept(
    db: Any, colour: Any, directory: Path, connections: int, note: str | None
) -> None:
    from manticore_cockroachdb.fleet import events as e

    heard: list[Any] = []
    fleet = await fleet_of(
        colour, db, directory, parallel=3, connections=connections, on_event=heard.append
    )
    assert (await fleet.migrate()).ok
    notes = [event.text for event in heard if isinstance(event, e.FleetNote)]
    assert [text.startswith(note or "") for text in notes] == ([True] if note else [])
