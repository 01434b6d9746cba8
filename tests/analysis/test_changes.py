"""What a statement changes, where no table of cases says it."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.changes import (
    Change,
    changes,
    is_opaque,
    references,
    tables_of,
)
from manticore_cockroachdb.analysis.references import mentions
from manticore_cockroachdb.parser.parse import parse

# A statement, what it does, and the tables that it is about.
CASES = [
    ("CREATE TABLE q PARTITION OF p DEFAULT", "makes table q in p", "q"),
    ("CREATE TABLE q (a INT8) INHERITS (a, s.b)", "makes table q in a, s.b", "q"),
    ("CREATE INDEX ON t (a, lower(b)) WHERE c > 0", 'makes index "" on t over a, c, lower(b)', "t"),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", "makes view v replaces", "v"),
    ("CREATE PROCEDURE p() LANGUAGE sql AS ''", "makes function p", ""),
    ("CREATE USER u", "makes role u", ""),
    ("CREATE POLICY p ON t", "makes policy p on t", "t"),
    ("ALTER TYPE m RENAME VALUE 'a' TO 'b'", "alters type m (label)", ""),
    ("ALTER TYPE m ADD VALUE 'a'", "alters type m (values)", ""),
    ("ALTER TYPE s.m RENAME TO n", "renames type s.m to s.n", ""),
    ("ALTER ROLE a RENAME TO b", "renames role a to b", ""),
    ("DROP TABLE a, b CASCADE", "removes table a cascades; removes table b cascades", "a b"),
    ("DROP INDEX t@i, u@j", "removes index i on t; removes index j on u", "t u"),
    ("DROP INDEX t@i, j", "removes index i; removes index j", ""),
    ("DROP TRIGGER g ON t", "removes trigger g on t", "t"),
    ("TRUNCATE a, b", "empties table a; empties table b", "a b"),
    ("DELETE FROM t", "empties table t", "t"),
    ("DELETE FROM t LIMIT 1", "changes rows table t", "t"),
    ("DELETE FROM t WHERE a = 1", "changes rows table t", "t"),
    ("UPSERT INTO t VALUES (1)", "adds rows table t", "t"),
    ("COPY t FROM STDIN", "adds rows table t", "t"),
    ("COPY t TO STDOUT", "", ""),
    ("COMMENT ON COLUMN s.t.a IS 'x'", "alters column a on s.t (comment)", ""),
    ("COMMENT ON TABLE s.t IS 'x'", "alters table s.t (comment)", ""),
    ("COMMENT ON SCHEMA s IS 'x'", "alters schema s (comment)", ""),
    ("COMMENT ON PROCEDURE p IS 'x'", "alters function p (comment)", ""),
    ("GRANT SELECT ON TABLE app.t TO r", "alters table app.t (grants)", ""),
    ('GRANT SELECT ON "my_t" TO r', "alters table my_t (grants)", ""),
    ("GRANT SELECT ON SCHEMA app TO r", 'alters grants "SCHEMA app" (grants)', ""),
    ("GRANT SELECT ON a, b TO r", 'alters grants "a, b" (grants)', ""),
    ("SELECT 1 INTO TABLE", "", ""),
    ("SELECT 1 INTO app.t FROM u LIMIT 1", "makes table app.t", ""),
    ("ALTER VIEW v RENAME TO s.w", "renames view v to s.w", "v"),
    ("ALTER VIEW s.v RENAME TO s.w", "renames view s.v to s.w", "s.v"),
    ("ALTER TABLE t ADD CHECK (a > 0)", 'makes constraint "" on t', "t"),
    ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a, b)", "makes constraint c on t over a, b", "t"),
    ("ALTER TABLE t DROP CONSTRAINT c, RENAME CONSTRAINT d TO e",
     "removes constraint c on t; renames constraint d on t to e", "t"),
    ("ALTER TABLE t DETACH PARTITION p", "alters table t (partition)", "t"),
    ("ALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a)", "alters table t (primary key)", "t"),
    ("ALTER TABLE t RESET (fillfactor)", "alters table t (options)", "t"),
    ("ALTER TABLE t ALTER a DROP DEFAULT", "alters column a on t (default)", "t"),
    ("ALTER INDEX t@i RENAME TO j", "renames index i on t to j", "t"),
    ("ALTER INDEX i RENAME TO j", "renames index i to j", ""),
    ("ALTER SEQUENCE s OWNED BY t.a", "alters sequence s (other)", "s"),
    ("VACUUM t", "", "t"),
    ("REFRESH MATERIALIZED VIEW m", "", "m"),
    ("REINDEX TABLE t", "", ""),
    ("CREATE TABLE n (a INT8 REFERENCES u)", "makes table n", "n"),
]  # fmt: skip


def told(one: Change) -> str:
    words = [one.way, one.kind, str(one.name)]
    words += [f"on {one.table}"] if one.table is not None else []
    words += [f"to {one.to}"] if one.to is not None else []
    words += [f"({one.aspect})"] if one.aspect else []
    words += [f"over {', '.join(sorted(one.columns))}"] if one.columns is not None else []
    words += [f"in {', '.join(map(str, one.parents))}"] if one.parents else []
    return " ".join(words + ["replaces"] * one.replaces + ["cascades"] * one.cascades)


@pytest.mark.parametrize(("sql", "does", "tables"), CASES)
def test_what_a_statement_does_to_which_things(sql: str, does: str, tables: str) -> None:
    node = parse(sql)
    assert "; ".join(map(told, changes(node, sql))) == does
    assert " ".join(map(str, tables_of(node))) == tables


@pytest.mark.parametrize(
    ("sql", "opaque"),
    [
        *((sql, False) for sql, *_ in CASES),
        *((sql, False) for sql in ("SELECT 1", "SELECT now(), count(*)", "SET a = 1", "BEGIN")),
        *((sql, False) for sql in ("SET LOCAL a = 1", "RESET a", "LOCK TABLE a", "CHECKPOINT")),
        *((sql, True) for sql in ("SELECT f()", "SELECT now(), f()", "CALL p()", "FROB x")),
        ("WITH x AS (INSERT INTO u VALUES (1)) SELECT 1", True),
        ("WITH x AS (DELETE FROM u) UPDATE t SET a = 1", True),
        ("EXPLAIN ANALYZE DELETE FROM t", True),
        ("SET CLUSTER SETTING a.b = 1", True),
        ("ALTER DATABASE d SET a = 1", True),
        ("DO $$ BEGIN END $$", True),
    ],
)
def test_what_hides_more_than_it_says(sql: str, opaque: bool) -> None:
    assert is_opaque(parse(sql)) is opaque


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("CREATE TABLE n (a INT8 REFERENCES u, b INT8, FOREIGN KEY (a) REFERENCES w)", "u w"),
        ("ALTER TABLE t ADD a INT8 REFERENCES u, ADD FOREIGN KEY (a) REFERENCES s.w", "u s.w"),
        ("ALTER TABLE t ADD UNIQUE (a), ADD b INT8, DROP c", ""),
        ("DROP TABLE t", ""),
    ],
)
def test_the_tables_that_foreign_keys_refer_to(sql: str, tables: str) -> None:
    assert " ".join(map(str, references(parse(sql)))) == tables


@pytest.mark.parametrize(
    ("sql", "to"),
    [
        ("ALTER TABLE app.a RENAME TO b", "app.b"),
        ("ALTER TABLE a RENAME TO b", "b"),
        ("ALTER SEQUENCE app.a RENAME TO b", "app.b"),
    ],
)
def test_a_new_name_is_in_the_schema_of_the_old_one(sql: str, to: str) -> None:
    (one,) = changes(parse(sql), sql)
    assert str(one.to) == to


@pytest.mark.parametrize("words", ["", "TEMPORARY", "TEMP TABLE", "UNLOGGED TABLE", "TABLE"])
def test_the_table_that_a_select_makes(words: str) -> None:
    sql = f"SELECT 1 AS a INTO {words} app.t FROM u"
    (one,) = changes(parse(sql), sql)
    assert (one.way, str(one.name)) == ("makes", "app.t")


@pytest.mark.parametrize("target", ["t", "TABLE t", "table app.t"])
def test_rights_on_a_table_are_an_aspect_of_it(target: str) -> None:
    (one,) = changes(parse(f"GRANT SELECT ON {target} TO reader"))
    assert (one.kind, one.name.name, one.aspect) == ("table", "t", "grants")


def test_rights_on_all_of_some_schemas_mention_these() -> None:
    some = "GRANT SELECT ON ALL TABLES IN SCHEMA app, other TO reader"
    assert mentions(some, parse(some)).schemas == {"app", "other"}
    one = "GRANT SELECT ON t TO reader"
    assert mentions(one, parse(one)).schemas == set()
