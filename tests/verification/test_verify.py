"""`verify`: every migration applies, is undone by its undo part, and survives crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.runner.events import MigrationFinished
from manticore_cockroachdb.shadow.async_scratch import PREFIX


def write(directory, **files):
    for name, text in files.items():
        (directory / f"{name.lstrip('_')}.sql").write_text(text)


@pytest.fixture
def directory(tmp_path):
    write(
        tmp_path,
        _1_users="CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);\n"
        "-- @UNDO\nDROP TABLE users;",
        _2_seed="INSERT INTO users VALUES (1, 'one');\n-- @UNDO\nDELETE FROM users WHERE id = 1;",
        _3_index="-- @transaction off\nCREATE INDEX users_name ON users (name);\n"
        "ALTER TABLE users ADD COLUMN age INT8;\n"
        "-- @UNDO\nALTER TABLE users DROP COLUMN age;\nDROP INDEX users_name;",
    )
    return tmp_path


async def scratches(db):
    rows = await db.execute("SELECT datname FROM pg_catalog.pg_database")
    return [row["datname"] for row in rows if row["datname"].startswith(PREFIX)]


async def tables(db):
    rows = await db.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return sorted(row["table_name"] for row in rows)


async def test_what_is_well_made_holds(colour, db, directory):
    found = await colour.Migration(db, migrations_dir=directory).verify()
    assert found.ok and not found.failures and not found.notes
    assert [(v.version, v.reversible, v.failures) for v in found.migrations] == [
        (1, True, ()),
        (2, True, ()),
        (3, True, ()),
    ]
    assert all(v.up > 0 and v.down > 0 and v.again > 0 for v in found.migrations)
    assert found.migrations[0].crashes == found.migrations[1].crashes == 2
    assert found.migrations[2].crashes >= 6
    assert found.seconds > 0
    assert await tables(db) == []  # the database itself is not touched
    assert await scratches(db) == []


async def test_an_undo_part_that_does_not_undo(colour, db, directory):
    write(
        directory,
        _2_seed="ALTER TABLE users ADD COLUMN note TEXT;\n-- @UNDO\nSELECT 1;",
        _3_index="ALTER TABLE users ADD COLUMN more TEXT;",
    )
    found = await colour.Migration(db, migrations_dir=directory).verify()
    assert not found.ok
    failing = found.migrations[1].failures
    assert failing[0].stage == "undo"
    assert [(c.kind, c.path) for c in failing[0].changes] == [("added", "public.users.note")]
    assert failing[1].stage == "apply again" and "note" in failing[1].message
    assert await scratches(db) == []


@pytest.mark.engine("postgresql", because="one engine")
async def test_an_undo_part_that_takes_too_much(colour, db, directory):
    """No server decides this, and PostgreSQL is several times faster here."""
    write(
        directory,
        _3_index="CREATE INDEX users_name ON users (name);\n-- @UNDO\nDROP INDEX users_name;\n"
        "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x';",
    )
    found = await colour.Migration(db, migrations_dir=directory).verify()
    (failing,) = found.migrations[2].failures
    (change,) = failing.changes
    assert (failing.stage, change.path, change.aspect) == ("undo", "public.users.name", "default")


@pytest.mark.engine("postgresql", because="one engine")
async def test_it_goes_on_after_an_undo_part_that_fails(colour, db, directory):
    """What follows is judged on the schema that the migrations make."""
    write(
        directory,
        _2_seed="ALTER TABLE users ADD COLUMN note TEXT;\n-- @UNDO\nSELECT 1;",
        _3_index="CREATE TABLE more (id INT);\n-- @UNDO\nDROP TABLE nothing;",
        _4_last="CREATE INDEX more_id ON more (id);\n-- @UNDO\nSELECT 1;",
        _5_good="CREATE TABLE good (id INT);\n-- @UNDO\nDROP TABLE good;",
    )
    found = await colour.Migration(db, migrations_dir=directory).verify(newest=0)
    stages = {v.version: [f.stage for f in v.failures] for v in found.migrations}
    assert stages == {
        1: [],
        2: ["undo", "apply again"],
        3: ["undo"],
        4: ["undo", "apply again"],
        5: [],
    }


async def test_a_migration_that_fails(colour, db, directory):
    write(directory, _3_index="CREATE INDEX i ON users (nothing);", _4_more="SELECT 1;")
    found = await colour.Migration(db, migrations_dir=directory).verify()
    assert not found.ok
    assert [v.version for v in found.migrations] == [1, 2, 3]
    (failing,) = found.migrations[2].failures
    assert failing.stage == "apply" and "3_index.sql" in failing.message
    assert found.migrations[1].crashes == 2  # what applies is tried further
    assert await scratches(db) == []


@pytest.mark.engine("postgresql", because="one engine")
async def test_without_undo_only_when_strict(colour, db, directory):
    """No server decides this, and PostgreSQL is several times faster here."""
    write(directory, _2_seed="INSERT INTO users VALUES (1, 'one');")
    migration = colour.Migration(db, migrations_dir=directory)
    found = await migration.verify(newest=0)
    assert found.ok and found.irreversible == (2,)
    assert (await migration.verify(newest=1, strict=True)).ok is False


@pytest.mark.engine("postgresql", because="one engine")
async def test_the_number_of_migrations_that_crash(colour, db, directory):
    """No server decides this, and PostgreSQL is several times faster here."""
    migration = colour.Migration(db, migrations_dir=directory)
    found = await migration.verify(newest=1)
    assert [v.crashes > 0 for v in found.migrations] == [False, False, True]
    with pytest.raises(ConfigError):
        await migration.verify(newest=-1)


@pytest.mark.engine("postgresql", because="one engine")
async def test_other_environments_are_left_out(colour, db, directory):
    """No server decides this, and PostgreSQL is several times faster here."""
    write(directory, _4_prod="-- @environments production\nDROP TABLE nowhere;")
    found = await colour.Migration(db, migrations_dir=directory).verify(newest=0)
    assert found.ok and found.skipped == (4,)


async def test_nothing_to_verify(colour, db, tmp_path):
    found = await colour.Migration(db, migrations_dir=tmp_path).verify()
    assert found.ok and found.migrations == ()


@pytest.mark.engine("postgresql", because="one engine")
async def test_what_it_does_is_told(colour, db, directory):
    """No server decides this, and PostgreSQL is several times faster here."""
    told = []
    migration = colour.Migration(db, migrations_dir=directory, on_event=told.append)
    await migration.verify(newest=0)
    finished = [e.version for e in told if isinstance(e, MigrationFinished)]
    assert finished.count(1) == 5  # up, down, up, then all down and all up


@pytest.mark.slow
@pytest.mark.engine("postgresql", because="throwaway server")
async def test_on_a_throwaway_server(colour, directory):
    """Only the embedded PostgreSQL is always there; no database is connected to."""
    nowhere = colour.database("postgresql://nobody@127.0.0.1:1/none")
    migration = colour.Migration(nowhere, migrations_dir=directory)
    assert (await migration.verify(on="postgresql", newest=1)).ok


@pytest.mark.engine("postgresql", because="throwaway server")
async def test_shared_objects_go_to_a_server_apart(colour, db, directory):
    """Roles belong to the whole server; only the embedded PostgreSQL is always there."""
    write(directory, _4_role="CREATE ROLE verify_reader;\n-- @UNDO\nDROP ROLE verify_reader;")
    found = await colour.Migration(db, migrations_dir=directory).verify(newest=1)
    assert found.ok, found
    assert "migration 4 has CREATE ROLE" in found.notes[0]


@pytest.mark.engine("postgresql", because="CONCURRENTLY")
async def test_indexes_made_concurrently_and_what_nobody_can_see(colour, db, directory):
    """CockroachDB's indexes are always made so."""
    write(
        directory,
        _4_index="CREATE INDEX CONCURRENTLY i ON users (id, name);\nUPDATE users SET name = 'x';\n"
        "-- @UNDO\nDROP INDEX CONCURRENTLY i;",
        _5_vacuum="VACUUM users;",
    )
    found = await colour.Migration(db, migrations_dir=directory).verify(newest=2)
    assert found.ok, found
    assert found.migrations[3].crashes == 7
    assert found.migrations[4].crashes >= 3


@pytest.mark.engine("postgresql", because="one engine")
async def test_interrupted_it_leaves_no_database(colour, db, url, directory):
    """One engine is enough: the scratch database is let go by the same code on both."""
    write(directory, _4_slow="SELECT pg_sleep(30);")
    code = (
        "import sys; from manticore_cockroachdb import Database, Migration;"
        "Migration(Database.from_url(sys.argv[1]), sys.argv[2]).verify()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, url, str(directory)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while time.monotonic() < deadline and not await db.execute(sleeping):
        await colour.sleep(0.1)
    assert await scratches(db)
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(20) != 0
    assert await scratches(db) == []
