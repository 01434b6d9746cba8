"""JSON, SARIF and GitHub's annotations."""

from __future__ import annotations

import json
from typing import Any

from manticore_cockroachdb.lint import Finding, Source, formats, lint_files
from manticore_cockroachdb.lint.index import NAMES, load
from manticore_cockroachdb.lint.page import page

SQL = "-- ünï\nCREATE INDEX i ON t (a);\nDROP TABLE t CASCADE;\n"
FOUND = lint_files([Source("m/a b/1_x.sql", SQL)], "postgresql:17")


def test_json_has_these_keys_and_no_others() -> None:
    objects = formats.plain(FOUND)
    assert json.loads(json.dumps(objects)) == objects
    for one in objects:
        assert list(one) == ["rule", "level", "message", "path", "line", "column", "help"]


def test_sarif() -> None:
    log: Any = formats.sarif(FOUND, {"m/a b/1_x.sql": SQL})
    assert json.loads(json.dumps(log)) == log
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted({one.rule for one in FOUND})
    assert len(run["results"]) == len(FOUND)
    for result, one in zip(run["results"], FOUND, strict=True):
        assert ids[result["ruleIndex"]] == result["ruleId"] == one.rule
        assert result["level"] == {"info": "note"}.get(one.level, one.level)
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "m/a%20b/1_x.sql"
        assert place["region"] == {"startLine": one.line, "startColumn": one.column}
    [fix] = next(r["fixes"] for r in run["results"] if r["ruleId"] == "create-index-blocks")
    [replacement] = fix["artifactChanges"][0]["replacements"]
    assert replacement == {
        "deletedRegion": {"startLine": 2, "startColumn": 13, "endLine": 2, "endColumn": 13},
        "insertedContent": {"text": " CONCURRENTLY"},
    }


def test_github_escapes_what_it_must() -> None:
    one = Finding("r", "info", "100%\nsure, a:b", "a,b:c.sql", 3, 7, "do it")
    assert formats.github([one]) == [
        "::notice file=a%2Cb%3Ac.sql,line=3,col=7,title=r::100%25%0Asure, a:b (do it)"
    ]


def test_a_page_says_from_which_version_on() -> None:
    assert "| CockroachDB from 25.4 | error |" in page(load("too-many-objects").rule)
    for name in NAMES:
        assert page(load(name).rule).startswith(f"# {name}\n")
