"""Recall: each dangerous migration gets its finding, and no other at level error or warning."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.dialect import capabilities, parse_target
from manticore_cockroachdb.errors import ManticoreError, Refused
from manticore_cockroachdb.lint import ServerFacts, Source, at_least, lint_files
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import plan_script
from manticore_cockroachdb.migrations.script import script_of

from .dangerous import DANGEROUS, FOR_INFORMATION, NEW, ROWS, Bad


def test_there_are_enough() -> None:
    assert len(DANGEROUS) >= 60
    assert list(ROWS) == list(range(1, 36))


@pytest.mark.parametrize("bad", DANGEROUS, ids=lambda bad: f"{bad.rule}-{bad.target}")
def test_exactly_its_rule_says_so(bad: Bad) -> None:
    sources = [Source("m/1_before.sql", bad.before, context=True)] if bad.before else []
    found = lint_files([*sources, Source("m/2_change_users.sql", bad.sql)], bad.target)
    assert {one.rule for one in found if at_least(one.level, "warning")} == {bad.rule}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_list_is_covered(row: int) -> None:
    target, sql, rules = ROWS[row]
    facts = ServerFacts(objects=20_000) if row == 32 else None
    found = lint_files([Source("m/1_change_users.sql", sql)], target, facts=facts)
    assert rules <= {one.rule for one in found}
    grave = any(one.rule in rules and at_least(one.level, "warning") for one in found)
    assert grave is not (row in FOR_INFORMATION)


@pytest.mark.parametrize("bad", DANGEROUS, ids=lambda bad: f"{bad.rule}-{bad.target}")
def test_what_the_planner_refuses_is_an_error(bad: Bad) -> None:
    caps = capabilities(parse_target(bad.target))
    try:
        file = parse_file("1_x.sql", bad.sql, "1_x.sql")
        plan_script(script_of(file), caps)
        plan_script(script_of(file, down=True), caps)
    except Refused as refused:
        found = lint_files([Source("1_x.sql", bad.sql)], bad.target)
        assert (refused.line, "error") in {(one.line, one.level) for one in found}
    except ManticoreError:
        pass  # no migration at all


def test_a_finding_points_at_its_place() -> None:
    sql = "-- ünï\nALTER TABLE users\n    ADD COLUMN a TEXT,\n    ADD COLUMN b TEXT NOT NULL;\n"
    [found] = [f for f in lint_files([Source("x.sql", sql)], NEW) if f.level == "error"]
    assert (found.path, found.line, found.column) == ("x.sql", 4, 16)
    assert sql[found.start :].startswith("b TEXT")
