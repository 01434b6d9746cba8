"""manticore dump, drift, diff and new --from-diff, as they are called."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from time import monotonic, sleep

import pytest

from manticore_cockroachdb.cli import main
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.shadow.scratch import PREFIX

USERS = "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);\n"


@pytest.fixture
def home(url, tmp_path, monkeypatch):
    """A directory with a migration that is applied to the database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MANTICORE_URL", url)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_users.sql").write_text(USERS)
    assert main(["migrate", "--quiet"]) == 0
    return tmp_path


def out(capsys):
    return capsys.readouterr().out


def change(url, sql):
    with Database.from_url(url).dedicated() as connection:
        connection.execute(sql)


def test_dump_prints_writes_and_checks(home, url, capsys):
    capsys.readouterr()
    assert main(["dump"]) == 0
    printed = out(capsys)
    assert "CREATE TABLE public.users (" in printed
    assert main(["dump", "-o", "schema.sql"]) == 0
    assert (home / "schema.sql").read_text() == printed
    assert main(["dump", "--check", "schema.sql"]) == 0
    change(url, "ALTER TABLE users ADD COLUMN age INT8")
    capsys.readouterr()
    assert main(["dump", "--check", "schema.sql"]) == 5
    assert "+    age INT8," in out(capsys)
    assert main(["dump", "--check", "schema.sql", "--json"]) == 5
    assert json.loads(out(capsys))["same"] is False


def test_dump_says_what_cannot_be(home, capsys):
    assert main(["dump", "--check", "no.sql"]) == 2
    assert main(["dump", "--check", "a.sql", "-o", "b.sql"]) == 2
    assert main(["dump", "-o", "no/where.sql"]) == 1


def test_migrate_keeps_the_dump(home, capsys):
    (home / "migrations" / "2_age.sql").write_text("ALTER TABLE users ADD COLUMN age INT8;")
    assert main(["migrate", "--dump", "schema.sql"]) == 0
    assert "age INT8" in (home / "schema.sql").read_text()
    (home / "schema.sql").unlink()
    assert main(["migrate", "--dump", "schema.sql"]) == 0
    assert main(["dump", "--check", "schema.sql"]) == 0


def test_drift_and_its_exit_code(home, url, capsys):
    assert main(["drift"]) == 0
    change(url, "ALTER TABLE users ALTER COLUMN name SET NOT NULL")
    change(url, "CREATE TABLE extra (a INT8 PRIMARY KEY)")
    capsys.readouterr()
    assert main(["drift"]) == 5
    lines = out(capsys).splitlines()
    assert "+ table public.extra" in lines
    assert "    ~ column name: nullability NULL -> NOT NULL" in lines
    assert main(["drift", "--json", "--ignore", "public.extra"]) == 5
    found = json.loads(out(capsys))
    assert found["differs"] is True
    assert [c["path"] for c in found["changes"]] == ["public.users.name"]
    assert found["versions"] == [1]
    assert main(["drift", "--ignore", "public.*"]) == 0


def test_diff_of_dumps_directories_urls_and_environments(home, url, server, capsys):
    assert main(["dump", "-o", "old.sql"]) == 0
    change(url, "CREATE INDEX by_name ON users (name)")
    (home / "manticore.toml").write_text(f"[environments.other]\nurl = {json.dumps(url)}\n")
    capsys.readouterr()
    for one, two in ((["old.sql", url]), (["migrations", "other"]), (["old.sql", "env:WHERE"])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WHERE", url)
            assert main(["diff", one, two, "--json"]) == 5
        found = json.loads(out(capsys))
        assert [c["path"] for c in found["changes"]] == ["public.users.by_name"]
    assert main(["diff", "old.sql", "--json"]) == 5
    assert [c["kind"] for c in json.loads(out(capsys))["changes"]] == ["removed"]
    assert main(["diff", url, url]) == 0


def test_diff_says_what_is_no_schema(home, capsys):
    assert main(["diff", "old.sql", "nowhere"]) == 2
    assert "'old.sql' is no URL, no dump, no directory and no env" in capsys.readouterr().err
    assert main(["diff", "postgres:/me:secret@here/db"]) == 2
    assert "secret" not in capsys.readouterr().err
    assert main(["diff", "a", "b", "c"]) == 2
    (home / "bad.sql").write_text("CREATE TABLE t (a INT8);\nCREATE TABEL u ();\n")
    assert main(["diff", "bad.sql"]) == 1
    assert "bad.sql:2:" in capsys.readouterr().err


def test_new_from_diff_writes_a_migration_that_closes_the_difference(home, url, capsys):
    (home / "goal.sql").write_text(
        USERS.replace("name TEXT", "name TEXT NOT NULL, age INT8 DEFAULT 1")
        + "CREATE INDEX by_name ON users (name);\n"
    )
    capsys.readouterr()
    assert main(["new", "close", "the", "gap", "--from-diff", url, "goal.sql"]) == 0
    said = capsys.readouterr()
    path = home / said.out.strip()
    assert path.name.endswith("_close_the_gap.sql")
    assert "remark" in said.err
    assert "-- Review: this migration was written by comparing" in path.read_text()
    assert main(["migrate"]) == 0
    assert main(["diff", "goal.sql"]) == 0
    assert main(["rollback", "--yes"]) == 0
    assert main(["diff", "migrations", url]) == 5


def test_new_from_diff_of_equal_schemas_writes_nothing(home, url, capsys):
    assert main(["new", "x", "--from-diff", url, url]) == 1
    assert "no difference" in capsys.readouterr().err
    assert main(["new", "x", "--up", "SELECT 1", "--from-diff", url, url]) == 2
    assert len(list((home / "migrations").iterdir())) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to handle")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_drift_leaves_no_scratch_database(home, url, number):
    (home / "migrations" / "1_users.sql").write_text(f"{USERS}SELECT pg_sleep(100);")
    process = subprocess.Popen([sys.executable, "-m", "manticore_cockroachdb", "drift"])
    try:
        until = monotonic() + 60
        while not scratches(url):
            assert monotonic() < until
            assert process.poll() is None
            sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    finally:
        process.kill()
        process.wait()
    assert scratches(url) == []


def scratches(url):
    with Database.from_url(url) as database:
        rows = database.execute("SELECT datname FROM pg_catalog.pg_database")
    return [row["datname"] for row in rows if row["datname"].startswith(PREFIX)]
