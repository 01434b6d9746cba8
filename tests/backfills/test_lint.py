"""Lint knows backfills: it suggests them, writes them, and reads what they say."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.dialect import parse_target
from manticore_cockroachdb.lint.engine import lint_files
from manticore_cockroachdb.lint.fix import fixed
from manticore_cockroachdb.lint.model import ServerFacts
from manticore_cockroachdb.lint.read import Source
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.script import script_of

LARGE = ServerFacts(tables={"users": 2_000_000})
TARGET = parse_target("postgresql:17")
TABLE = Source("m/1_users.sql", "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);")
ADD = Source("m/2_plan.sql", "ALTER TABLE users ADD COLUMN plan TEXT;")


def linted(sql: str, *before: Source) -> tuple[str, list[str]]:
    """The file as `--fix` leaves it, and the rules that found something in it."""
    files = [*before, Source("m/3_x.sql", sql)]
    found = [f for f in lint_files(files, TARGET, facts=LARGE) if "3_x" in f.path]
    return fixed(sql, found)[0], [f.rule for f in found]


@pytest.mark.parametrize(
    ("sql", "after"),
    [
        ("UPDATE users SET plan = 'a';", "UPDATE users SET plan = 'a' WHERE :batch;"),
        ("UPDATE users AS u SET plan = 'a';", "UPDATE users AS u SET plan = 'a' WHERE :batch(u);"),
        (
            "DELETE FROM users WHERE plan = 'a' OR id < 7;",
            "DELETE FROM users WHERE :batch AND (plan = 'a' OR id < 7);",
        ),
    ],
)
def test_a_fix_makes_a_backfill_of_it(sql, after):
    text, rules = linted(sql, TABLE, ADD)
    assert "unbatched-change" in rules
    assert text == f"-- @backfill users\n{after}"
    assert script_of(parse_file("3_x.sql", text, "3_x.sql")).backfill is not None
    assert "unbatched-change" not in linted(text, TABLE, ADD)[1]


@pytest.mark.parametrize(
    "sql",
    ["UPDATE users SET plan = 'a';\nUPDATE users SET plan = 'b';", "UPDATE others SET plan = 'a';"],
)
def test_nothing_is_written_that_may_not_run(sql):
    assert linted(sql, TABLE, ADD)[0] == sql


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("-- @backfill users\nUPDATE users SET n = 1;", "without :batch", 2),
        ("-- @backfill users\nDROP TABLE users -- :batch\n;", "without :batch", 2),
        ("-- @backfill users\nCREATE TABLE t AS SELECT 1 WHERE :batch;", "cannot be run batch", 2),
        ("-- @backfill\nUPDATE users SET n = 1 WHERE :batch;", "name of a table", 1),
        ("-- @backfill users by\nSELECT 1 WHERE :batch;", "name of a table", 1),
        ("-- @backfill users by a, a\nSELECT 1 WHERE :batch;", "cannot walk", 1),
        ("-- @where a > 1\nSELECT 1;", "belongs to a backfill", 1),
        ("-- @backfill a\n-- @backfill b\nSELECT 1 WHERE :batch;", "A second -- @backfill", 2),
        ("-- @backfill a\n-- @batch rows 9..1\nSELECT 1 WHERE :batch;", "does not know 'rows 9", 2),
        ("-- @backfill a\n-- @batch time 2h\nSELECT 1 WHERE :batch;", "does not know 'time 2h'", 2),
        ("-- @backfill a\n-- @batch size 5\nSELECT 1 WHERE :batch;", "does not know 'size 5'", 2),
        ("-- @backfill a\n-- @where\nSELECT 1 WHERE :batch;", "needs a condition", 2),
        ("-- @backfill a\n-- @check SELECT 'x\nSELECT 1 WHERE :batch;", "Unterminated string", 2),
        ("-- @backfill a\n-- @background now\nSELECT 1 WHERE :batch;", "takes nothing", 2),
        ("-- @backfil a\nSELECT 1;", "Unknown directive -- @backfil", 1),
        ("-- @requires 7\nSELECT 1;", "names no older version", 1),
        ("-- @requires soon\nSELECT 1;", "names no older version", 1),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(text, message, line):
    from manticore_cockroachdb.errors import FileError

    with pytest.raises(FileError, match=message) as failure:
        script_of(parse_file("3_x.sql", text, "m/3_x.sql"))
    assert failure.value.line == line
    assert failure.value.path == "m/3_x.sql"
    assert "invalid-file" in linted(text)[1]
