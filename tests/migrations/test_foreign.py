"""Another tool's files, directories and histories: nothing of theirs runs, and their data stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.errors import ForeignFile
from manticore_cockroachdb.runner.events import ForeignHistory

from ..support.foreign import DIRECTORIES, DOWN, UP, tool, write

ROWS = 1_000


async def _users(db: Any) -> None:
    await db.execute("CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT)")
    await db.execute(f"INSERT INTO users SELECT i, 'n' FROM generate_series(1, {ROWS}) AS g (i)")


async def _count(db: Any) -> int:
    return (await db.execute("SELECT count(*) AS n FROM users"))[0]["n"]


async def test_a_table_with_a_thousand_rows_outlives_every_tool(db, colour, tmp_path):
    """The table that the files' way back drops: each method that reads files refuses all of them,
    and says whose they are."""
    await _users(db)
    for number, case in enumerate(DIRECTORIES):
        directory = tmp_path / str(number)
        write(directory, case)
        migration = colour.Migration(db, migrations_dir=directory)
        with pytest.raises(ForeignFile) as caught:
            await migration.migrate()
        assert tool(case) in caught.value.tools, case
        assert str(directory) in str(caught.value), case
        assert f"manticore import {caught.value.tools[0]}" in str(caught.value.hint), case
        with pytest.raises(ForeignFile):
            await migration.load_migrations()
    assert await _count(db) == ROWS
    assert not await db.exists("_migrations")


@pytest.mark.parametrize("case", ["dbmate", "golang-migrate", "django"])
async def test_every_method_that_reads_files_refuses(db, colour, tmp_path, case):
    await _users(db)
    write(tmp_path, case)
    before = sorted(path.name for path in tmp_path.iterdir())
    migration = colour.Migration(db, migrations_dir=tmp_path)
    calls = [
        migration.migrate,
        lambda: migration.migrate(fresh=True),
        migration.rollback,
        migration.pending,
        migration.status,
        migration.plan,
        migration.verify,
        lambda: migration.baseline(1),
        lambda: migration.repair(1),
        lambda: migration.create_migration("more", "SELECT 1;"),
        migration.drift,
    ]
    for call in calls:
        with pytest.raises(ForeignFile):
            await call()
    assert await _count(db) == ROWS
    assert sorted(path.name for path in tmp_path.iterdir()) == before


async def test_two_hundred_files_of_dbmates_make_nothing(db, colour, tmp_path):
    for i in range(1, 201):
        (tmp_path / f"{20240101000000 + i}_t{i}.sql").write_text(
            f"-- migrate:up\nCREATE TABLE t{i} (id INT8 PRIMARY KEY);\n"
            f"-- migrate:down\nDROP TABLE t{i};\n"
        )
    with pytest.raises(ForeignFile, match="dbmate") as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert caught.value.line == 3
    assert not await db.exists("_migrations")


async def test_a_file_among_ours_stops_all_before_the_first(db, colour, tmp_path):
    await _users(db)
    (tmp_path / "1_good.sql").write_text("CREATE TABLE good (id INT8 PRIMARY KEY);\n")
    (tmp_path / "2_users.sql").write_text(f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}")
    with pytest.raises(ForeignFile):
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert not await db.exists("good")
    assert await _count(db) == ROWS


async def test_an_applied_file_goes_on_with_an_allowance_and_the_same_checksum(
    db, colour, tmp_path
):
    """As after an upgrade: the history has the file as it was read before there was a check."""
    path = tmp_path / "1_users.sql"
    text = "-- migrate:up\nCREATE TABLE users (id INT8 PRIMARY KEY);\n"
    path.write_text(f"-- @allow foreign-file: not checked yet\n{text}")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    assert await migration.migrate() == 1
    [before] = await migration.get_applied_migrations()
    path.write_text(text)
    with pytest.raises(ForeignFile, match="@allow foreign-file"):
        await migration.migrate()
    path.write_text(f"-- @allow foreign-file: applied in March, before the check\n{text}")
    assert await migration.migrate() == 0
    status = await migration.status()
    assert status.clean
    assert (await migration.get_applied_migrations()) == [before]


async def test_a_half_old_undo_part_that_was_stored_still_rolls_back(db, colour, tmp_path):
    """Below our marker theirs is a comment; it is one in the stored copy, too."""
    path = tmp_path / "1_users.sql"
    path.write_text(f"-- migrate:up\n{UP}-- @UNDO\n-- migrate:down\n{DOWN}")
    migration = colour.Migration(db, migrations_dir=tmp_path, allow_missing=True)
    assert await migration.migrate() == 1
    path.unlink()
    assert await migration.rollback() == 1
    assert not await db.exists("users")


async def test_a_body_that_mentions_a_marker_runs(db, colour, tmp_path):
    (tmp_path / "1_notes.sql").write_text(
        "CREATE TABLE notes (id INT8 PRIMARY KEY, body TEXT);\n"
        "INSERT INTO notes VALUES (1, '\n-- migrate:down\nDROP TABLE notes;\n');\n"
        "-- @UNDO\nDROP TABLE notes;\n"
    )
    assert await colour.Migration(db, migrations_dir=tmp_path).migrate() == 1
    assert "migrate:down" in (await db.select("notes"))[0]["body"]


async def test_a_new_file_is_not_written_with_a_marker_in_it(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(ForeignFile):
        await migration.create_migration("x", f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}")
    assert not list(tmp_path.iterdir())


# --- histories in the database -------------------------------------------------------------------

HISTORIES = {
    "dbmate": "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY)",
    "golang-migrate": "CREATE TABLE schema_migrations (version INT8 PRIMARY KEY, dirty BOOL)",
    "Flyway": "CREATE TABLE flyway_schema_history (installed_rank INT8 PRIMARY KEY,"
    " version VARCHAR(50), script VARCHAR(1000), success BOOL)",
    "Alembic": "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "Django": "CREATE TABLE django_migrations (id INT8 PRIMARY KEY, app VARCHAR(255),"
    " name VARCHAR(255), applied TIMESTAMPTZ)",
}


@pytest.mark.parametrize("whose", HISTORIES)
async def test_another_tools_history_is_told_once(db, colour, tmp_path, whose):
    await db.execute(HISTORIES[whose])
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    told: list[Any] = []
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=told.append)
    table = HISTORIES[whose].split()[2]
    await migration.status()
    assert [e for e in told if isinstance(e, ForeignHistory)] == [
        ForeignHistory(whose, f"public.{table}")
    ]
    told.clear()
    assert await migration.migrate() == 1
    assert sum(isinstance(e, ForeignHistory) for e in told) == 1
    told.clear()
    assert await migration.migrate() == 0
    await migration.status()
    assert not told


async def test_an_empty_database_has_nobodys_history(db, colour, tmp_path):
    await db.execute("CREATE TABLE schema_version (release TEXT PRIMARY KEY)")
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    told: list[Any] = []
    await colour.Migration(db, migrations_dir=tmp_path, on_event=told.append).migrate()
    assert not [e for e in told if isinstance(e, ForeignHistory)]


def test_the_directories_of_the_table_are_written_whole(tmp_path: Path) -> None:
    for number, case in enumerate(DIRECTORIES):
        write(tmp_path / str(number), case)
        written = [p for p in (tmp_path / str(number)).rglob("*") if p.is_file()]
        assert len(written) == len(DIRECTORIES[case])
