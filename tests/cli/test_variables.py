"""`--var`, the configuration and MANTICORE_VAR_*: which one counts, and who takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Manticore, write

UP = "-- @variables region\nCREATE TABLE t_${region} (id INT PRIMARY KEY);"
DOWN = "DROP TABLE t_${region};"


def test_which_one_counts(on: Manticore, monkeypatch: pytest.MonkeyPatch) -> None:
    write(1, "t", UP, DOWN)

    def made() -> str:
        return next(line for line in on("plan").out.splitlines() if "CREATE TABLE" in line)

    missing = on("migrate", code=1).err
    assert "The variable region has no value" in missing
    assert "--var region=" in missing and "migrations/1_t.sql" in missing
    monkeypatch.setenv("MANTICORE_VAR_REGION", "by_environment")
    assert "t_by_environment" in made()
    Path("manticore.toml").write_text(
        '[variables]\nregion = "by_top"\n[environments.eu.variables]\nregion = "by_eu"\n'
        "[environments.us]\n"
    )
    assert "t_by_top" in made()
    assert "t_by_eu" in on("plan", "--env", "eu").out
    assert "t_by_top" in on("plan", "--env", "us").out
    assert "t_by_hand" in on("plan", "--env", "eu", "--var", "region=by_hand").out
    assert "not a variable of manticore's" not in on("plan").err
    on("migrate", "--var", "region=a=b")
    on("drift", "--var", "region=a=b")
    on("drift", code=5)
    on("diff", "history", "--var", "region=a=b")
    on("verify", "--var", "region=x")
    on("dump", "migrations", "--var", "region=y")
    on("status", "--var", "region=x")
    on("docs")
    on("rollback", "--yes", "--var", "region=a=b")


def test_what_is_no_value(on: Manticore) -> None:
    write(1, "t", UP, DOWN)
    assert "--var takes NAME=VALUE, not 'region'" in on("plan", "--var", "region", code=2).err
    on("plan", "--var", "a-b=1", code=2)
    Path("manticore.toml").write_text("[variables]\nregion = [1]\n")
    on("plan", code=2)
    Path("manticore.toml").write_text("variables = 1\n")
    on("plan", code=2)


def test_a_value_is_shown_only_where_it_has_to_be(on: Manticore) -> None:
    write(
        1, "t", "-- @variables token\nCREATE TABLE t (a INT PRIMARY KEY, b TEXT DEFAULT ${token});"
    )
    given = ("--var", "token=s3cret")
    for words in (("plan", "--json"), ("plan", "-v"), ("status", "--json"), ("migrate", "-v")):
        answer = on(*words, *given)
        assert "s3cret" not in answer.out + answer.err, words
        assert "s3cret" in on("plan", "--sql", *given).out or words[0] == "migrate"
    write(2, "fails", "-- @variables token\nINSERT INTO t VALUES (1, '${token}'), (1, ${token});")
    answer = on("migrate", "-v", "--json", *given, code=1)
    assert "s3cret" not in answer.out + answer.err
    assert "s3cret" not in on("history", "--failed", "--json").out
    assert "${token}" in on("history", "--failed", "--json").out


def test_lint_needs_no_value_and_points_into_the_file(manticore: Manticore) -> None:
    write(1, "t", UP)
    write(
        2,
        "drop",
        "-- @variables region, other\nSELECT '${region}', ${other};\n  DROP TABLE t_${region};",
    )
    found = manticore("lint", "--target", "postgresql:17", "--json", code=None).json
    drops = [f for f in found if f["rule"] == "drop-table"]
    assert [(f["line"], f["column"]) for f in drops] == [(3, 3)]
    assert not [f for f in found if f["rule"] in ("template", "unparsed")]
    write(3, "unclear", "-- @variables x\nSELECT 1 ORDER BY ${x};")
    found = manticore("lint", "--target", "postgresql:17", "--json", code=None).json
    [bad] = [f for f in found if f["rule"] == "invalid-file"]
    assert bad["line"] == 2
    write(4, "bare", "CREATE TABLE ${x} (id INT);")
    found = manticore("lint", "--target", "postgresql:17", "--json", code=None).json
    assert [f["path"] for f in found if f["rule"] == "template"]
