"""What readings of the catalog say about a statement: a table of all that can be read."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.catalog_probe import (
    Conclusion,
    Effect,
    Probe,
    conclude,
    effect_of,
    split_before,
)
from manticore_cockroachdb.parser.parse import parse

DONE, NOT_DONE = Conclusion.DONE, Conclusion.NOT_DONE
PART, UNKNOWN = Conclusion.PART, Conclusion.UNKNOWN
SEEN = Probe("a", "true")
CHANGES = Probe("b", None)


@pytest.mark.parametrize(
    ("probes", "repeatable", "before", "now", "conclusion"),
    [
        # nothing to look up
        ((), True, None, (), NOT_DONE),
        ((), False, None, (), UNKNOWN),
        # what has to be there
        ((SEEN,), False, None, ("true",), DONE),
        ((SEEN,), False, None, ("false",), NOT_DONE),
        ((SEEN,), False, None, (None,), NOT_DONE),
        ((SEEN,), False, ("true",), ("true",), DONE),
        # what has to be otherwise than before
        ((CHANGES,), False, None, ("x",), UNKNOWN),
        ((CHANGES,), True, None, ("x",), UNKNOWN),
        ((CHANGES,), False, ("x",), ("x",), NOT_DONE),
        ((CHANGES,), False, ("x",), ("y",), DONE),
        ((CHANGES,), False, (None,), ("y",), DONE),
        ((CHANGES,), False, (None,), (None,), NOT_DONE),
        # several: all of it, nothing of it, some of it
        ((SEEN, SEEN), False, None, ("true", "true"), DONE),
        ((SEEN, SEEN), False, None, ("false", "false"), NOT_DONE),
        ((SEEN, SEEN), False, None, ("true", "false"), PART),
        ((SEEN, SEEN), True, None, ("true", "false"), NOT_DONE),
        ((SEEN, CHANGES), False, ("false", "x"), ("true", "y"), DONE),
        ((SEEN, CHANGES), False, ("false", "x"), ("true", "x"), PART),
        # some of it was there before, and nothing has changed: the statement did nothing
        ((SEEN, SEEN), False, ("true", "false"), ("true", "false"), NOT_DONE),
        ((SEEN, SEEN), False, ("false", "false"), ("true", "false"), PART),
        ((SEEN, CHANGES), False, ("true", "x"), ("true", "x"), NOT_DONE),
    ],
)
def test_conclusions(probes, repeatable, before, now, conclusion):
    assert conclude(Effect(probes, repeatable), before, now) is conclusion


def test_what_is_blind():
    assert Effect().blind
    assert not Effect(repeatable=True).blind
    assert not Effect((SEEN,)).blind
    assert Effect().query() is None and Effect().before() is None and Effect().proof() is None
    assert Effect((CHANGES,)).proof() is None
    assert Effect((SEEN, CHANGES)).query() == "SELECT (a)::TEXT, (b)::TEXT"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (None, None),
        ("", None),
        ("true", ("true",)),
        ("~", (None,)),
        ("true|~|x", ("true", None, "x")),
    ],
)
def test_readings_are_put_together_and_taken_apart(text, values):
    assert split_before(text) == values


def test_the_quick_way_is_taken_where_it_is_asked_for():
    effect = Effect((Probe("slow", "true", "quick"), Probe("only", "x")))
    for put in (effect.before, effect.proof):
        assert "slow" in put() and "quick" not in put()
        assert "quick" in put(quick=True) and "slow" not in put(quick=True)
        assert "only" in put(quick=True)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TYPE mood RENAME TO feeling",
        "ALTER SCHEMA mood RENAME TO feeling",
        "ALTER ROLE mood RENAME TO feeling",
        "ALTER TABLE mood RENAME TO feeling",
    ],
)
def test_a_renaming_is_seen_from_both_names(sql):
    old, new = effect_of(parse(sql), cockroachdb=False).probes
    assert "'mood'" in old.sql and "'feeling'" not in old.sql and old.expected == "false"
    assert "'feeling'" in new.sql and "'mood'" not in new.sql and new.expected == "true"


@pytest.mark.parametrize(
    ("action", "repeatable"),
    [
        ("ALTER a SET NOT NULL", True),
        ("ALTER a DROP NOT NULL", True),
        ("ALTER a SET DEFAULT 1", True),
        ("ALTER a TYPE INT", True),
        ("ALTER a TYPE INT USING a + 1", False),  # again, and it counts twice
        ("VALIDATE CONSTRAINT c", True),
        ("ADD a INT", False),
        ("ADD IF NOT EXISTS a INT", True),
        ("DROP a", False),
        ("DROP IF EXISTS a", True),
        ("DROP CONSTRAINT c", False),
        ("DROP CONSTRAINT IF EXISTS c", True),
        ("RENAME a TO b", False),
    ],
)
def test_what_may_run_again_without_a_look(action, repeatable):
    assert effect_of(parse(f"ALTER TABLE t {action}"), cockroachdb=True).repeatable is repeatable


# A statement, what shows that it has run (the value, and words of where it is read), and whether
# it may run again without a look.
PROBES = [
    ("CREATE TABLE app.t (a INT8)", ["true 't' 'app' 'r'"], False),
    ("CREATE TABLE IF NOT EXISTS t (a INT8)", ["true 't' current_schemas"], True),
    ("CREATE INDEX i ON app.t (a)", ["true 'i' 't' 'app' x.indisvalid"], False),
    ("CREATE INDEX IF NOT EXISTS i ON t (a)", ["true 'i' 't' x.indisvalid"], True),
    ("CREATE INDEX ON app.t (a)", ["None count(*) 't' 'app' x.indisvalid"], False),
    ("CREATE VIEW v AS SELECT 1", ["true 'v' pg_class"], False),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", [], True),
    ("CREATE SCHEMA IF NOT EXISTS s", ["true 's' pg_namespace"], True),
    ("CREATE DATABASE d", ["true 'd' pg_database"], False),
    ("CREATE ROLE r", ["true 'r' pg_roles"], False),
    ("CREATE EXTENSION e", ["true 'e' pg_extension"], False),
    ("CREATE TYPE app.m AS ENUM ('a')", ["true 'm' 'app' pg_type"], False),
    ("CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS 'SELECT 1'", [], False),
    ("DROP TABLE a, app.b", ["false 'a'", "false 'b' 'app'"], False),
    ("DROP TABLE IF EXISTS a", ["false 'a'"], True),
    ("DROP INDEX app.i", ["false 'i' 'app'"], False),
    ("DROP INDEX t@i", ["false 'i' 't'"], False),
    ("DROP INDEX t@i, j", [], False),
    ("DROP FUNCTION f", [], False),
    ("ALTER TYPE app.m ADD VALUE 'b'", ["true 'm' 'app' 'b'"], False),
    ("ALTER TYPE m ADD VALUE IF NOT EXISTS 'b'", ["true 'm' 'b'"], True),
    ("ALTER TYPE m DROP VALUE 'b'", ["false 'm' 'b'"], False),
    ("ALTER TYPE app.m RENAME TO n", ["false 'm' 'app'", "true 'n' 'app'"], False),
    ("ALTER TABLE app.t RENAME TO u", ["false 't' 'app'", "true 'u' 'app'"], False),
    ("ALTER VIEW app.t RENAME TO u", ["false 't' 'app'", "true 'u' 'app'"], False),
    ("ALTER TABLE app.t SET SCHEMA s", ["false 't' 'app'", "true 't' 's'"], False),
    ("ALTER TABLE t RENAME a TO b", ["false 't' 'a'", "true 't' 'b'"], False),
    ("ALTER TABLE t RENAME CONSTRAINT c TO d", ["false 't' 'c'", "true 't' 'd'"], False),
    ("ALTER TABLE t ADD CHECK (a > 0)", ["None count(*) 't'"], False),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", ["true 't' 'c'"], False),
    ("ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c PRIMARY KEY (a)",
     ["None 't' 'c' pg_get_constraintdef"], False),
    ("ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT d UNIQUE (a)",
     ["false 't' 'c'", "true 't' 'd'"], False),
    ("ALTER TABLE t ALTER a TYPE INT8", ["None 't' 'a' format_type"], True),
    ("ALTER TABLE t VALIDATE CONSTRAINT c", ["true 't' 'c' k.convalidated"], True),
    ("ALTER TABLE t ALTER a SET NOT NULL", ["true 't' 'a' a.attnotnull"], True),
    ("ALTER TABLE t ALTER a DROP NOT NULL", ["false 't' 'a' a.attnotnull"], True),
    ("ALTER TABLE t ADD a INT8, ALTER b SET DEFAULT 1", ["true 't' 'a'"], False),
    ("ALTER TABLE t ADD IF NOT EXISTS a INT8, DROP IF EXISTS b",
     ["true 't' 'a'", "false 't' 'b'"], True),
    ("ALTER TABLE t ADD a INT8, SET UNLOGGED", [], False),
    ("COMMENT ON TABLE t IS 'x'", [], True),
    ("GRANT SELECT ON t TO r", [], True),
    ("SET a = 1", [], True),
    ("VACUUM t", [], True),
    ("IMPORT INTO t CSV DATA ('x')", [], False),
    ("INSERT INTO t VALUES (1)", [], False),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "shown", "repeatable"), PROBES)
def test_what_shows_that_a_statement_has_run(sql, shown, repeatable):
    effect = effect_of(parse(sql), cockroachdb=True)
    assert effect.repeatable is repeatable and effect.debris is None
    for probe, words in zip(effect.probes, shown, strict=True):
        expected, *parts = words.split()
        assert str(probe.expected) == expected
        assert all(part in probe.sql for part in parts)
        if "INDEX" in sql:
            assert ("x.indisvalid" in probe.sql) is ("x.indisvalid" in parts)


def test_only_postgresql_leaves_an_index_that_is_not_valid():
    index = parse("CREATE INDEX CONCURRENTLY i ON app.t (a)")
    debris = effect_of(index, cockroachdb=False).debris
    assert "'i'" in debris and "n.nspname = 'app'" in debris and "NOT x.indisvalid" in debris
    assert effect_of(index, cockroachdb=True).debris is None
