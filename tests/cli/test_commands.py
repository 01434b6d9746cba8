"""The commands on real servers, in the test's own process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.own_tables import LEASE
from tests.support.differences import REASONS, lacks
from tests.support.servers import Server

from .conftest import Manticore, write, write_tables


def test_from_new_to_rollback(on: Manticore) -> None:
    path = on(
        "new",
        "create users",
        "table",
        "--up",
        "CREATE TABLE users (id INT)",
        "--down",
        "DROP TABLE users",
    ).out.strip()
    assert path.startswith("migrations/") and path.endswith("_create_users_table.sql")
    version = int(Path(path).name.partition("_")[0])

    assert on("current").out == ""
    assert on("status", "--exit-code", code=3).out
    applied = on("migrate")
    assert applied.out == "1 migration applied.\n"
    assert applied.err.startswith(f"applied {version} create users table (")
    assert on("migrate").out == "Nothing to do: everything is applied.\n"
    assert on("current").out == f"{version}\n"
    assert on("current", "--json").json == {"current": version}
    assert "Everything is applied." in on("status", "--exit-code").out

    undone = on("rollback")
    assert undone.out == "1 migration rolled back.\n"
    said = undone.err.splitlines()
    assert said[0] == f"database {Database.from_url(os.environ['DATABASE_URL']).settings.display()}"
    assert said[1:3] == ["1 migration will be rolled back:", f"  {version}  create users table"]
    assert "    destroys all rows of users" in said
    assert said[-1].startswith(f"rolled back {version} create users table (")
    nothing = on("rollback")
    assert nothing.out == "Nothing to do: nothing is applied.\n"
    assert nothing.err == f"{said[0]}\n", "where it looked"
    assert on("rollback", "--all").out == "Nothing to do: nothing is applied.\n"
    on("migrate")
    answer = on("rollback", "--to", str(version))
    assert answer.out == f"Nothing to do: nothing newer than {version} is applied.\n"


def test_the_object_that_status_prints(on: Manticore) -> None:
    write_tables(3)
    on("migrate", "--to", "2")
    found = on("status", "--json").json
    assert found["current"] == 2
    assert [(m["version"], m["description"]) for m in found["applied"]] == [
        (1, "create t1"),
        (2, "create t2"),
    ]
    assert all(datetime.fromisoformat(m["applied_at"]).tzinfo for m in found["applied"])
    (pending,) = found["pending"]
    assert (pending["version"], pending["description"]) == (3, "create t3")
    assert pending["path"] == str(Path("migrations/3_create_t3.sql"))
    assert found["problems"] == found["skipped"] == []


def test_json_of_migrate_and_rollback(on: Manticore) -> None:
    write_tables(2)
    applied = on("migrate", "--json").json["applied"]
    assert [(m["version"], m["description"]) for m in applied] == [
        (1, "create t1"),
        (2, "create t2"),
    ]
    assert all(m["seconds"] >= 0 for m in applied)
    assert on("migrate", "--json").json == {"applied": []}
    undone = on("rollback", "--count", "2", "--yes", "--json").json["rolled_back"]
    assert [m["version"] for m in undone] == [2, 1]
    assert on("rollback", "--json").json == {"rolled_back": []}


def test_quiet_says_nothing_but_what_was_asked_for(on: Manticore) -> None:
    write_tables(1)
    answer = on("migrate", "-q")
    assert (answer.out, answer.err) == ("", "")
    assert on("current", "-q").out == "1\n"


def test_a_failure_names_file_line_and_column(on: Manticore) -> None:
    write_tables(2)
    write(3, "broken", "CREATE TABLE t3 (id INT);\nINSERT INTO  nowhere VALUES (1);")
    write_text = Path("migrations/4_later.sql").write_text
    write_text("CREATE TABLE t4 (id INT);")
    answer = on("migrate", "--json", code=1)
    lines = answer.err.splitlines()
    assert [line.partition(" (")[0] for line in lines[:2]] == [
        "applied 1 create t1",
        "applied 2 create t2",
    ]
    assert lines[2].startswith("error: Migration 3 failed: ")
    assert lines[3].startswith("  --> migrations/3_broken.sql:2:")
    assert lines[4] == "  | INSERT INTO  nowhere VALUES (1);"
    assert lines[5].lstrip("| ").rstrip() == "^"
    assert lines[-1] == "note: 2 migrations were applied before that"
    error = answer.json["error"]
    assert (error["kind"], error["version"], error["line"]) == ("MigrationFailed", 3, 2)
    assert error["applied"] == [1, 2] and error["sqlstate"] == "42P01"
    assert on("current").out == "2\n"

    (attempt,) = on("history", "--failed", "--json").json
    assert (attempt["version"], attempt["sqlstate"]) == (3, "42P01")
    text = on("history", "--failed").out
    assert "SQLSTATE 42P01" in text and "INSERT INTO  nowhere" in text


def test_a_template_is_refused_until_it_is_filled_in(on: Manticore) -> None:
    on("new", "think about it")
    assert "The forward part is empty." in on("migrate", code=1).err


def test_rolling_back_several_needs_a_yes(on: Manticore) -> None:
    write_tables(4)
    on("migrate")
    refused = on("rollback", "--count", "2", code=2)
    assert "--yes answers" in refused.err
    assert on("current").out == "4\n"
    assert on("rollback", "--count", "2", "--yes").out == "2 migrations rolled back.\n"
    assert on("rollback", "--to", "1").out == "1 migration rolled back.\n"  # one needs no answer
    on("migrate")
    assert on("rollback", "--to", "1", "-y").out == "3 migrations rolled back.\n"
    assert on("rollback", "--all").out == "1 migration rolled back.\n"


def test_a_target_must_be_one_that_there_is(on: Manticore) -> None:
    write_tables(2)
    on("migrate")
    for command in ("migrate", "rollback"):
        answer = on(command, "--to", "3", code=2)
        assert "No migration has version 3." in answer.err
        assert "not a version" in on(command, "--to", "x", code=2).err
    assert on("current").out == "2\n"


def test_history_lists_what_is_applied(on: Manticore) -> None:
    assert on("history").out == "Nothing is applied.\n"
    assert on("history", "--failed").out == "No attempt has failed.\n"
    write_tables(2)
    on("migrate")
    lines = on("history").out.splitlines()
    assert lines[0].startswith("version  applied at (UTC)")
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    assert socket.gethostname() in lines[1]
    (first, _) = on("history", "--json").json
    assert (first["version"], first["mode"]) == (1, "transaction")
    assert datetime.fromisoformat(first["applied_at"])
    assert "undo" not in first and "token" not in first


def test_a_changed_file_needs_somebody(on: Manticore) -> None:
    write_tables(2)
    on("migrate")
    write(1, "create t1", "CREATE TABLE t1 (id BIGINT);", "DROP TABLE t1;")
    write(3, "create t3", "CREATE TABLE t3 (id INT);")
    answer = on("migrate", code=6)
    assert "Migration 1 was changed after it was applied." in answer.err
    status = on("status", "--exit-code", code=6).out
    assert "Problems" in status and "hint: " in status
    assert on("migrate", "--allow-changed").out == "1 migration applied.\n"
    assert "is accepted as its file is now" in on("repair", "1").out
    assert on("status", "--exit-code").code == 0


def test_a_missing_file_and_one_out_of_order(on: Manticore) -> None:
    write_tables(3)
    Path("migrations/2_create_t2.sql").rename("2.kept")
    on("migrate")
    Path("2.kept").rename("migrations/2_create_t2.sql")
    assert "newer 3 is already applied" in on("migrate", code=6).err
    assert on("migrate", "--allow-out-of-order").out == "1 migration applied.\n"
    Path("migrations/1_create_t1.sql").unlink()
    write(4, "create t4", "CREATE TABLE t4 (id INT);")
    assert "has no file" in on("migrate", code=6).err
    assert on("migrate", "--allow-missing").out == "1 migration applied.\n"
    assert "is forgotten" in on("repair", "1").out
    assert on("status", "--exit-code").code == 0


def test_baseline_and_repair(on: Manticore, url: str) -> None:
    write_tables(3)
    assert on("baseline", "2").out == "2 migrations recorded as applied.\n"
    assert on("baseline", "2", "--json").json == {"recorded": 0}
    assert on("migrate").out == "1 migration applied.\n"
    with Database.from_url(url) as db:
        assert (db.exists("t1"), db.exists("t3")) == (False, True)
    assert "not applied" in on("repair", "1", "--not-applied").out
    assert on("repair", "1", "--applied").out == "Migration 1 is recorded as applied.\n"
    assert "No migration has version 9" in on("baseline", "9", code=2).err
    assert on("repair", "9", code=2).err


def test_session_settings_reach_the_migrations(on: Manticore, server: Server) -> None:
    if lacks(server, "settings of one's own"):
        pytest.skip(str(REASONS["settings of one's own"]))
    Path("manticore.toml").write_text('[settings]\napp.colour = "red"\napp.size = 3\n')
    write(
        1,
        "use settings",
        "CREATE TABLE t (a TEXT);"
        "INSERT INTO t SELECT current_setting('app.colour') || current_setting('app.size');",
    )
    on("migrate", "--set", "app.colour=blue")
    with Database.from_url(os.environ["DATABASE_URL"]) as db:
        assert db.select("t") == [{"a": "blue3"}]


def test_environments_choose_migrations_and_databases(
    on: Manticore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REAL_URL", url)
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/wrong")
    Path("manticore.toml").write_text(
        '[environments.production]\nurl = "env:REAL_URL"\ndir = "sql"\n[environments.other]\n'
    )
    Path("sql").mkdir()
    Path("sql/1_one.sql").write_text("-- @environments production\nCREATE TABLE one (id INT);")
    Path("sql/2_two.sql").write_text("-- @environments other\nCREATE TABLE two (id INT);")
    assert on("migrate", "--env", "production").out == "1 migration applied.\n"
    found = on("status", "--env", "production", "--json").json
    assert [m["version"] for m in found["skipped"]] == [2]
    assert "meant for other environments" in on("status", "--env", "production").out
    assert "127.0.0.1:1/wrong" in on("status", "--env", "other", "--dir", "sql", code=1).err


def test_the_lease(on: Manticore, url: str) -> None:
    assert on("lock", "status").out == "Nobody is migrating.\n"
    assert on("lock", "release").out == "Nobody had it.\n"
    write_tables(1)
    on("migrate")
    with Database.from_url(url) as db:
        take = (
            f"UPDATE {LEASE} SET owner = 'elsewhere:1', session = NULL, acquired_at = now(),"
            " expires_at = now() + INTERVAL '{} s'"
        )
        db.execute(take.format(60))
        write_tables(2)
        waited = on("migrate", "--lease-wait", "0.1", code=7)
        assert "waiting for elsewhere:1" in waited.err and "has held the lease" in waited.err
        assert "elsewhere:1 has the right to migrate" in on("lock", "status").out
        assert on("lock", "status", "--json").json["owner"] == "elsewhere:1"
        assert "elsewhere:1 may still be running" in on("lock", "release", code=2).err
        assert on("lock", "release", "--yes").out == "Taken from elsewhere:1.\n"
        db.execute(take.format(-1))
        assert "expired" in on("lock", "status").out
        assert on("lock", "release").out == "Taken from elsewhere:1.\n"
    assert on("migrate").out == "1 migration applied.\n"


def test_fresh_leaves_the_same_history(on: Manticore) -> None:
    write_tables(5)
    assert on("migrate", "--fresh").out == "5 migrations applied.\n"
    assert [m["version"] for m in on("history", "--json").json] == [1, 2, 3, 4, 5]


def test_new_needs_no_database_and_numbers_on(
    manticore: Manticore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://nonsense")
    write_tables(2)
    assert manticore("new", "next", "one", "--json").json == {"path": "migrations/3_next_one.sql"}
    assert Path("migrations/3_next_one.sql").read_text().count("-- @UNDO") == 1
    path = manticore("new", "four", "--up", "SELECT 1").out.strip()
    assert Path(path).read_text() == "SELECT 1\n"
    assert manticore("new", "five", "--dir", "a/b").out.startswith("a/b/")
    assert "too long" in manticore("new", "x" * 300, code=1).err
    for hostile in ("../../etc/passwd", "a/b", "a\nb", "-- @UNDO", "a'; DROP"):
        made = Path(manticore("new", "--", hostile).out.strip())
        assert made.parent == Path("migrations") and made.exists()


def test_status_of_a_directory_that_is_not_there(on: Manticore) -> None:
    assert "does not exist" in on("status", "--dir", "nope", code=1).err
    Path("file").write_text("")
    assert "is a file" in on("migrate", "--dir", "file", code=1).err


def test_a_history_that_an_older_table_holds_is_shown(on: Manticore, url: str) -> None:
    """The table of 0.3.1 has three columns."""
    write_tables(2)
    with Database.from_url(url) as db:
        db.execute(
            "CREATE TABLE _migrations (version INT8 PRIMARY KEY, description TEXT,"
            " applied_at TIMESTAMP DEFAULT now())"
        )
        db.execute("INSERT INTO _migrations VALUES (1, 'create t1')")
    assert on("current").out == "1\n"
    assert on("history").out.splitlines()[1].startswith("1 ")
    assert [m["version"] for m in on("status", "--json").json["pending"]] == [2]


def test_hostile_names_cannot_reach_the_terminal(on: Manticore, url: str) -> None:
    evil = "a\x1b[2J\x07b"
    write(1, evil, f"CREATE TABLE t (id INT); -- {evil}")
    write(2, f"{evil}2", f"SELECT 1 FROM nowhere; -- {evil}")
    for arguments, code in ((["status"], 0), (["migrate", "-v"], 1), (["history", "--failed"], 0)):
        answer = on(*arguments, code=code)
        assert "\x1b" not in answer.out + answer.err and "\x07" not in answer.out + answer.err
    with Database.from_url(url) as db:
        migration = Migration(db)
        assert migration.get_applied_migrations()[0]["description"] == evil
    assert "\x1b" not in on("history").out


def test_migrate_makes_the_database_when_told_to(
    on: Manticore, url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(1)
    here = Database.from_url(url)
    name = f"{here.settings.database}_by_command"
    monkeypatch.setenv("DATABASE_URL", here.sibling(name).settings.url(secrets=True))
    try:
        refused = on("migrate", code=1)
        assert "migrate --create" in refused.err
        made = on("migrate", "--create")
        assert f"created the database {name}" in made.err
        assert made.out == "1 migration applied.\n"
        assert "created" not in on("migrate", "--create").err
        assert on("current").out == "1\n"
    finally:
        here.drop_database(name, force=True)


def test_two_runners_make_one_database(url: str, tmp_path: Path) -> None:
    write_tables(2)
    here = Database.from_url(url)
    name = f"{here.settings.database}_raced"
    there = here.sibling(name).settings.url(secrets=True)
    command = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--create"]
    try:
        runners = [
            subprocess.Popen(
                [*command, "--url", there],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(2)
        ]
        ended = [(runner.communicate(timeout=60)[0], runner.returncode) for runner in runners]
        assert [code for _, code in ended] == [0, 0], ended
        with here.sibling(name) as made:
            assert len(Migration(made, "migrations").get_applied_migrations()) == 2
    finally:
        here.drop_database(name, force=True)


def test_the_ordinary_reason_is_not_on_every_line(on: Manticore) -> None:
    write_tables(2)
    said = on("status").out + on("plan").out
    assert "in one transaction\n" in said
    assert "commits and rolls back" not in said and "new tables only" not in said
    assert on("status", "--json").json["pending"][0]["reason"]
    on("migrate", "--to", "1")
    assert "the database is what 1 migration makes" in on("drift").out
