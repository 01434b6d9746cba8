"""``--fleet``: the configuration, what is printed, exit codes."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from faults.imitate import Imitation
from faults.proxy import Proxy
from manticore_cockroachdb import Database
from manticore_cockroachdb.cli.reports.events import told
from manticore_cockroachdb.fleet.events import TargetEvent
from manticore_cockroachdb.runner.events import Recovered

from .conftest import Manticore, write, write_tables
from .test_processes import LIMIT, running, until_said

CONFIGURATION = """
[fleets.tenants]
names = ["acme", "bolt", "zed"]
schema = "tenant_{name}"
parallel = 1
"""
NAMES = ("acme", "bolt", "zed")


@pytest.fixture
def fleet(on: Manticore, url: str) -> Manticore:
    """Three tenants, and a configuration that names them."""
    Path("manticore.toml").write_text(CONFIGURATION)
    with Database.from_url(url) as db:
        for name in NAMES:
            db.execute(f"CREATE SCHEMA tenant_{name}")
    write_tables(2)
    return on


def test_a_fleet_is_migrated_and_asked_after(fleet: Manticore) -> None:
    behind = fleet("status", "--fleet", "tenants", "--exit-code", code=3)
    assert "the fleet tenants: 3 targets" in behind.out
    assert "acme  never migrated  2 pending" in behind.out
    done = fleet("migrate", "--fleet", "tenants", "--canary", "1")
    assert "done               3" in done.out
    assert "wave 1 of 2: 1 target\n" in done.err
    assert "Everything is applied everywhere." in fleet("status", "--fleet", "tenants").out
    again = fleet("migrate", "--fleet", "tenants", "--json").json
    assert (again["targets"], again["nothing_to_do"], again["done"]) == (3, 3, 0)
    assert [one["name"] for one in again["outcomes"]] == list(NAMES)
    assert fleet("migrate", "--fleet", "tenants", "--quiet").out == ""


def test_a_failure_is_told_first_and_decides_the_exit_code(fleet: Manticore, url: str) -> None:
    with Database.from_url(url) as db:
        db.execute("CREATE TABLE tenant_bolt.t2 (id INT8 PRIMARY KEY)")
    answer = fleet("migrate", "--fleet", "tenants", code=1)
    assert "failed bolt: " in answer.err
    assert "no more targets are begun: a target has failed" in answer.err
    assert "never tried        1  (a target has failed)" in answer.out
    assert "migrations/2_create_t2.sql:1" in answer.out
    found = fleet("migrate", "--fleet", "tenants", "--json", code=1).json
    numbers = [found[key] for key in ("done", "nothing_to_do", "failed", "never_tried")]
    assert numbers == [0, 1, 1, 1]
    assert sum(numbers) == found["targets"]
    (failed,) = (one for one in found["outcomes"] if one["state"] == "failed")
    assert failed["error"]["kind"] == "MigrationFailed"
    answer = fleet("migrate", "--fleet", "tenants", "--max-failures", "1", "--json", code=1)
    assert (answer.json["done"], answer.json["never_tried"]) == (1, 0)


def test_somebody_has_to_look_where_a_file_was_changed(fleet: Manticore) -> None:
    fleet("migrate", "--fleet", "tenants", "--only", "bolt")
    write(1, "create t1", "CREATE TABLE other (id INT8 PRIMARY KEY);")
    assert "bolt  Migration 1 was changed" in fleet("status", "--fleet", "tenants").out
    fleet("status", "--fleet", "tenants", "--exit-code", code=6)
    fleet("migrate", "--fleet", "tenants", code=6)


def test_a_schema_that_is_missing(fleet: Manticore, url: str) -> None:
    with Database.from_url(url) as db:
        db.execute("DROP SCHEMA tenant_zed")
    answer = fleet("status", "--fleet", "tenants", code=1)
    assert "There is no schema tenant_zed" in answer.out
    fleet("migrate", "--fleet", "tenants", code=1)
    assert "done               3" in fleet("migrate", "--fleet", "tenants", "--create").out


def test_what_all_lack_is_said_once(fleet: Manticore, url: str) -> None:
    """The errors differ by the target's name alone: a thousand of them would be pages."""
    with Database.from_url(url) as db:
        for name in ("acme", "zed"):
            db.execute(f"DROP SCHEMA tenant_{name}")
    answer = fleet("status", "--fleet", "tenants", code=1)
    assert answer.out.count("There is no schema") == 1
    assert "  acme, zed\n    There is no schema tenant_acme, " in answer.out
    assert "The others likewise, each with its own name." in answer.out


