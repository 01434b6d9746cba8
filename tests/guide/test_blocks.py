"""Every code block of the guide, in its order, as it stands, on every server."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys

import pytest

from manticore_cockroachdb import AsyncDatabase, AsyncMigrator, Database, Migration
from manticore_cockroachdb.errors import Refused
from tests.support.differences import lacks

from .blocks import BLOCKS, block, run, run_async, variables

SYNC, ASYNC = "Synchronous Migrations", "Asynchronous Migrations"
COMPLETE, ENVIRONMENTS = "Complete Example", "Environment-Specific Migrations"
FORMAT = "Migration File Format"
ERRORS, CI = "Error Handling During Migrations", "Migrations in CI/CD Pipelines"
PERFORMANCE = "Performance Considerations for Migrations"


@pytest.fixture
def name(url, tmp_path, monkeypatch):
    """The name of an empty database that a bare ``Database(database=…)`` finds; in a new place."""
    settings = Database.from_url(url).settings
    for variable, value in variables(settings.conninfo()).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    monkeypatch.chdir(tmp_path)
    return settings.database


@pytest.fixture
def begun(name):
    """What a reader of the first chapter has after "Setting Up Migrations"."""
    names = {}
    run(block(SYNC, "Setting Up Migrations"), names, name)
    yield names
    names["db"].close()


def test_no_block_is_forgotten():
    """Each chapter with code has its tests; a chapter that comes to the guide needs some."""
    known = {SYNC, ASYNC, COMPLETE, ENVIRONMENTS, FORMAT, ERRORS, CI, PERFORMANCE}
    assert {b.chapter for b in BLOCKS} == known
    assert len(BLOCKS) == 30


def test_synchronous_migrations(begun, name, capsys):
    def said(heading):
        run(block(SYNC, heading), begun, name)
        return capsys.readouterr().out

    said("Creating Migrations")
    loaded = said("Loading Migrations").splitlines()
    assert [re.sub(r"\d{14}", "N", line) for line in loaded] == [
        "Version N: create users table",
        "Version N: add age column",
    ]
    assert said("Applying Migrations") == "Applied 2 migrations\nApplied 0 migrations\n"
    status = said("Checking Migration Status").splitlines()
    assert re.fullmatch(r"Current version: \d{14}", status[0])
    assert status[1] == "Migration 20230101120000 applied: False"
    assert re.fullmatch(r"Version \d+: add age column \(applied at 20.+\)", status[3])
    assert said("Rolling Back Migrations").splitlines() == [
        "Rolled back 1 migrations",
        "Rolled back 1 migrations",
        "Rolled back 0 migrations",
    ]


def test_asynchronous_migrations(name, capsys):
    names = {}
    run(block(ASYNC, "Setting Up Migrations"), names, name)  # runs its own event loop
    with Database(database=name) as db:
        assert db.exists("_migrations")

    set_up = (
        f"db = AsyncDatabase(database={name!r})\n"
        'migration = AsyncMigrator(db, migrations_dir="./async_migrations")\n'
    )
    run_async(
        names,
        set_up,
        block(ASYNC, "Creating Migrations"),
        block(ASYNC, "Loading Migrations"),
        block(ASYNC, "Applying Migrations"),
        block(ASYNC, "Manual Migration Reversion"),
        block(ASYNC, "Checking Migration Status"),
        "assert await migration.migrate() == 1\nawait db.close()",
    )
    said = re.sub(r"\d{14}", "N", capsys.readouterr().out).splitlines()
    assert said[:-1] == [
        "Version N: create async users table",
        "Version N: add email verification",
        "Migrations applied successfully",
        "Migrations applied successfully up to version 2",
        "Manually reverted migration VN",
    ]
    assert said[-1].startswith("Version N: create async users table (applied at ")


def test_handling_errors(begun, name, capsys):
    run(block(SYNC, "Creating Migrations"), begun, name)
    begun["migration"].create_migration("broken", "CREATE TABLE half (x INT8); SELECT 1 / 0;")
    run(block(ERRORS, "Handling Migration Errors"), begun)
    said = capsys.readouterr().out
    assert said.startswith("Error applying migrations: ")
    assert "_broken.sql:1:29" in said
    # Transaction safety: two are applied, nothing remains of the third.
    assert len(begun["migration"].get_applied_migrations()) == 2
    assert not begun["db"].exists("half")

    names = {"AsyncDatabase": AsyncDatabase, "AsyncMigrator": AsyncMigrator}
    set_up = f"db = AsyncDatabase(database={name!r})\nmigration = AsyncMigrator(db)"
    handling = block(ERRORS, "Handling Migration Errors", 1)
    run_async(names, set_up, handling, "await db.close()")
    assert capsys.readouterr().out.startswith("Error applying migrations: ")


def test_the_file_format(begun, name, tmp_path):
    pattern, names, example = (b.code for b in BLOCKS if b.chapter == FORMAT)
    assert pattern == "<version>_<description>.sql\n"
    first, second = names.split()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / first).write_text(example)
    (tmp_path / "migrations" / second).write_text("ALTER TABLE users ADD COLUMN age INT8;")
    migration = begun["migration"]
    assert migration.migrate(target_version="20230101120000") == 1
    assert begun["db"].exists("users")
    assert migration.rollback() == 1
    assert not begun["db"].exists("users")
    assert migration.migrate() == 2
    assert migration.is_applied("20230101120000")


def test_the_complete_example_and_again(name, tmp_path, monkeypatch, capsys):
    """It cleans the database up after itself, so that it runs again from another directory."""
    for attempt in ("first", "second"):
        (tmp_path / attempt).mkdir()
        monkeypatch.chdir(tmp_path / attempt)
        run(block(COMPLETE, COMPLETE), {}, name)
        said = re.sub(r"\d{14}", "N", capsys.readouterr().out).splitlines()
        assert said == [
            "Loaded 2 migrations",
            "Version N: create users table",
            "Version N: add age column",
            "Applied 2 migrations",
            "Users in database: 1",
            "Rolled back 1 migrations",
            "Applied 1 migrations",
        ]
        with Database(database=name) as db:
            assert not db.exists("users")
            assert not db.exists("_migrations")


def test_environments_by_variable(begun, name):
    run(block(SYNC, "Creating Migrations"), begun, name)
    run(block(ENVIRONMENTS, "Using Environment Variables"), begun)
    assert begun["migration"].migrate() == 3
    assert len(begun["db"].select("users", where={"name": ("like", "Test User%")})) == 2
    assert begun["migration"].rollback() == 1
    assert begun["db"].select("users") == []


@pytest.mark.parametrize(("environment", "indexes"), [("production", 1), ("development", 2)])
def test_environments_by_condition(begun, name, server, tmp_path, environment, indexes):
    run(block(SYNC, "Creating Migrations"), begun, name)
    migration = Migration(begun["db"], settings={"app.environment": environment})
    condition = block(ENVIRONMENTS, "Using Conditional Logic in Migrations", language="sql")
    if lacks(server, "schema changes in DO"):
        migration = begun["migration"]
        migration.create_migration("indexes", condition)
        with pytest.raises(Refused, match="DO"):
            migration.migrate()
        return
    migration.create_migration("indexes", condition)
    assert migration.migrate() == 3
    found = begun["db"].select("pg_indexes", where={"indexname": ("like", "idx_users_%")})
    assert len(found) == indexes


def test_environments_by_directory(begun, name, monkeypatch, tmp_path):
    names = {**begun, "os": os}
    run(block(ENVIRONMENTS, "Separate Migration Directories"), names)
    names["migration"].create_migration("one", "CREATE TABLE one (id INT8 PRIMARY KEY)")
    assert len(list((tmp_path / "migrations" / "development").iterdir())) == 1
    monkeypatch.setenv("ENVIRONMENT", "production")
    run(block(ENVIRONMENTS, "Separate Migration Directories"), names)
    names["migration"].create_migration("one", "CREATE TABLE two (id INT8 PRIMARY KEY)")
    assert names["migration"].migrate() == 1
    assert begun["db"].exists("two")
    assert not begun["db"].exists("one")


def test_the_commands_for_pipelines_exist():
    workflow = block(CI, "Automated Migration Testing", language="yaml")
    scripts = [block(CI, "Deployment Strategies", number, language="bash") for number in range(3)]
    modules = re.findall(r"python -m ([\w.]+)", "\n".join([workflow, *scripts]))
    assert set(modules) == {
        "pip",
        "tests.test_migrations",
        "scripts.apply_migrations",
        "scripts.create_new_db_with_migrations",
    }
    assert all(importlib.util.find_spec(module) for module in modules)


def test_the_rollback_script(begun, name, url, tmp_path):
    run(block(SYNC, "Creating Migrations"), begun, name)
    begun["migration"].migrate()
    script = tmp_path / "rollback_last.py"
    script.write_text(block(CI, "Rollback Strategies"))
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    said = re.sub(r"\d{14}", "N", done.stdout)
    assert said == "Current version: N\nRolled back 1 migrations\n", done.stderr
    assert len(begun["migration"].get_applied_migrations()) == 1


def test_less_blocking_operations(begun, name):
    blocking, better = block(PERFORMANCE, "Minimizing Downtime", language="sql").split("\n\n")
    run(block(SYNC, "Creating Migrations"), begun, name)
    migration = begun["migration"]
    path = migration.create_migration(
        "verified", blocking, "ALTER TABLE users DROP COLUMN email_verified;"
    )
    assert migration.migrate() == 3
    assert migration.rollback() == 1
    os.remove(path)  # noqa: PTH107
    migration.create_migration("verified", better)
    assert migration.migrate() == 1
    begun["db"].insert("users", {"name": "A", "email": "a@b.c", "email_verified": True})


def test_batched_data_migration(name, capsys):
    async def main():
        names = {}
        run(block(PERFORMANCE, "Minimizing Downtime"), names)
        run(block(PERFORMANCE, "CockroachDB-Specific Optimizations"), names)
        async with AsyncDatabase(database=name) as db:
            await db.create_table(
                "users",
                {
                    "id": "INT8 PRIMARY KEY",
                    "first_name": "TEXT",
                    "last_name": "TEXT",
                    "full_name": "TEXT",
                },
            )
            await db.batch_insert(
                "users",
                [{"id": i, "first_name": f"F{i}", "last_name": f"L{i}"} for i in range(25)],
            )
            await names["migrate_data_in_batches"](db, batch_size=10)
            full = await db.select("users", ["full_name"], order_by="id")
            assert [row["full_name"] for row in full] == [f"F{i} L{i}" for i in range(25)]

            await db.create_table(
                "large_table", {"id": "INT8 PRIMARY KEY", "processed": "BOOL DEFAULT FALSE"}
            )
            await db.batch_insert("large_table", [{"id": i} for i in range(250)])
            await names["migrate_in_smaller_transactions"](db)
            assert await db.select("large_table", where={"processed": False}) == []

    asyncio.run(main())
    assert capsys.readouterr().out.splitlines() == [
        f"Processed {n}/25 records" for n in (10, 20, 25)
    ]


def test_measuring_a_migration(name, server, capsys):
    names = {"AsyncDatabase": AsyncDatabase}
    measure = block(PERFORMANCE, "Testing Migration Performance")
    if lacks(server, "numbers and texts"):
        measure = measure.replace("|| i FROM", "|| i::TEXT FROM")
    run_async(names, measure, "await test_migration_performance()", database=name)
    assert re.fullmatch(r"Migration took \d+\.\d\d seconds\n", capsys.readouterr().out)
