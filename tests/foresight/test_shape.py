"""What EXPLAIN (DDL, SHAPE) says, read; the texts are in the form that its documentation shows."""

from __future__ import annotations

from typing import ClassVar

import psycopg
import pytest

from manticore_cockroachdb.analysis.catalog import Catalog, KnownTable
from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.preview import plan
from manticore_cockroachdb.preview.build import Read
from manticore_cockroachdb.preview.shape import may_be_explained, parse_shape

HEAD = "Schema change plan for ALTER TABLE ‹defaultdb›.‹public›.‹t› …;\n"
SYSTEM = " ├── execute 2 system table mutations transactions\n"
INDEX = (
    " ├── backfill using primary index t_pkey in relation t\n"
    " │    └── into by_name+ (name: id)\n"
    " ├── merge temporary indexes into backfilled indexes in relation t\n"
    " │    └── from t@[3] into by_name+\n"
)
UNIQUE = " ├── validate UNIQUE constraint backed by index by_name+ in relation t\n"
ANEW = (
    " ├── backfill using primary index t_pkey- in relation t\n"
    " │    └── into t_pkey+ (id; name, added+)\n"
)


@pytest.mark.parametrize(
    ("text", "work"),
    [
        (HEAD + SYSTEM, set()),
        (HEAD + SYSTEM + INDEX, {Work.BACKFILL}),
        (HEAD + INDEX + UNIQUE, {Work.BACKFILL, Work.VALIDATE}),
        (HEAD + ANEW, {Work.BACKFILL, Work.REWRITE}),
        (HEAD + " └── validate NOT NULL constraint on column a+ in relation t", {Work.VALIDATE}),
    ],
)
def test_the_work_in_a_plan(text, work):
    found = parse_shape(text)
    assert found is not None and found[0] == work


def test_the_lines_that_cost_are_kept_in_words():
    found = parse_shape(HEAD + SYSTEM + INDEX + UNIQUE)
    assert found is not None
    assert found[1] == (
        "backfill using primary index t_pkey in relation t",
        "validate UNIQUE constraint backed by index by_name+ in relation t",
    )


@pytest.mark.parametrize("text", ["", "distribution: local", "ERROR: not supported"])
def test_what_is_no_plan(text):
    assert parse_shape(text) is None


@pytest.mark.parametrize(
    ("sql", "asked"),
    [
        ("ALTER TABLE t ADD COLUMN a INT8", True),
        ("CREATE INDEX ON t (a)", True),
        ("INSERT INTO t VALUES (1)", False),
        ("CREATE TABLE t (a INT8)", False),
    ],
)
def test_only_changes_of_what_is_there_are_asked_about(sql, asked):
    assert may_be_explained(parse(sql)) == asked


def test_only_tables_that_are_there_are_asked_about_and_refusals_are_no_harm():
    """No server of the tests has EXPLAIN (DDL, SHAPE) yet, so this one is played."""

    class Session:
        asked: ClassVar[list[str]] = []

        def fetch(self, sql):
            self.asked.append(sql)
            if "refused" in sql:
                raise psycopg.errors.FeatureNotSupported("not supported")
            return [[(line,) for line in (HEAD + INDEX).split("\n")]]

        def rollback(self):
            pass

    statements = [
        "CREATE INDEX by_name ON t (name)",
        "CREATE INDEX by_name ON made_by_this_plan (name)",
        "ALTER TABLE t ADD COLUMN refused INT8",
        "INSERT INTO t VALUES (1)",
    ]
    reads = [Read(0, sql, parse(sql)) for sql in statements]
    facts = Catalog(tables={("public", "t"): KnownTable("public", "t")})
    found = plan.read_shapes(Session(), reads, facts)
    assert {sql: work for sql, (work, _) in found.items()} == {statements[0]: {Work.BACKFILL}}
    assert Session.asked == [f"EXPLAIN (DDL, SHAPE) {statements[i]}" for i in (0, 2)]
