"""Every command on another tool's directory, on an empty one, and on one without a migration."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Manticore
from tests.support.foreign import DIRECTORIES, DOWN, UP, write

ROWS = 1_000
MIGRATIONS = Path("migrations")
READERS = [
    ("migrate",),
    ("migrate", "--fresh"),
    ("migrate", "--to", "1"),
    ("migrate", "--dry-run"),
    ("plan",),
    ("plan", "--rollback"),
    ("status",),
    ("status", "--exit-code"),
    ("rollback",),
    ("rollback", "--all", "--yes"),
    ("verify",),
    ("drift",),
    ("docs",),
    ("baseline", "1"),
    ("repair", "1"),
    ("new", "more", "users"),
]


@pytest.fixture
def users(url: str) -> psycopg.Connection:
    """A table with rows that somebody needs, which the foreign files' way back drops."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT)")
    connection.execute(f"INSERT INTO users SELECT i, 'n' FROM generate_series(1, {ROWS}) AS g (i)")
    return connection


def untouched(users: psycopg.Connection) -> None:
    [(number,)] = users.execute("SELECT count(*) FROM users").fetchall()
    assert number == ROWS
    [(ours,)] = users.execute(
        "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = '_migrations'"
    ).fetchall()
    assert ours == 0
    users.close()


def test_every_command_refuses_dbmates_file_and_the_table_stays(
    on: Manticore, users: psycopg.Connection, url: str
) -> None:
    """The file of the report: lint found nothing, migrate said that it was applied, and the table
    was gone."""
    MIGRATIONS.mkdir()
    path = MIGRATIONS / "1_users.sql"
    path.write_text(f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}")
    for words in (*READERS, ("diff", url, "migrations")):
        answer = on(*words, code=1)
        assert "dbmate" in answer.err, words
        assert "manticore import dbmate" in " ".join(answer.err.split()), words
        assert "migrations/1_users.sql:3:1" in answer.err, words
        assert "applied" not in answer.out, words
    assert [p.name for p in MIGRATIONS.iterdir()] == ["1_users.sql"]
    untouched(users)


