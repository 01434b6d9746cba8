"""The history can be trusted: checksums, missing files, order, baseline, repair, 0.3.1."""

from __future__ import annotations

from functools import partial

import pytest

from manticore_cockroachdb.errors import (
    ChangedFile,
    ConfigError,
    HistoryError,
    MissingFile,
    NoUndo,
    OutOfOrder,
    PartialMigration,
    UnknownVersion,
)
from manticore_cockroachdb.migrations.states import State


def write(directory, version, *, undo=True, table=None):
    table = table or f"t{version}"
    text = f"CREATE TABLE {table} (id INT8 PRIMARY KEY);\n"
    if undo:
        text += f"-- @UNDO\nDROP TABLE {table};\n"
    (directory / f"{version}_{table}.sql").write_text(text)


async def versions(migration):
    return [row["version"] for row in await migration.get_applied_migrations()]


async def test_a_changed_file_stops_before_anything_runs(db, colour, tmp_path):
    write(tmp_path, 1)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    (tmp_path / "1_t1.sql").write_text("CREATE TABLE t1 (id INT8 PRIMARY KEY, more INT8);\n")
    write(tmp_path, 2)
    with pytest.raises(ChangedFile, match="Migration 1 was changed") as caught:
        await migration.migrate()
    assert "repair" in caught.value.hint
    assert not await db.exists("t2")
    (problem,) = (await migration.status()).problems
    assert (problem.version, problem.state) == (1, State.CHANGED)

    allowed = colour.Migration(db, migrations_dir=tmp_path, allow_changed=True)
    assert await allowed.migrate() == 1
    assert "accepted" in await migration.repair(1)
    assert (await migration.status()).clean


@pytest.mark.engine("postgresql", because="CONCURRENTLY")
async def test_a_step_that_is_done_may_not_change_and_the_rest_may(db, colour, tmp_path):
    write(tmp_path, 1)
    file, first = tmp_path / "2_indexes.sql", "CREATE INDEX CONCURRENTLY a ON t1 (id);\n"
    file.write_text(first + "CREATE INDEX CONCURRENTLY b ON t1 (nothing);\n")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(PartialMigration):
        await migration.migrate()
    file.write_text(first.replace("id", "id DESC") + "CREATE INDEX CONCURRENTLY b ON t1 (id);\n")
    with pytest.raises(ChangedFile, match="its step 1 is done and no longer what the file says"):
        await migration.migrate()
    file.write_text(first + "CREATE INDEX CONCURRENTLY b ON t1 (id);\n")
    assert await migration.migrate() == 1


async def test_line_endings_are_no_change(db, colour, tmp_path):
    write(tmp_path, 1)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    path = tmp_path / "1_t1.sql"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"  \r\n").rstrip())
    assert await migration.migrate() == 0
    assert (await migration.status()).clean


async def test_a_missing_file_stops_migrate_and_rollback_unless_allowed(db, colour, tmp_path):
    """It may be another program's. The undo stored at apply time serves one who knows better."""
    write(tmp_path, 1)
    write(tmp_path, 2)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    (tmp_path / "2_t2.sql").unlink()
    write(tmp_path, 3)
    with pytest.raises(MissingFile, match="Migration 2"):
        await migration.migrate()
    for call in (migration.rollback, partial(migration.plan, rollback=True)):
        with pytest.raises(MissingFile, match="Migration 2") as caught:
            await call()
        assert "--allow-missing" in caught.value.hint
    with pytest.raises(MissingFile):
        await migration.rollback(target_version=1)
    assert await versions(migration) == [1, 2]
    allowed = colour.Migration(db, migrations_dir=tmp_path, allow_missing=True)
    assert await allowed.rollback() == 1
    assert not await db.exists("t2")
    assert await migration.migrate() == 1
    assert await versions(migration) == [1, 3]


