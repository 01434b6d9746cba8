"""What a transaction covers, what runs alone, and what no migration can hold."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.transactions import changes_session, sets_session
from manticore_cockroachdb.own_tables import HISTORY
from manticore_cockroachdb.parser.parse import parse

from . import reading

# A statement, and how it runs: on PostgreSQL, on CockroachDB.
RUNS = [
    ("SAVEPOINT s", "transaction", "refused"),
    ("ROLLBACK TO s", "transaction", "refused"),
    ("RELEASE s", "transaction", "refused"),
    ("COMMIT", "refused", "refused"),
    ("DROP TABLE t", "transaction", "alone"),
    (f"DROP TABLE t, {HISTORY}", "transaction", "refused"),
    ("COPY t FROM STDIN", "refused", "refused"),
    ("COPY t TO STDOUT", "refused", "refused"),
    ("VACUUM t", "alone", "alone"),
    ("ANALYZE t", "transaction", "alone"),
    ("REINDEX TABLE t", "transaction", "alone"),
    ("REINDEX TABLE CONCURRENTLY t", "alone", "alone"),
    ("REFRESH MATERIALIZED VIEW m", "transaction", "alone"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "transaction", "alone"),
    ("CREATE INDEX i ON t (a)", "transaction", "alone"),
    ("CREATE INDEX CONCURRENTLY i ON t (a)", "alone", "alone"),
    ("DROP INDEX i", "transaction", "alone"),
    ("DROP INDEX CONCURRENTLY i", "alone", "alone"),
    ("CREATE DATABASE d", "alone", "alone"),
    ("DROP DATABASE d", "alone", "alone"),
    ("CREATE TABLESPACE s LOCATION 'x'", "alone", "alone"),
    ("CREATE ROLE r", "transaction", "alone"),
    ("ALTER SYSTEM SET a = 1", "alone", "alone"),
    ("ALTER TABLE t DETACH PARTITION p", "transaction", "alone"),
    ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "alone", "alone"),
    ("CREATE TABLE n (a INT8 REFERENCES n)", "transaction", "transaction"),
    ("CREATE TABLE n (a INT8 REFERENCES u)", "transaction", "alone"),
    ("CREATE TABLE n AS SELECT 1", "transaction", "alone"),
    ("ALTER TABLE t ADD a INT8, DROP b", "transaction", "refused"),
    ("ALTER TABLE t ADD a INT8, ADD b INT8", "transaction", "alone"),
    ("ALTER TABLE t DROP b", "transaction", "alone"),
    ("SELECT 1", "transaction", "transaction"),
    ("CALL p()", "transaction", "transaction"),
    ("SET LOCAL a = 1", "transaction", "transaction"),
    ("SET CLUSTER SETTING a.b = 1", "transaction", "alone"),
    ("RESET a", "transaction", "transaction"),
    ("FROB x", "transaction", "alone"),
]


@pytest.mark.parametrize(("sql", "postgresql", "cockroachdb"), RUNS)
def test_how_a_statement_runs(sql: str, postgresql: str, cockroachdb: str) -> None:
    assert (reading.runs(sql, "pg"), reading.runs(sql, "crdb")) == (postgresql, cockroachdb)


@pytest.mark.parametrize(
    ("sql", "changed", "needed_again"),
    [
        ("SET a = 1", True, True),
        ("SET LOCAL a = 1", False, False),
        ("SET CLUSTER SETTING a.b = 1", False, False),
        ("RESET a", True, True),
        ("SELECT set_config('a', '1', false)", True, True),
        ("SELECT now()", False, False),
        ("LOCK TABLE t", True, False),
        ("PREPARE p AS SELECT 1", True, True),
        ("INSERT INTO t VALUES (1)", False, False),
    ],
)
def test_what_a_session_keeps(sql: str, changed: bool, needed_again: bool) -> None:
    assert changes_session(parse(sql)) is changed
    assert sets_session(parse(sql)) is needed_again