@pytest.mark.parametrize("case", DIRECTORIES)
def test_lint_migrate_and_status_say_whose_it_is(
    manticore: Manticore, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Before anything is connected to: nothing listens there."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    write(MIGRATIONS, case)
    whose = case.partition(",")[0].partition(" without")[0]
    for words in (("migrate",), ("status",), ("new", "x")):
        answer = manticore(*words, code=1)
        assert f"{whose}'s" in answer.err.lower(), answer.err
        assert "hint: convert them with `manticore import" in answer.err
        assert "new version" not in answer.err  # which, followed, ran every way back
    found = manticore("lint", "--json", code=5).json
    assert any(one["rule"] == "foreign-file" for one in found)
    assert any(f"{whose}'s" in one["message"].lower() for one in found)


@pytest.mark.parametrize(
    "case", ["dbmate", "goose", "tern", "golang-migrate", "flyway", "diesel", "prisma", "atlas"]
)
def test_lint_of_single_files_as_pre_commit_calls_it(manticore: Manticore, case: str) -> None:
    write(MIGRATIONS, case)
    files = sorted(str(path) for path in MIGRATIONS.rglob("*.sql"))
    found = manticore("lint", "--format", "json", *files, code=5).json
    assert any(one["rule"] == "foreign-file" for one in found)


def test_lint_goes_on_with_what_is_ours_beside_it(manticore: Manticore) -> None:
    write(Path("db/theirs"), "alembic")
    (Path("db") / "1_drop_faxes.sql").write_text("DROP TABLE faxes;\n-- @UNDO\nSELECT 1;\n")
    found = manticore("lint", "db", "--json", code=5).json
    assert {"foreign-file", "drop-table"} <= {one["rule"] for one in found}


def test_a_neighbour_that_only_lies_there_can_be_moved(on: Manticore) -> None:
    """No line in a file can speak for a directory."""
    MIGRATIONS.mkdir()
    (MIGRATIONS / "1_users.sql").write_text(f"{UP}-- @UNDO\n{DOWN}")
    (MIGRATIONS / "atlas.sum").write_text("h1:x=\n")
    assert "move it elsewhere" in " ".join(on("migrate", code=1).err.split())
    (MIGRATIONS / "atlas.sum").rename("atlas.sum")
    on("migrate")


def test_an_allowance_is_no_finding_and_not_a_stale_one(manticore: Manticore) -> None:
    MIGRATIONS.mkdir()
    text = "-- @allow foreign-file, no-undo: applied before the check\n-- migrate:up\n"
    text += "ALTER TABLE users ADD COLUMN age INT8;\n"
    (MIGRATIONS / "1_add_age.sql").write_text(text)
    assert manticore("lint", "--json").json == []
    (MIGRATIONS / "1_add_age.sql").write_text(text.replace("-- migrate:up\n", ""))
    [stale] = manticore("lint", "--json", code=5).json
    assert stale["rule"] == "unused-allow"


def test_the_error_as_json(manticore: Manticore) -> None:
    write(MIGRATIONS, "goose")
    error = manticore("status", "--json", code=1).json["error"]
    assert error["kind"] == "ForeignFile"
    assert (error["path"], error["line"]) == ("migrations/1_users.sql", 3)


# --- nothing there --------------------------------------------------------------------------------


def test_an_empty_directory_is_said_to_be_empty(on: Manticore) -> None:
    MIGRATIONS.mkdir()
    (MIGRATIONS / ".gitkeep").touch()
    for words in (("migrate",), ("plan",), ("status",), ("verify",), ("status", "--exit-code")):
        answer = on(*words)
        assert "No migrations in migrations, which is empty." in answer.out, words
        assert "is applied" not in answer.out, words
    assert "There is no .sql file in migrations." in on("lint").err
    assert on("migrate", "--json").json == {"applied": []}


def test_a_directory_without_a_migration_says_what_is_left_unread(on: Manticore) -> None:
    (MIGRATIONS / "2024").mkdir(parents=True)
    (MIGRATIONS / "2024" / "1_users.sql").write_text(UP)
    (MIGRATIONS / "0001_initial.py").write_text("def up(): ...\n")
    for words in (("migrate",), ("plan",), ("status",), ("verify",)):
        answer = on(*words)
        text = " ".join(answer.out.split())
        assert "No migrations in migrations: left unread 0001_initial.py, 2024/;" in text, words
        assert "is applied" not in text, words


def test_many_unread_names_are_not_all_told(on: Manticore) -> None:
    MIGRATIONS.mkdir()
    for i in range(1_200):
        (MIGRATIONS / f"{i}.txt").touch()
    assert "and 1,195 more" in on("migrate").out


def test_what_is_applied_is_still_said_to_be(on: Manticore) -> None:
    MIGRATIONS.mkdir()
    (MIGRATIONS / "1_users.sql").write_text(f"{UP}-- @UNDO\n{DOWN}")
    on("migrate")
    assert on("migrate").out == "Nothing to do: everything is applied.\n"
    assert "Everything is applied." in on("status").out


# --- another tool's history ----------------------------------------------------------------------


def test_another_tools_history_is_a_warning_once(on: Manticore, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY)")
        connection.execute("INSERT INTO schema_migrations VALUES ('20240101000000')")
    MIGRATIONS.mkdir()
    (MIGRATIONS / "1_users.sql").write_text(f"{UP}-- @UNDO\n{DOWN}")
    for words in (("status",), ("plan",), ("migrate", "--quiet")):
        text = " ".join(on(*words).err.split())
        assert text.count("public.schema_migrations is a history of dbmate's") == 1, words
        assert "manticore baseline VERSION" in text, words
    for words in (("status",), ("plan",), ("migrate",)):
        assert "dbmate" not in on(*words).err, words