async def test_a_missing_file_can_be_let_pass_or_forgotten(db, colour, tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    (tmp_path / "2_t2.sql").unlink()
    write(tmp_path, 3)
    allowed = colour.Migration(db, migrations_dir=tmp_path, allow_missing=True)
    assert await allowed.migrate() == 1
    assert "forgotten" in await migration.repair(2)
    assert (await migration.status()).clean


async def test_a_lower_version_than_the_newest_stops(db, colour, tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 3)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    write(tmp_path, 2)
    with pytest.raises(OutOfOrder, match="the newer 3 is already applied"):
        await migration.migrate()
    allowed = colour.Migration(db, migrations_dir=tmp_path, allow_out_of_order=True)
    assert await allowed.migrate() == 1
    assert await versions(migration) == [1, 2, 3]


async def test_a_rollback_takes_back_what_was_applied_last(db, colour, tmp_path):
    """Not the highest version, whose table may be in use for long."""
    for version in (1, 3, 4):
        write(tmp_path, version)
    await colour.Migration(db, migrations_dir=tmp_path).migrate()
    write(tmp_path, 2)
    migration = colour.Migration(db, migrations_dir=tmp_path, allow_out_of_order=True)
    assert await migration.migrate() == 1
    plan = await migration.plan(rollback=True, count=9)
    assert [one.version for one in plan.migrations] == [2, 4, 3, 1]
    assert await migration.rollback() == 1
    assert await versions(migration) == [1, 3, 4]
    assert await migration.migrate() == 1
    assert await migration.rollback(target_version=1) == 3, "with a target, versions say which"
    assert await versions(migration) == [1]


async def test_a_rollback_of_what_was_not_shown_does_nothing(db, colour, tmp_path):
    for version in (1, 2):
        write(tmp_path, version)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    with pytest.raises(HistoryError, match="2 would be rolled back, not 1"):
        await migration.rollback(shown=[1])
    assert await versions(migration) == [1, 2]
    assert await migration.rollback(2, shown=[2, 1]) == 2
    with pytest.raises(HistoryError, match="nothing would be rolled back, not 1"):
        await migration.rollback(shown=[1])


async def test_without_undo_nothing_is_touched(db, colour, tmp_path):
    write(tmp_path, 1, undo=False)
    write(tmp_path, 2)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    with pytest.raises(NoUndo, match="Migration 1"):
        await migration.rollback(count=2)
    assert await versions(migration) == [1, 2]
    assert await db.exists("t2")
    assert await migration.rollback() == 1


async def test_an_undo_part_with_a_password_is_not_stored(db, colour, tmp_path):
    """Then only the file can roll back; without it nothing is touched."""
    path = tmp_path / "1_a.sql"
    path.write_text("SELECT 1;\n-- @UNDO\nSELECT 2; -- CREATE USER a PASSWORD 's3cret'\n")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    assert "s3cret" not in str(await db.execute("SELECT * FROM _migrations"))
    with path.open("a") as file:
        file.write("\n")
    await migration.repair(1)
    assert "s3cret" not in str(await db.execute("SELECT * FROM _migrations"))
    path.rename(tmp_path / "aside")
    with pytest.raises(NoUndo):
        await colour.Migration(db, migrations_dir=tmp_path, allow_missing=True).rollback()
    (tmp_path / "aside").rename(path)
    assert await migration.rollback() == 1


async def test_baseline_records_without_running(db, colour, tmp_path):
    await db.execute("CREATE TABLE t1 (id INT8 PRIMARY KEY)")
    for version in (1, 2, 3):
        write(tmp_path, version)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(UnknownVersion):
        await migration.baseline(7)
    assert await migration.baseline(1) == 1
    assert await migration.baseline(1) == 0
    assert await migration.migrate() == 2
    rows = await migration.get_applied_migrations()
    assert [row["mode"] for row in rows][:1] == ["baseline"]


async def test_a_table_left_by_0_3_1_is_taken_over(db, colour, tmp_path):
    """The very statement that 0.3.1 sent, and a row as it wrote them."""
    await db.execute(
        """
            CREATE TABLE IF NOT EXISTS _migrations (
                version INTEGER PRIMARY KEY,
                description TEXT NOT NULL,
                applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
            )
            """
    )
    await db.execute("INSERT INTO _migrations (version, description) VALUES (1, 'old')")
    write(tmp_path, 1)
    write(tmp_path, 20230101120000)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    assert (await migration.status()).current == 1
    assert await migration.get_current_version() == 1
    assert await migration.migrate() == 1
    rows = await migration.get_applied_migrations()
    assert [(r["version"], r["description"]) for r in rows] == [
        (1, "old"),
        (20230101120000, "t20230101120000"),
    ]
    assert await migration.rollback() == 1


async def test_environments_limit_a_migration(db, colour, tmp_path):
    write(tmp_path, 1)
    path = tmp_path / "2_only.sql"
    path.write_text("-- @environments production\nCREATE TABLE only_there (id INT8 PRIMARY KEY);\n")
    write(tmp_path, 3)
    here = colour.Migration(db, migrations_dir=tmp_path, environment="development")
    assert await here.migrate() == 2
    status = await here.status()
    assert [s.version for s in status.skipped] == [2]
    assert status.clean
    there = colour.Migration(
        db, migrations_dir=tmp_path, environment="production", allow_out_of_order=True
    )
    assert await there.migrate() == 1


@pytest.mark.engine("postgresql", because="settings of one's own")
async def test_settings_reach_the_migrations_session(db, colour, tmp_path):
    """CockroachDB has such settings from v22.1, and DO with a condition from v25.1."""
    (tmp_path / "1_env.sql").write_text(
        "CREATE TABLE env AS SELECT current_setting('app.environment') AS name;\n"
    )
    migration = colour.Migration(
        db, migrations_dir=tmp_path, settings={"app.environment": "o'brien; DROP"}
    )
    await migration.migrate()
    assert await db.execute("SELECT name FROM env") == [{"name": "o'brien; DROP"}]


@pytest.mark.engine("postgresql", because="settings of one's own")
async def test_a_migrations_own_settings_do_not_reach_the_next(db, colour, tmp_path):
    """On CockroachDB there is nothing else to see: the search path is what it is."""
    (tmp_path / "1_path.sql").write_text(
        "CREATE SCHEMA elsewhere;\nSET search_path = elsewhere;\nCREATE TABLE a (id INT8);\n"
    )
    (tmp_path / "2_plain.sql").write_text("CREATE TABLE b (id INT8);\n")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    assert await migration.migrate() == 2
    assert await db.exists("elsewhere.a")
    assert await db.exists("public.b")


@pytest.mark.parametrize("bad", ["x", "", "1.5", -1, 1.5, True, 2**63])
async def test_a_target_that_is_no_version(db, colour, tmp_path, bad):
    write(tmp_path, 1)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(ConfigError):
        await migration.migrate(target_version=bad)
    with pytest.raises(ConfigError):
        await migration.rollback(target_version=bad)


async def test_an_undo_that_fails_leaves_the_migration_applied(db, colour, tmp_path):
    write(tmp_path, 1)
    path = tmp_path / "2_x.sql"
    path.write_text("CREATE TABLE x (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE nothing_here;\n")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    with pytest.raises(Exception, match="nothing_here") as caught:
        await migration.rollback(count=2)
    assert caught.value.line == 3
    assert await versions(migration) == [1, 2]


async def test_an_unknown_target_of_a_rollback_is_an_error(db, colour, tmp_path):
    for version in (20230101000000, 20230102000000):
        write(tmp_path, version)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    # One digit short would revert everything, one too many nothing.
    for unknown in (2023010100000, 202301010000000, 20230101006000, 20240101000000):
        with pytest.raises(UnknownVersion, match=str(unknown)):
            await migration.rollback(target_version=unknown)
        with pytest.raises(UnknownVersion, match=str(unknown)):
            await migration.plan(unknown, rollback=True)
    assert await migration.rollback(target_version=20230102000000) == 0
    # A time before the newest is a target, as in the guide: as it was then.
    assert await migration.rollback(target_version=20230101120000) == 1
    assert await migration.rollback(target_version=0) == 1