def test_a_directory_of_its_own_but_for_what_is_named_now(fleet: Manticore) -> None:
    Path("manticore.toml").write_text(CONFIGURATION + 'dir = "for_tenants"\n')
    Path("for_tenants").mkdir()
    Path("for_tenants/7_only.sql").write_text("CREATE TABLE only_here (id INT8 PRIMARY KEY);\n")
    found = fleet("status", "--fleet", "tenants", "--json").json
    assert found["outcomes"][0]["pending"] == [7]
    found = fleet("status", "--fleet", "tenants", "--dir", "migrations", "--json").json
    assert found["outcomes"][0]["pending"] == [1, 2]


def test_a_rollback_says_where_and_what_and_needs_an_answer(fleet: Manticore) -> None:
    fleet("migrate", "--fleet", "tenants")
    fleet("rollback", "--fleet", "tenants", "--only", "acme", "--yes")
    answer = fleet("rollback", "--fleet", "tenants", code=2)
    assert "Rolling back a fleet needs an answer." in answer.err
    found = fleet("rollback", "--fleet", "tenants", "--to", "1", "--yes", "--json").json
    assert [(one["state"], one["versions"]) for one in found["outcomes"]] == [
        ("nothing_to_do", []),
        ("done", [2]),
        ("done", [2]),
    ]
    everything = fleet("rollback", "--fleet", "tenants", "--all", "--yes")
    assert "done               3" in everything.out
    assert "nothing to do      3" in fleet("rollback", "--fleet", "tenants").out


def test_a_plan_for_those_that_have_the_same_to_do(fleet: Manticore) -> None:
    fleet("migrate", "--fleet", "tenants", "--only", "zed")
    write(3, "c", "CREATE TABLE c (id INT8 PRIMARY KEY);")
    for arguments in (("plan", "--exit-code"), ("migrate", "--dry-run")):
        answer = fleet(*arguments, "--fleet", "tenants", code=3 if arguments[0] == "plan" else 0)
        assert "the fleet tenants: 3 targets, 3 with something to do\n\nacme, bolt\n" in answer.out
        assert answer.out.count("CREATE TABLE c") == 2
    found = fleet("plan", "--fleet", "tenants", "--rollback", "--json").json
    assert found["nothing_to_do"] == ["acme", "bolt"]
    (group,) = found["groups"]
    assert group["targets"] == ["zed"]
    assert [one["version"] for one in group["plan"]["migrations"]] == [2]


def test_what_differs_is_shown_once_for_those_that_differ_alike(fleet: Manticore, url: str) -> None:
    fleet("migrate", "--fleet", "tenants")
    assert "3 targets, 0 differ" in fleet("drift", "--fleet", "tenants").out
    with Database.from_url(url) as db:
        for name in ("acme", "zed"):
            db.execute(f"ALTER TABLE tenant_{name}.t1 ADD COLUMN by_hand INT8")
    answer = fleet("drift", "--fleet", "tenants", code=5)
    assert "3 targets, 2 differ\n\nacme, zed\n" in answer.out
    assert answer.out.count("by_hand") == 1
    found = fleet("drift", "--fleet", "tenants", "--json", code=5).json
    assert found["differ"] == 2
    assert [one["result"]["differs"] for one in found["outcomes"]] == [True, False, True]


def test_files_are_verified_once_for_all(fleet: Manticore) -> None:
    answer = fleet("verify", "--fleet", "tenants", "--newest", "1")
    assert answer.out.count("Verified: 2 migrations") == 1
    assert "for acme, bolt, zed" in answer.out
    write(3, "slip", "ALTER TABLE public.t1 ADD COLUMN a INT8;")
    assert "public.t1" in fleet("verify", "--fleet", "tenants", "--newest", "0", code=5).out


