"""The script of a plan: run by hand, it leaves what `migrate` leaves."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import Refused
from manticore_cockroachdb.parser.split import split

from ..schema.halves import read_schema
from ..support.psql import psql

FILES = {
    "1_users.sql": "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);\n"
    "INSERT INTO users VALUES (1, 'it''s; one');\n-- @UNDO\nDROP TABLE users;",
    "2_role.sql": "SET search_path = pg_catalog;\nCREATE VIEW public.names AS"
    " SELECT name FROM public.users; -- the last word\n-- @UNDO\nDROP VIEW public.names;",
    "3_index.sql": "CREATE INDEX CONCURRENTLY users_name ON users (name);\n"
    "UPDATE users SET name = 'two' WHERE id = 1;\n-- @UNDO\nDROP INDEX users_name;",
    "4_body.sql": "-- a comment; with a semicolon\nCREATE FUNCTION f() RETURNS INT8 LANGUAGE sql"
    " AS $$ SELECT 1; $$;\n-- @UNDO\nDROP FUNCTION f();",
    "5_strict.sql": "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
}
HISTORY = "SELECT version, description, checksum, undo, mode FROM _migrations ORDER BY version"


@pytest.fixture
def directory(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


async def run_by_hand(db, script: str) -> None:
    """One statement after another on one connection, as psql sends them."""
    async with await db.dedicated() as connection:
        for start, end in split(script):
            await connection.execute(script[start:end].encode())


async def reached(colour, db):
    return await read_schema(colour, db), await db.execute(HISTORY)


@pytest.mark.engine("postgresql", because="functions")
async def test_by_hand_or_by_migrate_is_the_same(colour, db, server, directory):
    """CockroachDB v20.2 has no functions; what both engines have is tested below."""
    plan = await colour.Migration(db, migrations_dir=directory).plan()
    await run_by_hand(db, plan.sql())
    with server.fresh_database() as url:
        other = colour.database(url)
        migration = colour.Migration(other, migrations_dir=directory)
        await migration.migrate()
        assert await reached(colour, db) == await reached(colour, other)
        await other.close()
    migration = colour.Migration(db, migrations_dir=directory)
    assert (await migration.status()).clean
    back = await migration.plan(2, rollback=True)
    assert back.refused  # 5 has no undo part
    with pytest.raises(Refused, match="no script"):
        back.sql()
    (directory / "5_strict.sql").write_text(
        FILES["5_strict.sql"] + "\n-- @UNDO\nALTER TABLE users ALTER COLUMN name DROP NOT NULL;"
    )
    await run_by_hand(db, (await migration.plan(1, rollback=True)).sql())
    assert await migration.get_current_version() == 1
    assert await migration.migrate() == 4


async def test_on_both_engines(colour, db, server, directory):
    for name in ("2_role.sql", "4_body.sql"):
        (directory / name).unlink()
    migration = colour.Migration(db, migrations_dir=directory)
    await run_by_hand(db, (await migration.plan()).sql())
    assert (await migration.status()).clean
    with server.fresh_database() as url:
        other = colour.database(url)
        await colour.Migration(other, migrations_dir=directory).migrate()
        assert await reached(colour, db) == await reached(colour, other)
        await other.close()
    assert not (await migration.drift()).differs


@pytest.mark.engine("postgresql", because="functions")
async def test_with_psql(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    done = psql(db.settings.url(secrets=True), (await migration.plan()).sql())
    assert done.returncode == 0, done.stderr
    assert (await migration.status()).clean


@pytest.mark.engine("postgresql", because="one engine")
async def test_a_table_left_by_an_old_version_is_completed(colour, db, directory):
    """On CockroachDB the files would need a subset; what completes the table is the same SQL."""
    await db.execute(
        "CREATE TABLE _migrations (version INTEGER PRIMARY KEY, description TEXT NOT NULL,"
        " applied_at TIMESTAMPTZ NOT NULL DEFAULT now());"
        " CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);"
        " INSERT INTO users VALUES (1, 'x'); INSERT INTO _migrations VALUES (1, 'users')"
    )
    migration = colour.Migration(db, migrations_dir=directory)
    plan = await migration.plan()
    assert [m.version for m in plan.migrations] == [2, 3, 4, 5]
    await run_by_hand(db, plan.sql())
    assert (await migration.status()).clean
