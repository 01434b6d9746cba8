"""Python migrations on the command line: new, plan, migrate, lint, and what a failure prints."""

from __future__ import annotations

from pathlib import Path

from .conftest import Manticore, write

BODY = """\
def migrate(connection):
    connection.execute("CREATE TABLE made (id INT PRIMARY KEY)")


def undo(connection):
    connection.execute("DELETE FROM made")
"""


def test_from_new_to_rollback(on: Manticore) -> None:
    path = Path(on("new", "--python", 'the "first"', "one").out.strip())
    assert path.name.endswith("_the_first_one.py")
    failed = on("migrate", code=1)
    assert "NotImplementedError" in failed.err and f"{path}:5" in failed.err
    path.write_text(BODY)
    shown = on("plan")
    assert "Python: not analysed" in shown.out
    assert on("plan", "--json").json["migrations"][0]["mode"] == "python"
    assert "cannot be written as SQL" in on("plan", "--sql", code=1).err
    assert "the first one" in on("status").out
    on("migrate")
    assert "nothing is pending" in on("status").out.lower() or "applied" in on("status").out
    on("drift")
    on("history")
    on("verify", "--newest", "0", code=5)  # what it made stays
    on("rollback", "--yes")


def test_new_python_goes_with_neither_sql_nor_a_path(manticore: Manticore) -> None:
    assert "leave --up" in manticore("new", "x", "--python", "--up", "SELECT 1", code=2).err
    assert "no path" in manticore("new", "x", "--python=/usr/bin/python3", code=2).err
    first = manticore("new", "y", "--python", "--exist-ok").out
    assert manticore("new", "y", "--python", "--exist-ok").out == first
    assert not Path("migrations").exists() or len(list(Path("migrations").iterdir())) == 1


def test_lint_reads_them(manticore: Manticore) -> None:
    write(1, "t", "CREATE TABLE users (id INT8 PRIMARY KEY, a TEXT);")
    path = Path("migrations/2_digests_of_users.py")
    path.write_text(
        "# @allow no-undo: never\n"
        "def migrate(connection):\n"
        "    for user in connection.select('users'):\n"
        "        connection.update('users', {'a': 'x'}, {'id': user['id']})\n"
    )
    found = manticore("lint", "--target", "postgresql:17", "--json", code=None).json
    mine = [
        (f["rule"], f["line"], f["column"])
        for f in found
        if f["path"].endswith("2_digests_of_users.py")
    ]
    assert mine == [("python-bulk-change", 4, 9)]
    path.write_text("def migrate(connection:\n")
    found = manticore("lint", str(path), "--json", code=None).json
    assert [(f["rule"], f["line"]) for f in found] == [("invalid-file", 1)]
    path.write_text("down_revision = None\n")
    found = manticore("lint", "--target", "postgresql:17", "--json", code=None).json
    assert "foreign-file" in {f["rule"] for f in found}


def test_what_it_prints_is_not_mixed_with_json(on: Manticore) -> None:
    write(1, "t", "CREATE TABLE t (id INT PRIMARY KEY);")
    Path("migrations/2_x.py").write_text("def migrate(connection):\n    print('hello')\n")
    answer = on("migrate", "--json")
    assert [one["version"] for one in answer.json["applied"]] == [1, 2]
    assert "hello" in answer.err
    Path("migrations/3_x.py").write_text("print('at once')\ndef migrate(connection): ...\n")
    answer = on("migrate", "--events", "-")
    assert "at once" in answer.err and "at once" not in answer.out
    Path("migrations/4_x.py").write_text("def migrate(connection):\n    print('hello')\n")
    assert "hello" in on("migrate").out
