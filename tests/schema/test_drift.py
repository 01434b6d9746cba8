"""Drift: a database against what its applied migrations make."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import SchemaError
from manticore_cockroachdb.shadow.async_scratch import PREFIX


def write(directory, **files):
    for name, text in files.items():
        (directory / f"{name.lstrip('_')}.sql").write_text(text)


@pytest.fixture
def directory(tmp_path):
    write(
        tmp_path,
        _1_users="CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT NOT NULL);",
        _2_age="ALTER TABLE users ADD COLUMN age INT8 DEFAULT 0;\n-- @UNDO\n"
        "ALTER TABLE users DROP COLUMN age;",
    )
    return tmp_path


async def scratches(db):
    rows = await db.execute("SELECT datname FROM pg_catalog.pg_database")
    return [row["datname"] for row in rows if row["datname"].startswith(PREFIX)]


async def test_none_after_migrating(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    drift = await migration.drift()
    assert not drift.differs
    assert drift.changes == drift.notes == ()
    assert drift.versions == (1, 2)
    assert await scratches(db) == []


async def test_what_somebody_did_by_hand_is_found(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    await db.execute("ALTER TABLE users ALTER COLUMN age SET DEFAULT 1")
    await db.execute("CREATE INDEX by_name ON users (name)")
    await db.execute("CREATE TABLE notes (id INT8 PRIMARY KEY)")
    drift = await migration.drift()
    assert [(c.kind, c.what, c.path, c.aspect) for c in drift.changes] == [
        ("added", "table", "public.notes", None),
        ("changed", "column", "public.users.age", "default"),
        ("added", "index", "public.users.by_name", None),
    ]
    left = await migration.drift(ignore=["public.users*"])
    assert [c.path for c in left.changes] == ["public.notes"]


async def test_only_what_is_applied_is_replayed(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(1)
    drift = await migration.drift()
    assert (drift.differs, drift.versions) == (False, (1,))
    await migration.migrate()
    await migration.rollback()
    assert not (await migration.drift()).differs


async def test_migrations_of_other_environments_count_where_they_were_applied(
    colour, db, directory
):
    write(directory, _3_seed="-- @environments staging\nCREATE TABLE seeds (a INT8 PRIMARY KEY);")
    await colour.Migration(db, migrations_dir=directory, environment="staging").migrate()
    assert not (await colour.Migration(db, migrations_dir=directory).drift()).differs


async def test_a_file_that_changed_since_is_said(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    write(directory, _2_age="ALTER TABLE users ADD COLUMN age INT8 DEFAULT 7;")
    drift = await migration.drift()
    assert drift.notes == ("the file of migration 2 is not what was applied",)
    assert [(c.path, c.aspect) for c in drift.changes] == [("public.users.age", "default")]


async def test_a_missing_file_is_an_error(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    (directory / "2_age.sql").unlink()
    with pytest.raises(SchemaError, match="Migration 2 is applied and has no file"):
        await migration.drift()


async def test_a_migration_that_cannot_be_replayed_leaves_nothing_behind(colour, db, directory):
    await db.execute("CREATE TABLE old (a INT8 PRIMARY KEY)")
    write(directory, _3_old="ALTER TABLE old ADD COLUMN b INT8;")
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    with pytest.raises(SchemaError, match="cannot be replayed") as caught:
        await migration.drift()
    assert "3_old.sql:1" in str(caught.value)
    assert await scratches(db) == []


async def test_before_the_first_migration_everything_is_drift(colour, db, directory):
    await db.execute("CREATE TABLE old (a INT8 PRIMARY KEY)")
    drift = await colour.Migration(db, migrations_dir=directory).drift()
    assert [(c.kind, c.path) for c in drift.changes] == [("added", "public.old")]
    assert drift.versions == ()


@pytest.mark.engine("postgresql", because="throwaway server")
async def test_shared_objects_are_replayed_on_a_server_apart(colour, db, directory):
    """Roles belong to all databases of a server, so they are not made there a second time.

    Only the embedded PostgreSQL is always there to replay on.
    """
    write(directory, _3_role="CREATE ROLE drift_reader;\nGRANT SELECT ON users TO drift_reader;")
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    try:
        drift = await migration.drift()
        assert drift.changes == ()
        assert "migration 3 has CREATE ROLE" in drift.notes[0]
    finally:
        await db.execute("REVOKE ALL ON users FROM drift_reader; DROP ROLE drift_reader")


@pytest.mark.engine("postgresql", because="users")
async def test_without_the_right_to_create_databases_a_server_of_our_own_serves(
    colour, db, url, directory
):
    """CockroachDB without certificates knows only users that are allowed everything."""
    await db.execute("CREATE ROLE drift_poor LOGIN; GRANT ALL ON SCHEMA public TO drift_poor")
    poor = colour.database(url, user="drift_poor")
    try:
        migration = colour.Migration(poor, migrations_dir=directory)
        await migration.migrate()
        drift = await migration.drift()
        assert drift.changes == ()
        assert "may not create databases" in drift.notes[0]
    finally:
        await poor.close()
        await db.execute("DROP OWNED BY drift_poor; DROP ROLE drift_poor")


@pytest.mark.engine("postgresql", because="settings of a database")
async def test_the_search_path_of_the_database_holds_in_the_replay(colour, db, server, directory):
    """CockroachDB v20.2 has no settings of databases."""
    name = (await db.execute("SELECT current_database() AS n"))[0]["n"]
    await db.execute("CREATE SCHEMA app")
    await db.execute(f'ALTER DATABASE "{name}" SET search_path = app')
    await db.close()
    write(directory, _0_schema="CREATE SCHEMA IF NOT EXISTS app;")
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    drift = await migration.drift()
    assert drift.changes == ()
    assert "CREATE TABLE app.users" in await migration.dump()


async def test_tables_with_enums_and_foreign_keys_leave_no_scratch_database(colour, db, directory):
    """CockroachDB v20.2 cannot drop a database with these two together in one go."""
    write(
        directory,
        _3_a="CREATE TYPE mood AS ENUM ('a');\nCREATE TABLE one (id INT8 PRIMARY KEY, mood mood);",
        _4_b="CREATE TYPE size AS ENUM ('b');\n"
        "CREATE TABLE two (id INT8 PRIMARY KEY REFERENCES one (id), size size);",
    )
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    try:
        assert not (await migration.drift()).differs
        assert await scratches(db) == []
    finally:
        await db.execute("DROP TABLE two")


@pytest.mark.engine("postgresql", because="settings of a database")
async def test_a_schema_that_was_there_before_the_migrations_is_there_in_the_replay(
    colour, db, directory
):
    """CockroachDB v20.2 has no settings of databases."""
    name = (await db.execute("SELECT current_database() AS n"))[0]["n"]
    await db.execute('CREATE SCHEMA "My app"')
    await db.execute(f'ALTER DATABASE "{name}" SET search_path = "My app"')
    await db.close()
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    assert (await migration.drift()).changes == ()
    assert 'CREATE TABLE "My app".users' in await migration.dump()
