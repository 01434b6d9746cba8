"""Environments: names that the configuration does not know, urls that it inherits, a .env."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb import Database

from .conftest import Manticore, write

CONFIGURATION = """
[environments.production]
[environments.testing]
environment = "test"
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("migrate",),
        ("migrate", "--dry-run"),
        ("plan",),
        ("rollback",),
        ("lint", "--level", "error"),
        ("docs", "--format", "mermaid"),
        ("drift",),
        ("verify",),
    ],
    ids=" ".join,
)
def test_every_command_warns_of_an_environment_that_nobody_has(
    on: Manticore, arguments: tuple[str, ...]
) -> None:
    Path("manticore.toml").write_text(CONFIGURATION)
    write(1, "a", "-- @environments prodution, test\nSELECT 1;", "SELECT 1;")
    write(2, "b", "-- @environments prodution\nSELECT 1;", "SELECT 1;")
    answer = on(*arguments, code=None)
    assert answer.err.count("names prodution") == 1
    assert "1_a.sql and 1 more" in answer.err
    assert "did you mean production?" in answer.err
    assert "names test," not in answer.err


def test_without_environments_in_the_configuration_any_name_will_do(on: Manticore) -> None:
    write(1, "a", "-- @environments prod\nSELECT 1;")
    assert "warning" not in on("status", "--env", "production").err


def test_an_environment_without_a_url_has_that_of_the_top(
    on: Manticore, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with Database.from_url(url) as db:
        other = f"{db.settings.database}_b"
        db.create_database(other)
        try:
            with db.sibling(other) as sibling:
                sibling.execute("CREATE TABLE only_here (id INT8 PRIMARY KEY)")
                there = sibling.settings.url(secrets=True)
            monkeypatch.setenv("HERE", url)
            monkeypatch.setenv("THERE", there)
            # What a shell holds stands for neither of the two.
            monkeypatch.setenv("DATABASE_URL", there)
            Path("manticore.toml").write_text(
                'url = "env:HERE"\n[environments.development]\n'
                '[environments.staging]\nurl = "env:THERE"\n'
            )
            answer = on("diff", "staging", "development", code=5)
            assert "only_here" in answer.out
            assert on("diff", "development", "development").out == "No difference.\n"
            Path("manticore.toml").write_text("[environments.development]\n")
            missing = on("diff", "development", "development", code=2)
            assert "The environment development has no url" in missing.err
            assert "no environment." in on("diff", "nobody", "development", code=2).err
        finally:
            db.drop_database(other, force=True)


def test_a_dotenv_is_not_read_and_said_not_to_be(
    manticore: Manticore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(1, "a", "SELECT 1;")
    monkeypatch.setenv("PGPORT", "1")  # nothing listens there
    Path(".env").write_text("# a comment\nexport DATABASE_URL=postgresql://ann:secret@h/d\n")
    answer = manticore("status", code=1)
    assert ".env has a DATABASE_URL, and manticore reads no .env" in answer.err
    assert "set -a; . ./.env; set +a" in answer.err
    assert "secret" not in answer.err
    assert ".env" not in manticore("status", "--url", "postgresql://127.0.0.1:1/d", code=1).err
    Path(".env").write_text("# DATABASE_URL=nothing\nOTHER=1\n")
    assert ".env" not in manticore("status", code=1).err
