"""The statement model's core: what each kind of statement is read as."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.migrations.nodes import (
    Dml,
    QName,
    Query,
    Unparsed,
)
from manticore_cockroachdb.migrations.parse import parse


def q(*parts: str) -> QName:
    return QName(parts)


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("CREATE TABLE t (a int)", "CREATE TABLE"),
        ("create unique index on t (a)", "CREATE INDEX"),
        ("ALTER TABLE t ADD a int", "ALTER TABLE"),
        ("DROP INDEX t@i", "DROP INDEX"),
        ("INSERT INTO t VALUES (1)", "INSERT"),
        ("BEGIN", "BEGIN"),
        ("SELECT 1", "SELECT"),
    ],
)
def test_verb(sql: str, verb: str) -> None:
    assert parse(sql).verb == verb


def test_what_is_not_understood_is_said_to_be() -> None:
    assert parse("CREATE TABLE t (a)") == Unparsed(
        verb="CREATE TABLE", reason="a column without a type", start=16
    )
    assert isinstance(parse("SELECT 'x"), Unparsed)


def test_insert_counts_rows() -> None:
    node = parse("INSERT INTO s.t (a) VALUES (1), (f(2)) ON CONFLICT DO NOTHING")
    assert isinstance(node, Dml)
    assert (node.table, node.rows, node.on_conflict, node.functions) == (
        q("s", "t"),
        2,
        True,
        {"f"},
    )


def test_a_query_may_write() -> None:
    node = parse("WITH x AS (DELETE FROM t RETURNING *) SELECT a FROM x")
    assert isinstance(node, Query)
    assert node.writes
    assert not node.selects_star
