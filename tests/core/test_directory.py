"""The directory of migration files: which files are migrations, and which is the newest."""

from __future__ import annotations

from pathlib import Path

from manticore_cockroachdb.migrations.directory import create, has_migrations


def test_a_version_of_one_digit_is_a_migration(tmp_path: Path) -> None:
    assert not has_migrations(tmp_path)
    (tmp_path / "names.sql").touch()
    assert not has_migrations(tmp_path)
    (tmp_path / "1_names.sql").touch()
    assert has_migrations(tmp_path)


def test_the_newest_of_several_alike_is_that_of_the_highest_version(tmp_path: Path) -> None:
    """By number: as a text, 9 comes after 10."""
    for version in (9, 10):
        (tmp_path / f"{version}_names.sql").write_text("SELECT 1;\n")
    found = create(tmp_path, "names", "SELECT 1;", None, max, exist_ok=True)
    assert found.name == "10_names.sql"
