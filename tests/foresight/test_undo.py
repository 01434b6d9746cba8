"""Whether an undo part takes back what the forward part did, as a table."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.undo import Undo, Undoing
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.split import split

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
    ("CREATE INDEX i ON t (a)", "ALTER TABLE t DROP COLUMN a", UNKNOWN),
    ("CREATE INDEX i ON t (a)", "ALTER TABLE u DROP COLUMN a", NO),
    ("UPDATE t SET a = 1", "ALTER TABLE t DROP COLUMN a", UNKNOWN),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "ALTER TABLE t DROP COLUMN a", UNKNOWN),
    ("SET statement_timeout = 0", None, YES),
    ("CREATE TABLE t (a INT8)", "DO $$ BEGIN END $$", UNKNOWN),
]


@pytest.mark.parametrize(("up", "down", "answer"), CASES)
def test_what_comes_back(up, down, answer):
    nodes = None if down is None else [parse(down[a:b]) for a, b in split(down)]
    destroys = up.startswith(("DROP TABLE", "TRUNCATE")) or "DROP COLUMN" in up
    assert Undoing(nodes).of(parse(up), destroys=destroys) is answer
