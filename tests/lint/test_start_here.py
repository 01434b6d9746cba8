"""Starting with a history that is there: baselines, changes by git, levels by path, coverage."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.lint import LintConfig, Source, baseline, lint_files, parse_config
from manticore_cockroachdb.lint.coverage import coverage
from tests.cli.conftest import Manticore

DROP = "DROP TABLE t{};\n-- @UNDO\nCREATE TABLE t{} (id UUID PRIMARY KEY);\n"


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def drop(i: int) -> Path:
    return write(f"migrations/{i}_drop_table_t{i}.sql", DROP.format(i, i))


def tables(found: Any) -> list[str]:
    return [one["message"].split()[3] for one in found if one["rule"] == "drop-table"]


# --- a baseline


def test_a_baseline_is_written_once_and_then_only_what_is_new_is_said(manticore: Manticore) -> None:
    drop(1), drop(2)
    out = manticore("lint", "--baseline", "known.json").out
    before = Path("known.json").read_text()
    count = len(json.loads(before)["findings"])
    text = f"known.json knows {count} findings; from now on only what is new is reported.\n"
    assert out == text and before.count("drop-table") == 2
    assert manticore("lint", "--baseline", "known.json", "--json").json == []
    drop(3)
    found = manticore("lint", "--baseline", "known.json", "--json", code=5).json
    assert tables(found) == ["t3"]
    assert Path("known.json").read_text() == before, "nothing but the first time is written"


def test_a_known_finding_stays_known_when_lines_move_and_from_elsewhere(
    manticore: Manticore, monkeypatch: Any
) -> None:
    path = drop(1)
    manticore("lint", "--baseline", "known.json")
    path.write_text("-- a comment\n\n" + path.read_text())
    assert manticore("lint", "--baseline", "known.json", "--json").json == []
    assert manticore("lint", str(path.absolute()), "--baseline", "known.json", "--json").json == []
    monkeypatch.chdir("migrations")
    assert manticore("lint", ".", "--baseline", "../known.json", "--json").json == []
    Path("1_drop_table_t1.sql").write_text(DROP.format(9, 9))
    manticore("lint", ".", "--baseline", "../known.json", "--json", code=5)


def test_a_habit_that_is_known_is_not_said_again_for_its_old_files(manticore: Manticore) -> None:
    for i in range(6):
        write(f"migrations/{i + 1}_index_{i}.sql", f"CREATE INDEX i{i} ON users (c{i});")
    target = ("--target", "pg:17", "--ignore", "no-undo,lock-timeout,vague-name")
    manticore("lint", *target, "--baseline", "known.json")
    assert len(json.loads(Path("known.json").read_text())["findings"]) == 6
    write("migrations/7_index_7.sql", "CREATE INDEX i7 ON users (c7);")
    [one] = manticore("lint", *target, "--baseline", "known.json", "--json", code=5).json
    assert one["path"].endswith("7_index_7.sql")
    assert "times" not in one


def test_the_configuration_names_a_baseline_beside_itself(
    manticore: Manticore, monkeypatch: Any
) -> None:
    Path(".git").mkdir()  # configurations are looked for up to the repository's root
    drop(1)
    write("pyproject.toml", '[tool.manticore.lint]\nbaseline = "known.json"\n')
    manticore("lint")
    assert manticore("lint", "--json").json == []
    monkeypatch.chdir("migrations")
    assert manticore("lint", "--json").json == []


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"version": 1}', '{"version": 9}'])
def test_what_is_no_baseline_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ConfigError, match="baseline"):
        baseline.read(text, "known.json")


def test_an_empty_baseline_is_one() -> None:
    assert baseline.read(baseline.write([]), "x") == frozenset()
    one = ("drop-table", "m/1_x.sql", 'Dropping "ä" …')
    assert baseline.read(baseline.write([one, one]), "x") == {one}


# --- git


def git(*arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def test_what_a_branch_changes_is_reported_and_the_rest_is_context(manticore: Manticore) -> None:
    git("init", "-q", "-b", "main")
    drop(1), drop(2)
    write("migrations/3_users.sql", "CREATE TABLE users (id UUID PRIMARY KEY, name VARCHAR(9));")
    git("add", "-A")
    git("commit", "-qm", "first")
    assert manticore("lint", "--changed", "--json").json == []
    git("checkout", "-qb", "topic")
    drop(4)
    git("add", "-A")
    git("commit", "-qm", "second")
    drop(5)  # git does not know it yet
    Path("migrations/2_drop_table_t2.sql").write_text(DROP.format(22, 22))
    widen = "ALTER TABLE users ALTER COLUMN name TYPE TEXT;\n-- @UNDO\nSELECT 1;\n"
    write("migrations/6_widen.sql", widen)
    every = ("lint", "--changed", "--json", "--level", "warning")
    found = manticore(*every, code=5).json
    assert tables(found) == ["t22", "t4", "t5"]
    assert "alter-column-type" not in {one["rule"] for one in found}, "file 3 is read as context"
    assert tables(manticore(*every, "--base", "topic", code=5).json) == ["t22", "t5"]
    error = manticore("lint", "--changed", "--base", "nowhere", code=2).err
    assert "git knows no commit 'nowhere'" in error
    assert "hint:" in error


def test_without_a_repository_git_is_not_to_be_asked(manticore: Manticore) -> None:
    drop(1)
    error = manticore("lint", "--changed", code=2).err
    assert "git does not say what has changed" in error
    assert "--since VERSION" in error


# --- levels by path


def lint(config: dict[str, Any]) -> list[tuple[str, str]]:
    files = [
        Source("app/migrations/legacy/1_x.sql", "DROP TABLE a;\nTRUNCATE b;"),
        Source("app/migrations/2_x.sql", "DROP TABLE a;\nTRUNCATE b;"),
    ]
    parsed = parse_config({"select": ["drop-table", "truncate"], **config})
    return [(one.path[4:], one.level) for one in lint_files(files, "cockroachdb:25.4", parsed)]


def test_levels_by_path_count_for_more_than_levels_by_rule() -> None:
    both = [("migrations/legacy/1_x.sql", "warning")] * 2 + [("migrations/2_x.sql", "warning")] * 2
    assert lint({}) == both
    off = {"paths": {"migrations/legacy/*": {"*": "off"}}}
    assert lint(off) == both[2:]
    mixed = {
        "rules": {"drop-table": "error"},
        "paths": {"legacy/*": {"*": "off", "drop-table": "info"}, "*2_x.sql": {"truncate": "off"}},
    }
    assert lint(mixed) == [("migrations/legacy/1_x.sql", "info"), ("migrations/2_x.sql", "error")]


def test_an_allowance_for_what_is_off_here_is_not_stale() -> None:
    config = parse_config(
        {"paths": {"m/*": {"drop-table": "off"}}, "ignore": ["no-undo", "vague-name"]}
    )
    text = "-- @allow drop-table: gone\nDROP TABLE t;"
    assert lint_files([Source("m/1_drop_t.sql", text)], "cockroachdb:25.4", config) == ()


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["x"], "'paths' in"),
        ({"x": "off"}, "'paths.x' in"),
        ({"x": {"drop-tabel": "off"}}, "no lint rule 'drop-tabel' for x in"),
        ({"x": {"drop-table": "loud"}}, "'loud' for x in"),
    ],
)
def test_wrong_levels_by_path_are_errors(paths: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config({"paths": paths})


# --- the engine of a configured URL


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://app@db.internal/shop", "PostgreSQL 18"),
        ("postgres://app:5432@db.internal:5432/shop", "PostgreSQL 18"),
        ("postgresql://root@db.internal:26257/shop", "CockroachDB 26.3"),
        ("postgresql://app@free.aws.cockroachlabs.cloud/shop", "CockroachDB 26.3"),
        ("cockroachdb://root@db.internal/shop", "CockroachDB 26.3"),
        ("local:", "CockroachDB 26.3"),
    ],
)
def test_a_configured_url_says_the_engine_and_is_not_connected_to(
    manticore: Manticore, url: str, name: str
) -> None:
    write("migrations/1_index.sql", "CREATE INDEX i ON users (a);")
    write("pyproject.toml", f'[tool.manticore]\nurl = "{url}"\n')
    answer = manticore("lint", code=5 if "PostgreSQL" in name else 0)
    assert f"for {name}" in answer.out
    assert "for CockroachDB 24.3" in manticore("lint", "--target", "crdb:24.3").out


def test_the_directory_can_be_named(manticore: Manticore) -> None:
    write("elsewhere/1_drop_table_t1.sql", DROP.format(1, 1))
    assert tables(manticore("lint", "--dir", "elsewhere", "--json", code=5).json) == ["t1"]


# --- coverage


def test_coverage_says_what_is_not_understood_of_any_sql(manticore: Manticore) -> None:
    write("sql/dbmate.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nFROBNICATE;\n")
    write("sql/inner/ours.sql", "CREATE TABLE t (a INT8)\n-- @UNDO\nDROP TABLE t")
    write("sql/template.sql", "ALTER TABLE {{ .Schema }}.t ADD COLUMN b INT8;")
    answer = manticore("lint", "--coverage", "sql", code=5)
    assert "5 statements in 3 files: 1 not understood; 1 file of these templates." in answer.out
    assert "sql/dbmate.sql:4:1: unexpected 'FROBNICATE'" in answer.out
    data = manticore("lint", "--coverage", "sql", "--json", code=5).json
    assert (data["files"], data["statements"], data["templates"]) == (3, 5, 1)
    assert [one["sql"] for one in data["unread"]] == ["FROBNICATE"]
    assert "2 statements in 1 file: all understood." in manticore(
        "lint", "--coverage", "sql/inner"
    ).out  # fmt: skip


def test_a_file_without_an_end_is_not_understood() -> None:
    found = coverage([("x.sql", "SELECT 1;\nSELECT 'no end")])
    assert [(one.line, one.reason, one.sql) for one in found.unread] == [
        (2, "unterminated string", "")
    ]


def test_what_braces_in_a_string_are_is_no_template() -> None:
    assert coverage([("x.sql", "INSERT INTO t VALUES ('{{ x }}')")]).templates == 0
    config = LintConfig(select=frozenset(("template",)))
    assert not lint_files([Source("1_x.sql", "SELECT '{{a}}'")], "pg:17", config)


def test_a_template_is_said_once_and_its_statements_are_read() -> None:
    files = [
        Source(f"m/{i}_x.sql", f'CREATE INDEX i ON "{{{{ .Schema }}}}".users (c{i});')
        for i in range(1, 7)
    ]
    found = lint_files(files, "postgresql:17", LintConfig(level="warning"))
    grave = {one.rule: one for one in found if one.level == "warning"}
    assert set(grave) == {"template", "create-index-blocks"}
    assert grave["template"].files == 6
    assert "{{ .Schema }}" in grave["template"].message
    assert "Nobody can write to {{…}}.users" in grave["create-index-blocks"].message.replace(
        '"', ""
    )
