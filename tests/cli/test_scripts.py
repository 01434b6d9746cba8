"""The scripts of a deployment, as the guide calls them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb import Database
from scripts import apply_migrations, create_new_db_with_migrations, rollback_last_migration

from .conftest import Manticore, write, write_tables
from .test_demo import databases


def test_apply_and_roll_back_the_last(on: Manticore) -> None:
    write_tables(3)
    assert apply_migrations.main([]) == 0
    assert on("current").out == "3\n"
    assert rollback_last_migration.main([]) == 0
    assert on("current").out == "2\n"


def test_they_run_as_modules(on: Manticore, tmp_path: Path) -> None:
    """From the checkout, with DATABASE_URL and MANTICORE_DIR."""
    write_tables(2)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.apply_migrations"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "MANTICORE_DIR": str(tmp_path / "migrations")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "2 migrations applied.\n"), done.stderr


def run_create(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = create_new_db_with_migrations.main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_new_database_is_made_migrated_and_printed(
    on: Manticore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tables(3)
    before = databases(url)
    code, out, err = run_create(capsys=capsys)
    assert code == 0, err
    (name,) = databases(url) - before
    with Database.from_url(url) as db:
        assert name.startswith(f"{db.settings.database}_2")
        try:
            assert out.count("\n") == 1 and f"/{name}" in out
            assert on("current", "--url", out.strip()).out == "3\n"
            assert on("current").out == ""  # the old one is not touched
        finally:
            db.drop_database(name, force=True)


def test_one_that_exists_is_left_alone(
    on: Manticore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tables(1)
    name = str(Database.from_url(url).settings.database)
    code, out, err = run_create(name, capsys=capsys)
    assert (code, out) == (1, "") and "already exists" in err
    assert name in databases(url)


def test_nothing_is_left_when_a_migration_fails(
    on: Manticore, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(1, "broken", "SELECT nonsense;")
    before = databases(url)
    code, out, err = run_create(capsys=capsys)
    assert (code, out) == (1, "") and "is dropped again" in err
    assert databases(url) == before


def test_the_password_is_printed_only_when_asked_for() -> None:
    settings = Database.from_url("postgresql://u:hunter2@h/d").settings
    assert "hunter2" not in settings.url() and "hunter2" in settings.url(secrets=True)
    assert "--with-password" in {
        name for p in create_new_db_with_migrations.command.params for name in p.opts
    }