def test_backfills_of_a_fleet(fleet: Manticore, url: str) -> None:
    fleet("migrate", "--fleet", "tenants")
    with Database.from_url(url) as db:
        for name in NAMES:
            db.execute(f"INSERT INTO tenant_{name}.t1 VALUES (1), (2)")
    write(
        3, "fill", "-- @backfill t1\n-- @background\nINSERT INTO t2 SELECT id FROM t1 WHERE :batch;"
    )
    fleet("migrate", "--fleet", "tenants")
    assert "acme  3 registered" in fleet("status", "--fleet", "tenants").out
    fleet("status", "--fleet", "tenants", "--require-complete", code=3)
    assert "acme\n  3  registered" in fleet("backfill", "status", "--fleet", "tenants").out
    found = fleet("backfill", "run", "--fleet", "tenants", "--json").json
    assert [one["result"] for one in found["outcomes"]] == [["3"]] * 3
    fleet("status", "--fleet", "tenants", "--require-complete")
    out = fleet("backfill", "status", "--fleet", "tenants", "--exit-code").out
    assert "Every backfill is complete." in out


ODD = "INSERT INTO t2 SELECT (id / CASE id WHEN 2 THEN 0 ELSE 1 END)::INT8 FROM t1 WHERE :batch"


def test_a_backfill_of_a_fleet_is_paused_resumed_tried_again_and_cancelled(
    fleet: Manticore, url: str
) -> None:
    def what(*words: str, code: int = 0) -> tuple[list[object], list[object]]:
        found = fleet("backfill", *words, "--fleet", "tenants", "--json", code=code).json
        states, results = ([o[key] for o in found["outcomes"]] for key in ("state", "result"))
        return states, results

    def stand() -> list[object]:
        found = fleet("status", "--fleet", "tenants", "--json").json
        return [one["backfills"][0]["state"] for one in found["outcomes"] if one["backfills"]]

    fleet("migrate", "--fleet", "tenants")
    with Database.from_url(url) as db:
        db.execute("INSERT INTO tenant_bolt.t1 VALUES (1), (2)")
    write(3, "fill", f"-- @backfill t1\n-- @background\n{ODD};")
    fleet("migrate", "--fleet", "tenants")
    assert what("pause", "3", "--only", "acme")[1] == ["Backfill 3 is paused."]
    assert what("pause", "3")[0] == ["nothing_to_do", "done", "done"]
    assert stand() == ["paused"] * 3
    assert what("run")[0] == ["nothing_to_do"] * 3, "nobody works on one that is paused"
    assert what("resume", "3")[1] == ["Backfill 3 goes on."] * 3
    assert what("run", "3", code=6)[0] == ["done", "failed", "never_tried"]
    assert what("run", "3", "--except", "bolt")[0] == ["nothing_to_do", "done"]
    states, results = what("retry", "3", code=6)
    assert (states, results) == (["nothing_to_do", "done", "nothing_to_do"], [None, [0, 1], None])
    said = fleet("backfill", "retry", "3", "--fleet", "tenants", code=6).out
    assert "bolt: 0 rows done, 1 row failed again." in said
    with Database.from_url(url) as db:
        db.execute("DELETE FROM tenant_bolt.t1 WHERE id = 2")
    assert what("retry", "3")[1] == [None, [1, 0], None]
    assert stand() == []
    write(4, "more", f"-- @backfill t1\n-- @background\n{ODD};")
    fleet("migrate", "--fleet", "tenants")
    refused = fleet("backfill", "cancel", "4", "--fleet", "tenants", code=2)
    assert "--yes" in refused.err and stand() == ["registered"] * 3
    assert what("cancel", "4", "--yes")[1] == ["Backfill 4 is cancelled."] * 3
    assert what("cancel", "4", "--yes")[0] == ["nothing_to_do"] * 3
    assert stand() == ["cancelled"] * 3
    for word in ("pause", "resume", "retry", "run"):
        unknown = fleet("backfill", word, "5", "--fleet", "tenants", code=2)
        assert "There is no backfill 5." in unknown.err


