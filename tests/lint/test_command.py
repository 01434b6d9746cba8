"""``manticore lint``: paths, formats, exit codes, --fix, and the configuration."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.lint.index import load
from tests.cli.conftest import Manticore

CLEAN = "ALTER TABLE users ADD COLUMN age INTEGER;\n-- @UNDO\nALTER TABLE users DROP COLUMN age;\n"
BAD = "DROP TABLE faxes;\n-- @UNDO\nCREATE TABLE faxes (id UUID PRIMARY KEY);\n"


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def rules(found: Any) -> list[str]:
    return [one["rule"] for one in found]


def test_a_clean_directory_exits_with_0(manticore: Manticore) -> None:
    write("migrations/1_add_age.sql", CLEAN)
    assert manticore("lint").out == "No findings in 1 file for CockroachDB 26.3.\n"
    assert manticore("lint", "--json").json == []


def test_findings_exit_with_5(manticore: Manticore) -> None:
    write("migrations/1_drop_faxes.sql", BAD)
    lines = manticore("lint", code=5).out.splitlines()
    assert lines == [
        "warning[drop-table]: Dropping the table faxes destroys all rows.",
        "  --> migrations/1_drop_faxes.sql:1:1",
        "  | DROP TABLE faxes;",
        "  | ^",
        f"  help: {load('drop-table').rule.help}",
        "",
        "1 warning in 1 file for CockroachDB 26.3.",
    ]


def test_json_is_a_list_with_seven_keys(manticore: Manticore) -> None:
    path = write("x/1_drop_faxes.sql", BAD)
    by_format = manticore("lint", str(path), "--format", "json", code=5).json
    assert by_format == manticore("lint", str(path), "--json", code=5).json
    [one] = by_format
    assert one["path"] == str(path)
    assert set(one) == {"rule", "level", "message", "path", "line", "column", "help"}


def test_the_level_decides_what_is_shown_and_the_exit_code(manticore: Manticore) -> None:
    write("migrations/1_drop_index.sql", "DROP INDEX users@i;")
    text = manticore("lint").out
    assert "No findings" in text
    assert "2 below that: --level info shows them." in text
    assert rules(manticore("lint", "--json").json) == ["drop-index", "no-undo"]
    assert rules(manticore("lint", "--level", "warning", "--json").json) == []
    assert "info[drop-index]" in manticore("lint", "--level", "info", code=5).out
    write("migrations/2_drop_faxes.sql", BAD)
    manticore("lint", code=5)
    assert "2 below" not in manticore("lint", "--level", "error").err


def test_sarif_and_github(manticore: Manticore) -> None:
    write("migrations/1_drop_faxes.sql", BAD)
    log = manticore("lint", "--format", "sarif", code=5).json
    assert log["runs"][0]["results"][0]["ruleId"] == "drop-table"
    out = manticore("lint", "--format", "github", code=5).out
    assert out.startswith(
        "::warning file=migrations/1_drop_faxes.sql,line=1,col=1,title=drop-table"
    )


def test_files_directories_and_stdin(manticore: Manticore, monkeypatch: Any) -> None:
    write("a/1_drop_faxes.sql", BAD)
    write("a/inner/2_drop_faxes.sql", BAD)
    write("a/.hidden/3_drop_faxes.sql", BAD)
    write("plain.sql", "TRUNCATE t;")
    write("notes.txt", "TRUNCATE t;")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"DELETE FROM t;")))
    found = manticore("lint", "a", "plain.sql", "-", "--json", code=5).json
    assert [(one["path"], one["rule"]) for one in found] == [
        (str(Path("a/1_drop_faxes.sql")), "drop-table"),
        (str(Path("a/inner/2_drop_faxes.sql")), "drop-table"),
        ("plain.sql", "truncate"),
        ("<stdin>", "delete-without-where"),
    ]


def test_a_file_named_by_itself_has_its_directory_as_context(manticore: Manticore) -> None:
    write("m/1_users.sql", "CREATE TABLE users (id UUID PRIMARY KEY, name VARCHAR(9));")
    path = write("m/2_widen.sql", "ALTER TABLE users ALTER COLUMN name TYPE TEXT;")
    write("m/3_broken.sql", "SELECT '")
    manticore("lint", str(path))
    Path("m/1_users.sql").unlink()
    manticore("lint", str(path), code=5)


def test_bytes_that_are_no_text_are_a_finding(manticore: Manticore) -> None:
    Path("1_x.sql").write_bytes(b"SELECT 1;\nSELECT '\xff';")
    [one] = manticore("lint", "1_x.sql", "--json", code=5).json
    assert (one["rule"], one["line"], one["column"]) == ("invalid-file", 2, 9)
    manticore("lint", "1_x.sql", code=5)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere.sql",),
        ("--target", "oracle:9"),
        ("--level", "loud"),
        ("--select", "no-such-rule"),
        ("--ignore", "no-such-rule"),
        ("--explain", "no-such-rule"),
        ("--since", "soon"),
        ("--format", "xml"),
    ],
)
def test_wrong_use_exits_with_2(manticore: Manticore, arguments: tuple[str, ...]) -> None:
    write("migrations/1_add_age.sql", CLEAN)
    answer = manticore("lint", *arguments, code=2)
    assert answer.out == ""
    assert "error:" in answer.err


def test_the_target_chooses_what_applies(manticore: Manticore) -> None:
    write("migrations/1_index.sql", "CREATE INDEX i ON users (a);")
    manticore("lint", "--target", "cockroachdb:25.4")
    out = manticore("lint", "--target", "pg:17", code=5).out
    assert "create-index-blocks" in out
    assert "PostgreSQL 17" in out


def test_select_ignore_and_since(manticore: Manticore) -> None:
    write("migrations/20240101_drop_faxes.sql", BAD)
    write("migrations/20250101_empty_logs.sql", "TRUNCATE logs;\nTRUNCATE more;")
    every = ("lint", "--json", "--level", "warning")
    assert rules(manticore(*every, code=5).json) == ["drop-table", "truncate", "truncate"]
    assert rules(manticore(*every, "--select", "drop-table", code=5).json) == ["drop-table"]
    assert rules(manticore(*every, "--ignore", "truncate,drop-table").json) == []
    assert rules(manticore(*every, "--since", "20250101", code=5).json) == ["truncate"] * 2


def test_the_configuration_counts_and_options_come_before_it(manticore: Manticore) -> None:
    write("migrations/1_drop_faxes.sql", BAD)
    write(
        "pyproject.toml",
        '[tool.manticore.lint]\ntarget = "postgresql:17"\nlevel = "error"\n'
        '[tool.manticore.lint.rules]\ndrop-table = "error"\n',
    )
    out = manticore("lint", code=5).out
    assert "error[drop-table]" in out
    assert "PostgreSQL 17" in out
    assert "CockroachDB 24.3" in manticore("lint", "--target", "crdb:24.3", code=5).out
    write("pyproject.toml", '[tool.manticore.lint]\nlevl = "error"\n')
    assert "did you mean 'level'?" in manticore("lint", code=2).err


def test_fix_mends_the_file_and_reports_what_is_left(manticore: Manticore) -> None:
    mark = "\ufeff"
    path = write(
        "migrations/1_index_users.sql", f"{mark}CREATE INDEX i ON users (a);\r\nTRUNCATE t;"
    )
    answer = manticore("lint", "--fix", "--target", "postgresql:17", "--json", code=5)
    assert rules(answer.json) == ["no-undo", "truncate"] or "truncate" in rules(answer.json)
    assert "create-index-blocks" not in rules(answer.json)
    assert "mended 1 finding (create-index-blocks)" in answer.err
    text = path.read_bytes().decode()
    assert text == f"{mark}CREATE INDEX CONCURRENTLY i ON users (a);\r\nTRUNCATE t;"


def test_without_fix_nothing_is_written(manticore: Manticore) -> None:
    path = write("migrations/1_index_users.sql", "CREATE INDEX i ON users (a);")
    before = path.stat().st_mtime_ns
    manticore("lint", "--target", "postgresql:17", code=5)
    assert path.stat().st_mtime_ns == before


def test_explain_and_rules(manticore: Manticore) -> None:
    page = manticore("lint", "--explain", "drop-column").out
    assert page.startswith("# drop-column\n")
    assert "## The safe way" in page
    listed = manticore("lint", "--rules").out
    assert "unsupported-on-postgresql" in listed
    assert manticore("lint", "--rules", "--json").json[0]["rule"] == "add-column-not-null"


def test_no_control_character_of_a_file_reaches_the_terminal(manticore: Manticore) -> None:
    write("migrations/1_x.sql", 'DROP TABLE "\x1b[2Jt";')
    assert "\x1b" not in manticore("lint", code=5).out


def test_no_database_is_connected_to_and_none_is_imported() -> None:
    write("migrations/1_add_age.sql", CLEAN)
    code = (
        "import sys; from manticore_cockroachdb.cli import main; code = main(['lint']);"
        "sys.exit(code or int('psycopg' in sys.modules) * 9)"
    )
    environ = {**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_pre_commit_hook_runs_this_command() -> None:
    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "entry: manticore lint\n" in text
    assert "id: manticore-lint\n" in text


def test_the_page_shows_python_that_runs() -> None:
    page = (Path(__file__).parents[2] / "docs/lint/README.md").read_text(encoding="utf-8")
    [block] = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "migrations/1_users.sql 1 drop-table" in done.stdout


def test_the_page_shows_a_configuration_that_is_one(manticore: Manticore) -> None:
    page = (Path(__file__).parents[2] / "docs/lint/README.md").read_text(encoding="utf-8")
    [block] = [part.partition("```")[0] for part in page.split("```toml\n")[1:]]
    write("pyproject.toml", block)
    write("migrations/20250101000000_add_age.sql", CLEAN)
    assert json.loads(manticore("lint", "--json").out) == []
