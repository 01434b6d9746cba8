"""Fixes, as text."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.lint import Edit, Finding, Fix, Source, lint_files
from manticore_cockroachdb.lint.fix import fixed

CRDB, PG = "cockroachdb:25.4", "postgresql:17"


def mended(sql: str, target: str) -> str:
    return fixed(sql, lint_files([Source("m/1_x.sql", sql)], target))[0]


@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        (PG, "CREATE INDEX i ON t (a);", "CREATE INDEX CONCURRENTLY i ON t (a);"),
        (
            PG,
            "create unique index if not exists i on t (a)",
            "create unique index CONCURRENTLY if not exists i on t (a)",
        ),
        (PG, "DROP INDEX i;", "DROP INDEX CONCURRENTLY i;"),
        (PG, "DROP INDEX i, j;", "DROP INDEX i, j;"),
        (PG, "REINDEX TABLE t;", "REINDEX TABLE CONCURRENTLY t;"),
        (PG, "ALTER TABLE m DETACH PARTITION p;", "ALTER TABLE m DETACH PARTITION p CONCURRENTLY;"),
        (PG, "-- @transaction on\nCREATE INDEX i ON t (a);", None),
        (
            PG,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n"
            "ALTER TABLE t VALIDATE CONSTRAINT c;",
            "-- @transaction off\nALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n"
            "ALTER TABLE t VALIDATE CONSTRAINT c;",
        ),
        (
            CRDB,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);\n",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n"
            "ALTER TABLE t VALIDATE CONSTRAINT c;\n",
        ),
        (
            CRDB,
            "BEGIN;\nALTER TABLE t ADD COLUMN a INT8;\nCOMMIT;\n",
            "ALTER TABLE t ADD COLUMN a INT8;\n",
        ),
        (
            CRDB,
            "BEGIN; ALTER TABLE t ADD COLUMN a INT8; COMMIT",
            "ALTER TABLE t ADD COLUMN a INT8; ",
        ),
        (CRDB, "BEGIN;\nCOMMIT;", None),
        (
            CRDB,
            "CREATE TABLE t (id UUID PRIMARY KEY, a TEXT UNIQUE);\nDROP INDEX t_a_key;",
            "CREATE TABLE t (id UUID PRIMARY KEY, a TEXT UNIQUE);\nDROP INDEX t_a_key CASCADE;",
        ),
        (CRDB, "-- why\n-- @allow truncate: x\nSELECT 1;\n", "-- why\nSELECT 1;\n"),
        (CRDB, "-- @allow truncate, drop-table: x\nDROP TABLE t;\n", None),
    ],
)
def test_what_a_fix_makes(target: str, before: str, after: str | None) -> None:
    assert mended(before, target) == (before if after is None else after)


def finding(start: int, *edits: Edit) -> Finding:
    return Finding("r", "error", "m", "p", 1, 1, "h", Fix("x", edits), start)


def test_fixes_are_carried_out_from_the_end() -> None:
    text, done = fixed("abcdef", [finding(0, Edit(0, 1, "AA")), finding(3, Edit(3, 5, ""))])
    assert (text, len(done)) == ("AAbcf", 2)


def test_one_that_overlaps_an_earlier_one_waits() -> None:
    text, done = fixed("abcdef", [finding(2, Edit(2, 4, "x")), finding(0, Edit(0, 3, "y"))])
    assert text == "ydef"
    assert [one.start for one in done] == [0]


def test_the_same_edit_twice_is_made_once() -> None:
    text, done = fixed("abc", [finding(0, Edit(0, 0, "x")), finding(1, Edit(0, 0, "x"))])
    assert (text, len(done)) == ("xabc", 2)
