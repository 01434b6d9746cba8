"""Whether an undo part takes back what the forward part did: a table that plan and lint read."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.undo import Undo, undo_of, worst
from manticore_cockroachdb.lint import LintConfig, Source, lint_files
from manticore_cockroachdb.parser.parse import parse

from .reading import nodes

YES, LOST, UNKNOWN, NO = Undo.YES, Undo.WITHOUT_DATA, Undo.UNKNOWN, Undo.NO

CASES = [
    ("CREATE TABLE t (a INT8)", "DROP TABLE t", YES),
    ("CREATE TABLE app.t (a INT8)", "DROP TABLE IF EXISTS app.t CASCADE", YES),
    ("CREATE TABLE t (a INT8)", "DROP TABLE u", NO),
    ("CREATE TABLE t (a INT8)", None, NO),
    ("CREATE INDEX i ON t (a)", "DROP INDEX i", YES),
    ("CREATE INDEX i ON t (a)", "DROP INDEX t@i", YES),
    ("CREATE INDEX i ON t (a)", "DROP INDEX u@i", NO),
    ("CREATE INDEX i ON t (a)", "DROP TABLE t", YES),
    ("CREATE INDEX ON t (a)", "DROP INDEX t_a_idx", YES),
    ("ALTER TABLE t ADD COLUMN a INT8", "ALTER TABLE t DROP COLUMN a", YES),
    ("ALTER TABLE t ADD COLUMN a INT8", "ALTER TABLE t DROP COLUMN b", NO),
    ("ALTER TABLE t ADD COLUMN a INT8, ADD COLUMN b INT8", "ALTER TABLE t DROP COLUMN a", NO),
    ("ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ADD COLUMN a INT8", LOST),
    ("ALTER TABLE t DROP COLUMN a", "SELECT 1", NO),
    ("DROP TABLE t", "CREATE TABLE t (a INT8)", LOST),
    ("ALTER TABLE t RENAME TO u", "DROP TABLE u; CREATE TABLE t (a INT8)", LOST),
    ("TRUNCATE t", "INSERT INTO t VALUES (1)", UNKNOWN),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT c", YES),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "DROP INDEX t@c CASCADE", YES),
    ("ALTER TABLE t ADD CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT t_a_check", YES),
    ("ALTER TABLE t VALIDATE CONSTRAINT c", "SELECT 1", YES),
    ("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a DROP NOT NULL", YES),
    ("ALTER TABLE t ALTER a SET DEFAULT 1", "ALTER TABLE t ALTER a SET DEFAULT 0", YES),
    ("ALTER TABLE t ALTER a TYPE INT8", "ALTER TABLE t ALTER b TYPE INT8", NO),
    ("ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t RENAME COLUMN b TO a", YES),
    ("ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t", YES),
    ("INSERT INTO t VALUES (1)", "DELETE FROM t", UNKNOWN),
    ("INSERT INTO t VALUES (1)", "DROP TABLE t", YES),
    ("INSERT INTO t VALUES (1)", "DELETE FROM u", NO),
    ("CREATE VIEW v AS SELECT 1", "DROP VIEW v", YES),
    ("CREATE TYPE m AS ENUM ('a')", "DROP TYPE m", YES),
    ("GRANT SELECT ON t TO r", "REVOKE SELECT ON t FROM r", YES),
    ("COMMENT ON TABLE app.t IS 'x'", "DROP TABLE t", YES),
    ("COMMENT ON COLUMN app.t.a IS 'x'", "DROP TABLE t", YES),
    ("COMMENT ON COLUMN t.a IS 'x'", "ALTER TABLE t DROP COLUMN a", YES),
    ("COMMENT ON COLUMN t.a IS 'x'", "ALTER TABLE t DROP COLUMN b", NO),
    ("COMMENT ON TABLE t IS 'x'", "COMMENT ON TABLE t IS NULL", YES),
    ("COMMENT ON TYPE e IS 'x'", "DROP TYPE e", YES),
    ("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t DROP COLUMN a", YES),
    ("ALTER TABLE t ALTER a SET DEFAULT 1", "ALTER TABLE t DROP COLUMN a", YES),
    ("ALTER TABLE t ALTER a SET DEFAULT 1", "ALTER TABLE t DROP COLUMN b", NO),
    ("ALTER TYPE e ADD VALUE 'b'", "DROP TYPE e", YES),
    ("CREATE INDEX i ON t (a)", "ALTER TABLE t DROP COLUMN a", YES),
    ("CREATE INDEX i ON t (b)", "ALTER TABLE t DROP COLUMN a", NO),
    ("CREATE INDEX i ON t (a)", "ALTER TABLE u DROP COLUMN a", NO),
    ("UPDATE t SET a = 1", "ALTER TABLE t DROP COLUMN a", UNKNOWN),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t DROP COLUMN a", UNKNOWN),
    ("SET statement_timeout = 0", None, YES),
    ("CREATE TABLE t (a INT8)", "DO $$ BEGIN END $$", UNKNOWN),
]


@pytest.mark.parametrize(("up", "down", "answer"), CASES)
def test_what_comes_back(up, down, answer):
    undone = None if down is None else nodes(down)
    destroys = up.startswith(("DROP TABLE", "TRUNCATE")) or "DROP COLUMN" in up
    assert undo_of([parse(up)], undone).of(0, destroys=destroys) is answer


# The two used to have an analysis each. What one called undone the other reported.
RENAMED = "ALTER TABLE t RENAME TO u; ALTER TABLE u ADD c INT8"
BOTH = [
    ("ALTER TABLE a RENAME TO b", "ALTER TABLE a RENAME TO b", "table b, without table a"),
    ("ALTER TABLE a RENAME TO b", "ALTER TABLE b RENAME TO a", None),
    ("ALTER TABLE app.a RENAME TO b", "ALTER TABLE app.b RENAME TO a", None),
    ("ALTER TABLE t RENAME a TO b", "SELECT 1", "column t.b, without column t.a"),
    ("CREATE TABLE tmp (a INT8); DROP TABLE tmp", "SELECT 1", None),
    ("CREATE TABLE s1.a (i INT8)", "DROP TABLE s2.a", "table s1.a"),
    ("CREATE TABLE app.a (i INT8)", "DROP TABLE a", None),
    ("CREATE TABLE a (i INT8); ALTER TABLE a RENAME TO b", "DROP TABLE a", "table b"),
    ("CREATE TABLE a (i INT8); ALTER TABLE a RENAME TO b", "DROP TABLE b", None),
    (RENAMED, "ALTER TABLE u DROP c", "table u, without table t"),
    (RENAMED, "ALTER TABLE u DROP c; ALTER TABLE u RENAME TO t", None),
    (RENAMED, "ALTER TABLE u RENAME TO t", "column u.c"),
    ("ALTER TABLE t ADD c INT8; ALTER TABLE t RENAME TO u",
     "ALTER TABLE u DROP c; ALTER TABLE u RENAME TO t", None),
    ("CREATE INDEX i ON t (a); ALTER TABLE t RENAME TO u",
     "DROP INDEX u@i; ALTER TABLE u RENAME TO t", None),
    ("CREATE TABLE t (a INT8); CREATE INDEX i ON t (a); ALTER TABLE t RENAME TO u",
     "DROP TABLE u", None),
    ("CREATE INDEX i ON t (a)", "DROP INDEX u@i", "index i"),
    ("CREATE INDEX i ON t (a); ALTER INDEX i RENAME TO j", "SELECT 1", "index j"),
    ("ALTER TABLE t ADD a INT8; ALTER TABLE t RENAME a TO b", "SELECT 1", "column t.b"),
    ("CREATE INDEX i ON t (a)", "ALTER TABLE t DROP COLUMN a", None),
    ("CREATE INDEX i ON t (a) WHERE b > 0", "ALTER TABLE t DROP COLUMN b", None),
    ("CREATE INDEX ON t (a); CREATE INDEX ON t (b)", "DROP INDEX t_a_idx", "an unnamed index"),
    ("DROP INDEX i", "CREATE INDEX i ON t (a)", None),
    ("DROP INDEX i", "SELECT 1", "without index i"),
    ("CREATE INDEX a ON t (b); ALTER TABLE t RENAME a TO c",
     "DROP INDEX a; ALTER TABLE t RENAME c TO a", None),
    ("DROP VIEW v; CREATE VIEW v AS SELECT 1", "DROP VIEW v; CREATE VIEW v AS SELECT 2", None),
    ("CREATE OR REPLACE FUNCTION f() RETURNS INT LANGUAGE sql AS 'SELECT 1'",
     "CREATE OR REPLACE FUNCTION f() RETURNS INT LANGUAGE sql AS 'SELECT 2'", None),
    ("CREATE TABLE p (a INT8) PARTITION BY RANGE (a);"
     "CREATE TABLE q PARTITION OF p DEFAULT; CREATE INDEX i ON q (a)", "DROP TABLE p", None),
    ("ALTER TABLE t ALTER a TYPE INT8; ALTER TABLE t DROP a", "ALTER TABLE t ADD a INT4", None),
    ("CREATE SCHEMA s; CREATE TABLE s.t (a INT8)", "DROP SCHEMA s CASCADE", None),
    ("CREATE VIEW v AS SELECT * FROM t", "DROP TABLE t CASCADE", None),
    ("ALTER INDEX i RENAME TO j", "ALTER INDEX j RENAME TO i", None),
    ("GRANT SELECT ON t TO r; CREATE TABLE t (a INT8)", "DROP TABLE t", None),
    ("CREATE TABLE t (a INT8); GRANT SELECT ON t TO r", "DROP TABLE t", None),
]  # fmt: skip


@pytest.mark.parametrize(("up", "down", "left"), BOTH)
def test_plan_and_lint_say_the_same(up, down, left):
    answer = worst(undo_of(nodes(up), nodes(down)).answers)
    text = f"{up};\n-- @UNDO\n{down};\n"
    config = LintConfig(select=frozenset(("undo-incomplete",)))
    found = [one.message for one in lint_files([Source("1_x.sql", text)], "postgresql", config)]
    assert found == ([] if left is None else [f"The undo part leaves: {left}."])
    assert (answer is NO) is (left is not None)


# What is left, by the number of the statement, and how sure that is.
LEFT = [
    ("CREATE TABLE t (a INT8)", "SELECT 1", "0 made table t: no"),
    ("CREATE TABLE t (a INT8); DROP TABLE t; CREATE TABLE t (a INT8)", "SELECT 1",
     "2 made table t: no"),
    ("CREATE TABLE t (a INT8); ALTER TABLE t RENAME a TO b", "SELECT 1", "0 made table t: no"),
    ("CREATE TABLE t (a INT8); ALTER TABLE t ALTER a TYPE TEXT", "SELECT 1",
     "0 made table t: no"),
    ("ALTER TABLE s1.a RENAME TO b; CREATE TABLE s2.b (i INT8)",
     "DROP TABLE s2.b; ALTER TABLE s1.b RENAME TO a", ""),
    ("ALTER TABLE t RENAME TO u; ALTER TABLE u DROP a", "ALTER TABLE u RENAME TO t",
     "1 gone column u.a: no"),
    ("ALTER TABLE t RENAME TO u; ALTER TABLE u DROP a",
     "ALTER TABLE u RENAME TO t; ALTER TABLE t ADD a INT8", ""),
    ("ALTER TABLE t RENAME CONSTRAINT c TO d", "SELECT 1",
     "0 made constraint t.d: no, 0 gone constraint t.c: no"),
    ("ALTER TABLE t RENAME CONSTRAINT c TO d", "ALTER TABLE t RENAME CONSTRAINT d TO c", ""),
    ("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a SET DEFAULT 1",
     "0 altered column t.a nullability: no"),
    ("DROP VIEW v; CREATE VIEW v AS SELECT 1", "SELECT 1", "0 altered view v definition: no"),
    ("COMMENT ON VIEW v IS 'x'; CREATE OR REPLACE VIEW v AS SELECT 1", "SELECT 1",
     "1 made view v: no"),
    ("CREATE VIEW v AS SELECT 1", "CREATE OR REPLACE VIEW v AS SELECT 2", "0 made view v: no"),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE OR REPLACE VIEW v AS SELECT 2", ""),
    ("CREATE VIEW v AS SELECT 1; CREATE TABLE u (a INT8)", "DROP TABLE t CASCADE",
     "0 made view v: unknown, 1 made table u: no"),
    ("CREATE TABLE u (a INT8); CREATE INDEX i ON u (a); ALTER TABLE t ADD u INT8",
     "DROP TABLE t", "0 made table u: no, 1 made index i: no"),
    ("CREATE TABLE p (a INT8) PARTITION BY RANGE (a); CREATE TABLE q PARTITION OF p DEFAULT;"
     "ALTER TABLE p RENAME TO r", "DROP TABLE r", ""),
    ("CREATE INDEX i ON t (a); ALTER INDEX i RENAME TO j", "DROP TABLE t", ""),
    ("CREATE INDEX i ON t (a); ALTER INDEX i RENAME TO j", "DROP INDEX u@j",
     "0 made index j: no"),
    ("CREATE INDEX i ON s1.t (a); CREATE INDEX i ON s2.t (a)",
     "DROP INDEX s1.i; DROP INDEX s2.i", ""),
    ("CREATE INDEX ON u (a); CREATE INDEX ON t (a)", "DROP INDEX t_a_idx", "0 made index: no"),
    ("CREATE INDEX ON t (a); CREATE INDEX ON u (a)", "DROP INDEX t_a_idx", "1 made index: no"),
    ("DROP INDEX i", "CREATE INDEX j ON t (a)", "0 gone index i: unknown"),
    ("DROP INDEX i", "CREATE INDEX ON t (a)", ""),
    ("DROP INDEX i", "CREATE TABLE i (a INT8)", "0 gone index i: no"),
    ("DROP INDEX i", "ALTER TABLE t ADD i INT8", "0 gone index i: no"),
    ("DROP INDEX t@i", "CREATE INDEX i ON t (a)", ""),
    ("DROP INDEX t@i", "CREATE INDEX j ON t (a)", "0 gone index i: unknown"),
    ("DROP INDEX u@i", "CREATE INDEX i ON t (a)", "0 gone index i: unknown"),
    ("DROP VIEW v", "CREATE INDEX j ON t (a)", "0 gone view v: no"),
    ("INSERT INTO t VALUES (1)", "SELECT 1", "0 rows added table t: no"),
    ("UPDATE t SET a = 1", "SELECT 1", "0 rows changed table t: no"),
    ("DELETE FROM t", "SELECT 1", "0 rows changed table t: no"),
    ("INSERT INTO t VALUES (1); ALTER TABLE t RENAME TO u",
     "ALTER TABLE u RENAME TO t; DELETE FROM t", "0 rows added table t: unknown"),
    ("INSERT INTO t VALUES (1)", "DO $$ BEGIN END $$", "0 rows added table t: unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("up", "down", "left"), LEFT)
def test_what_is_left(up, down, left):
    report = undo_of(nodes(up), nodes(down))
    words = [(one.what, one.kind, one.name, one.aspect) for one in report.left]
    shown = [
        f"{one.statement} {' '.join(filter(None, word))}: {one.answer}"
        for one, word in zip(report.left, words, strict=True)
    ]
    assert ", ".join(shown) == left
    assert worst(report.answers) is worst(one.answer for one in report.left)


@pytest.mark.parametrize(
    ("up", "down", "opaque"),
    [
        ("SELECT 1", "SELECT 1", (False, False)),
        ("SELECT 1", None, (False, False)),
        ("DO $$ BEGIN END $$", None, (True, False)),
        ("DO $$ BEGIN END $$", "SELECT 1", (True, False)),
        ("SELECT 1", "DO $$ BEGIN END $$", (False, True)),
    ],
)
def test_a_part_that_hides_what_it_does(up, down, opaque):
    report = undo_of([parse(up)], None if down is None else [parse(down)])
    assert (report.opaque_up, report.opaque_down) == opaque


@pytest.mark.parametrize(
    ("up", "down", "destroyed"),
    [
        ("SELECT 1", "DROP TABLE t", "table t"),
        ("SELECT 1", "TRUNCATE t", "table t emptied"),
        ("SELECT 1", "DELETE FROM app.t", "table app.t emptied"),
        ("SELECT 1", "DELETE FROM t WHERE a = 1", ""),
        ("SELECT 1", "ALTER TABLE t DROP a", "column t.a"),
        ("SELECT 1", "DROP SCHEMA s CASCADE", "schema s"),
        ("SELECT 1", "DROP VIEW v", ""),
        ("CREATE TABLE t (a INT8)", "DROP TABLE t", ""),
        ("CREATE TABLE t (a INT8)", "TRUNCATE t", ""),
        ("ALTER TABLE t ADD a INT8", "ALTER TABLE t DROP a", ""),
    ],
)
def test_what_the_undo_part_destroys(up, down, destroyed):
    report = undo_of([parse(up)], [parse(down)])
    shown = [f"{one.kind} {one.name}{' emptied' * one.emptied}" for one in report.destroyed]
    assert ", ".join(shown) == destroyed


def test_what_the_undo_part_destroys_though_the_forward_part_did_not_make_it():
    up, down = parse("ALTER TABLE a RENAME TO b"), parse("DROP TABLE b")
    assert [one.name for one in undo_of([up], [down]).destroyed] == ["b"]
    assert not undo_of([parse("CREATE TABLE b (a INT8)")], [down]).destroyed
    again = [parse("CREATE TABLE a (i INT8)"), parse("INSERT INTO a SELECT i FROM b"), down]
    assert not undo_of([up], again).destroyed, "its rows were put back before"
    moved = "ALTER TABLE t RENAME TO old; CREATE TABLE t (i INT8); DROP TABLE old"
    assert not undo_of([], nodes(moved)).destroyed


def test_a_baseline_of_ten_thousand_tables_is_judged_soon():
    up = [parse(f"CREATE TABLE t{i} (a INT8)") for i in range(10_000)]
    down = [parse(f"DROP TABLE t{i}") for i in range(10_000)]
    report = undo_of(up, down)
    assert set(report.answers) == {YES} and not report.left
