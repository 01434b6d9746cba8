"""The ends of the range of versions, and the ways to write them."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import FileError, ManticoreError

LARGEST = 2**63 - 1


async def test_the_ends_of_the_range(db, colour, tmp_path):
    for name in ("0_first", "007_bond", f"{LARGEST}_last"):
        (tmp_path / f"{name}.sql").write_text("SELECT 1;\n-- @UNDO\nSELECT 1;\n")
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate("7") == 2
    assert await migration.get_current_version() == 7
    assert await migration.is_applied(0)
    assert await migration.migrate(LARGEST) == 1
    assert await migration.get_current_version() == LARGEST
    with pytest.raises(ManticoreError, match="largest"):  # and does not leave a file behind
        await migration.create_migration("one more", "SELECT 1;")
    assert len(await migration.load_migrations()) == 3
    assert await migration.rollback(target_version=0) == 2
    assert await migration.get_current_version() == 0
    assert await migration.rollback() == 1
    assert await migration.get_current_version() is None


async def test_one_number_written_twice(db, colour, tmp_path):
    for name in ("7_a", "007_b"):
        (tmp_path / f"{name}.sql").write_text("SELECT 1;")
    with pytest.raises(FileError, match="used by two files"):
        await colour.Migration(db, tmp_path).migrate()


@pytest.mark.parametrize("version", [-1, LARGEST + 1, 1.0, True, "1.5", "one", "", "1;", "0x1"])
async def test_what_is_no_version(db, colour, tmp_path, version):
    (tmp_path / "1_a.sql").write_text("SELECT 1;")
    migration = colour.Migration(db, tmp_path)
    for call in (migration.migrate, migration.is_applied, migration.baseline, migration.repair):
        with pytest.raises(ManticoreError, match="is not a version"):
            await call(version)
    with pytest.raises(ManticoreError, match="is not a version"):
        await migration.rollback(target_version=version)


@pytest.mark.parametrize(
    ("newest", "next_one"),
    [
        (29990101120059, 29990101120100),
        (29991231235959, 30000101000000),
        (29990101120061, 29990101120062),  # no time, as versions near a minute's end once were
        (99991231235959, 99991231235960),
    ],
)
async def test_a_version_after_one_in_the_future_is_a_time_too(
    db, colour, tmp_path, newest, next_one
):
    (tmp_path / f"{newest}_a.sql").write_text("SELECT 1;")
    path = await colour.Migration(db, tmp_path).create_migration("b", "SELECT 1;")
    assert path == str(tmp_path / f"{next_one}_b.sql")