@pytest.mark.engine("postgresql", because="imitated")
def test_too_many_objects_are_refused_before_the_first(fleet: Manticore, url: str) -> None:
    objects = (
        "CREATE TABLE crdb_internal.tables AS SELECT 'PUBLIC' AS state, 'd' AS database_name"
        " FROM generate_series(1, {})"
    )
    with Database.from_url(url) as db:
        db.execute("CREATE SCHEMA crdb_internal")
        db.execute(objects.format(19_990))
        with Proxy.before(url, imitation=Imitation("v25.4.3")) as proxy:
            migrate = ("migrate", "--fleet", "tenants", "--url", proxy.through(url))
            refused = fleet(*migrate, code=1).err
            assert "Too many objects: there are 19,990, and 3 targets would create 18" in refused
            assert "approx_max_object_count" in refused and "nobody was migrated" in refused
            begun = "SELECT 1 FROM pg_catalog.pg_class WHERE relname = '_migrations'"
            assert db.execute(begun) == []
            db.execute("DROP TABLE crdb_internal.tables")
            db.execute(objects.format(9_999))
            assert "there will be 10,017 objects, 18 of them new" in fleet(*migrate).err


def test_from_the_deadline_on_nobody_is_begun(fleet: Manticore) -> None:
    write(3, "slow", "SELECT pg_sleep(1.2);")
    found = fleet("migrate", "--fleet", "tenants", "--deadline", "1s", "--json", code=8).json
    assert found["stopped"] == "the time is up"
    numbers = [found[key] for key in ("done", "failed", "never_tried")]
    assert sum(numbers) == 3
    assert numbers[0] < 2 and numbers[2] > 0
    assert fleet("migrate", "--fleet", "tenants", "--json").json["never_tried"] == 0


def test_programs_are_told_of_every_target(fleet: Manticore) -> None:
    answer = fleet("migrate", "--fleet", "tenants", "--events", "-")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    finished = [line for line in lines if line["event"] == "target_finished"]
    assert [(line["target"], line["state"]) for line in finished] == [(n, "done") for n in NAMES]
    applied = [line["target"] for line in lines if line["event"] == "migration_finished"]
    assert applied == [name for name in NAMES for _ in range(2)]
    assert "the fleet tenants: 3 targets in" in answer.err


def test_what_had_become_of_a_migration_is_told_in_words() -> None:
    name, fields = told(TargetEvent("acme", Recovered(7, "it had been done")))
    assert (name, fields) == (
        "recovered",
        {"target": "acme", "version": 7, "outcome": "it had been done"},
    )


def test_environments_that_nobody_has_are_warned_of(fleet: Manticore) -> None:
    Path("manticore.toml").write_text(CONFIGURATION + "[environments.production]\n")
    write(3, "c", "-- @environments prodution\nSELECT 1;")
    assert "did you mean production?" in fleet("migrate", "--fleet", "tenants").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("migrate", "--fleet", "tenant"), "did you mean 'tenants'?"),
        (("migrate", "--only", "acme"), "--only is about the targets of a fleet"),
        (("migrate", "--except", "acme"), "--except is about"),
        (("migrate", "--max-failures", "1"), "--max-failures is about"),
        (("migrate", "--fleet", "tenants", "--only", "acne"), "did you mean acme?"),
        (("migrate", "--fleet", "tenants", "--waves", "1"), "write 1,rest"),
        (("migrate", "--fleet", "tenants", "--dump", "x.sql"), "exclude each other"),
        (("migrate", "--fleet", "tenants", "--to", "9"), "No migration has version 9"),
    ],
)
def test_what_cannot_be_meant(fleet: Manticore, arguments: tuple[str, ...], message: str) -> None:
    assert message in fleet(*arguments, code=2).err


def test_no_fleets_at_all(on: Manticore) -> None:
    write_tables(1)
    assert "docs/fleets.md" in on("migrate", "--fleet", "tenants", code=2).err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_runs_end_and_begins_nothing(
    fleet: Manticore, number: signal.Signals
) -> None:
    write(3, "slow", "SELECT pg_sleep(0.8);")
    write(4, "more", "CREATE TABLE t4 (id INT8 PRIMARY KEY);")
    with running("migrate", "--fleet", "tenants", "--json", "--verbose") as process:
        until_said(process, "3 targets, 3 with something to do")
        time.sleep(0.4)
        process.send_signal(number)
        out, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 128 + number
    assert "stopping: what is under way ends its statement" in said
    found = json.loads(out)
    assert found["stopped"] == "it was interrupted"
    states = [one["state"] for one in found["outcomes"]]
    assert states in (["failed", "never_tried", "never_tried"], ["never_tried"] * 3)
    assert sum(found[key] for key in ("done", "nothing_to_do", "failed", "never_tried")) == 3
    assert fleet("migrate", "--fleet", "tenants", "--json").json["done"] == 3
