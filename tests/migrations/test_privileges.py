"""The least rights that docs/privileges.md names are enough, and less is a clear error."""

from __future__ import annotations

import uuid

import pytest

from manticore_cockroachdb import Database
from manticore_cockroachdb.errors import MigrationError

FILES = {
    "1_t.sql": "CREATE TABLE t (id INT8 PRIMARY KEY, n INT8);\n-- @UNDO\nDROP TABLE t;\n",
    "2_rows.sql": "INSERT INTO t VALUES (1, 1);\n-- @UNDO\nDELETE FROM t WHERE id = 1;\n",
    "3_index.sql": "CREATE INDEX CONCURRENTLY i ON t (n);\n-- @UNDO\nDROP INDEX CONCURRENTLY i;\n",
}


@pytest.fixture
def directory(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def owner(url):
    """An administrator of the test's database, and a user who may do nothing yet."""
    name = f"migrator_{uuid.uuid4().hex[:8]}"
    with Database.from_url(url, max_size=1) as admin:
        admin.execute(f"CREATE USER {name}")
        if not is_crdb(admin):  # there a new user may do nothing in a schema of others
            admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield admin, name
        if not is_crdb(admin):  # there the user stays behind; its name is nobody else's
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP USER {name}")


def is_crdb(admin):
    return "CockroachDB" in admin.execute("SELECT version() AS v")[0]["v"]


def may_create(admin, name):
    if is_crdb(admin):
        admin.execute(f"GRANT CREATE ON DATABASE {admin.settings.database} TO {name}")
    else:
        admin.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {name}")


async def test_the_right_to_create_is_enough(url, owner, colour, directory):
    admin, name = owner
    may_create(admin, name)
    db = colour.database(url, user=name)
    migration = colour.Migration(db, migrations_dir=directory)
    assert await migration.migrate() == 3
    assert await migration.rollback(count=3) == 3
    assert await migration.migrate() == 3


async def test_a_dead_holders_session_can_be_ended_by_the_same_user(url, owner, colour, directory):
    admin, name = owner
    may_create(admin, name)
    db = colour.database(url, user=name)
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.initialize()
    async with await db.dedicated() as dead:
        row = await (
            await dead.execute(
                "SHOW session_id"
                if is_crdb(admin)
                else "SELECT pid::TEXT || ':' || EXTRACT(EPOCH FROM backend_start)::TEXT"
                " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )
        ).fetchone()
        await db.execute(
            "UPDATE _migrations_lease SET owner = 'dead', token = token + 1,"
            " expires_at = clock_timestamp() - INTERVAL '1 second', session = %s",
            (row[0],),
        )
        assert await migration.migrate() == 3
        with pytest.raises(Exception):  # noqa: B017 - however the server puts it, it is over
            await dead.execute("SELECT 1")


async def test_without_rights_the_error_is_clear_and_nothing_is_half_done(
    url, owner, colour, directory
):
    _, name = owner
    db = colour.database(url, user=name)
    migration = colour.Migration(db, migrations_dir=directory)
    with pytest.raises(MigrationError) as caught:
        await migration.migrate()
    assert caught.value.sqlstate == "42501"
    assert caught.value.hint


@pytest.mark.engine("postgresql", because="rights on schemas")
async def test_without_the_right_to_use_the_schema_the_error_says_so(url, owner, colour, directory):
    """CockroachDB 20.2 has no rights on schemas."""
    admin, name = owner
    admin.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    migration = colour.Migration(colour.database(url, user=name), migrations_dir=directory)
    with pytest.raises(MigrationError, match="may be used") as caught:
        await migration.migrate()
    assert "GRANT USAGE" in caught.value.hint
