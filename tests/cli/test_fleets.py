"""``--fleet``: the configuration, what is printed, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb import Database

from .conftest import Manticore, write, write_tables

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


def test_a_directory_of_its_own_but_for_what_is_named_now(fleet: Manticore) -> None:
    Path("manticore.toml").write_text(CONFIGURATION + 'dir = "for_tenants"\n')
    Path("for_tenants").mkdir()
    Path("for_tenants/7_only.sql").write_text("CREATE TABLE only_here (id INT8 PRIMARY KEY);\n")
    found = fleet("status", "--fleet", "tenants", "--json").json
    assert found["outcomes"][0]["pending"] == [7]
    found = fleet("status", "--fleet", "tenants", "--dir", "migrations", "--json").json
    assert found["outcomes"][0]["pending"] == [1, 2]


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
