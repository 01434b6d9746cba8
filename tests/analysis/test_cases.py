"""All readers of a statement say the same of it: the table in `cases`, held against each."""

from __future__ import annotations

from itertools import product

import pytest

from manticore_cockroachdb.analysis.catalog import SimulatedCatalog
from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.analysis.costs import cost_of
from manticore_cockroachdb.dialect import parse_target
from manticore_cockroachdb.lint import LintConfig, Source, lint_files
from manticore_cockroachdb.parser.parse import parse

from . import reading
from .cases import CASES, Case

each = pytest.mark.parametrize("case", CASES, ids=[case.sql for case in CASES])


@each
def test_what_it_does(case: Case) -> None:
    assert reading.does(case.sql) == case.does


@each
def test_what_it_costs(case: Case) -> None:
    costs = (reading.cost(case.sql, "pg"), reading.cost(case.sql, "crdb"))
    assert (*costs, reading.destroys(case.sql)) == (case.pg, case.crdb, case.destroys)


@each
def test_how_it_runs(case: Case) -> None:
    runs = (reading.runs(case.sql, "pg"), reading.runs(case.sql, "crdb"))
    assert runs == (case.runs_pg, case.runs_crdb)


@each
def test_how_a_lost_answer_is_settled(case: Case) -> None:
    assert {reading.seen(case.sql, engine) for engine in reading.TARGETS} == {case.seen}


@each
def test_what_undoes_it(case: Case) -> None:
    assert reading.undone(case.sql, case.undo) == case.undone
    assert reading.undone(case.sql, "SELECT 1") == case.otherwise


@each
def test_what_lint_warns_of(case: Case) -> None:
    found = (reading.lint(case.sql, "pg", case.undo), reading.lint(case.sql, "crdb", case.undo))
    assert found == (case.lint_pg, case.lint_crdb)


@each
def test_lint_agrees_with_the_plan_on_undo(case: Case) -> None:
    for undo in (case.undo, "SELECT 1"):
        if undo is not None and "undo-incomplete" in reading.lint(case.sql, "pg", undo):
            assert reading.undone(case.sql, undo) == "no"


@each
def test_what_the_documents_say(case: Case) -> None:
    assert reading.documented(case.sql) == case.documented


@each
def test_what_blocks_or_destroys_is_warned_of(case: Case) -> None:
    """Where the plan says that everybody waits for work on every row, lint warns, and the other
    way round nothing that costs and loses nothing is called a rewrite."""
    if ", " in case.pg and case.pg.split(" on ")[0].startswith(("ACCESS EXCLUSIVE", "SHARE, ")):
        assert case.lint_pg or "MATERIALIZED" in case.sql
    if "rewrite" in case.pg:
        assert case.lint_pg


TYPES = (
    *("INT2", "INT4", "INT8", "INT", "INTEGER", "BIGINT", "SMALLINT", "FLOAT4", "FLOAT8"),
    *("NUMERIC", "DECIMAL", "NUMERIC(10,2)", "DECIMAL(12,2)", "NUMERIC(12,4)", "TEXT", "VARCHAR"),
    *("VARCHAR(10)", "CHARACTER VARYING(20)", "STRING", "CHAR(10)", "UUID", "BYTEA", "BOOL"),
    *("TIMESTAMP", "TIMESTAMP(3)", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "DATE", "TIME(3)"),
    *("INTERVAL", "JSON", "JSONB", "INET", "CIDR", "VARBIT(8)", "INT4[]", "INTEGER[]"),
)


@pytest.mark.parametrize("target", ["postgresql:17", "cockroachdb:25.4"])
def test_plan_and_lint_agree_on_every_pair_of_types(target: str) -> None:
    """Lint says that a table is rewritten where the plan says so, and nowhere else."""
    cockroachdb = parse_target(target).engine == "cockroachdb"
    config = LintConfig(select=frozenset(("alter-column-type",)))
    planned, files = {}, []
    for old, new in product(TYPES, TYPES):
        path, known = f"{len(planned)}/2_change.sql", f"ALTER TABLE t ADD COLUMN c {old}"
        sql = f"ALTER TABLE t ALTER COLUMN c TYPE {new}"
        files += [Source(path.replace("2_change", "1_add"), known), Source(path, sql)]
        catalog = SimulatedCatalog()
        catalog.take(parse(known))
        work = cost_of(parse(sql), sql, catalog, cockroachdb=cockroachdb).work
        planned[path] = (old, new, Work.REWRITE in work)
    found = {one.path for one in lint_files(files, target, config)}
    rewritten = [pair for pair in planned.values() if pair[2]]
    assert rewritten == [pair for path, pair in planned.items() if path in found]
