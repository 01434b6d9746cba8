"""The guide's own code blocks, in the guide's order, as one story on a real server."""

from __future__ import annotations

import re
from datetime import datetime

from manticore_cockroachdb.errors import MigrationFailed

USERS = """
    CREATE TABLE users (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        name TEXT NOT NULL,
        email TEXT UNIQUE NOT NULL,
        created_at TIMESTAMPTZ DEFAULT now()
    );
    """


async def test_the_guide_from_first_migration_to_rollback(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=str(tmp_path / "migrations"))
    await migration.initialize()
    await migration.create_migration("create users table", USERS, "DROP TABLE users;")
    path = await migration.create_migration(
        "add age column",
        "ALTER TABLE users ADD COLUMN age INTEGER;",
        "ALTER TABLE users DROP COLUMN age;",
    )
    assert re.fullmatch(r"\d{14}_add_age_column\.sql", path.rpartition("/")[2])

    migrations = await migration.load_migrations()
    assert [m.description for m in migrations] == ["create users table", "add age column"]
    assert migrations[0].version < migrations[1].version

    assert await migration.migrate(target_version="20230101120000") == 0
    assert await migration.migrate(target_version=migrations[0].version) == 1
    assert await migration.migrate() == 1
    assert await migration.migrate() == 0

    await db.insert("users", {"name": "Test", "email": "t@example.com", "age": 30})
    assert len(await db.select("users")) == 1

    assert await migration.get_current_version() == migrations[1].version
    assert await migration.is_applied(str(migrations[0].version))
    assert not await migration.is_applied("20230101120000")
    applied = await migration.get_applied_migrations()
    assert [m["version"] for m in applied] == [m.version for m in migrations]
    assert all(isinstance(m["applied_at"], datetime) for m in applied)

    assert await migration.rollback(count=1) == 1
    assert await migration.migrate() == 1
    assert await migration.rollback(target_version=migrations[0].version) == 1
    assert await migration.rollback(count=3) == 1
    assert await migration.get_current_version() is None
    assert not await db.exists("users")


async def test_the_guides_manual_reversion(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.create_migration("create users", USERS, "DROP TABLE users;")
    await migration.migrate()
    migrations = await migration.load_migrations()
    last_migration = max(migrations, key=lambda m: m.version)
    await db.execute(last_migration.down_sql)
    await db.execute("DELETE FROM _migrations WHERE version = %s", (last_migration.version,))
    result = await db.execute(
        "SELECT version, description, applied_at FROM _migrations ORDER BY version"
    )
    assert result == []
    assert await migration.migrate() == 1


async def test_dropping_the_history_starts_again(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.create_migration("create users", USERS, "DROP TABLE users;")
    assert await migration.migrate() == 1
    await db.drop_table("users", if_exists=True)
    await db.drop_table("_migrations", if_exists=True)
    assert await migration.migrate() == 1
    assert await db.exists("users")


async def test_the_third_of_five_fails_and_leaves_no_trace(db, colour, tmp_path):
    for i in (1, 2, 4, 5):
        (tmp_path / f"{i}_t{i}.sql").write_text(f"CREATE TABLE t{i} (id INT8 PRIMARY KEY);\n")
    (tmp_path / "3_bad.sql").write_text(
        "CREATE TABLE t3 (id INT8 PRIMARY KEY);\nINSERT INTO t3\n  VALUES (1, nonsense);\n"
    )
    migration = colour.Migration(db, migrations_dir=tmp_path)
    try:
        await migration.migrate()
    except MigrationFailed as error:
        assert error.version == 3
        assert error.applied == (1, 2)
        assert error.path == str(tmp_path / "3_bad.sql")
        assert error.line in (2, 3)
        assert "^" in (error.excerpt or "")
    else:
        raise AssertionError("the third migration went through")
    assert await migration.get_current_version() == 2
    assert [await db.exists(f"t{i}") for i in range(1, 6)] == [True, True, False, False, False]
    (attempt,) = await migration.attempts()
    assert (attempt.version, attempt.outcome) == (3, "nothing remains")
