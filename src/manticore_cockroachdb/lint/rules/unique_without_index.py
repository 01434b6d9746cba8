"""UNIQUE WITHOUT INDEX, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="unique-without-index",
    cockroachdb="warning",
    summary="UNIQUE WITHOUT INDEX is experimental, and every insert reads the table.",
    help="leave WITHOUT INDEX out",
    problem="""
        Without an index, each insert and update searches the table for an equal row. The feature
        needs an experimental setting, has no page in the documentation, and with
        `skip_unique_checks` in a REGIONAL BY ROW table lets duplicates in.
    """,
    solution="""
        ```sql
        CREATE UNIQUE INDEX users_email_key ON users (email);
        ```
    """,
    ok=(Case("CREATE TABLE t (id UUID PRIMARY KEY, email TEXT UNIQUE);"),),
    bad=(
        Case("ALTER TABLE users ADD CONSTRAINT one_email UNIQUE WITHOUT INDEX (email);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, email TEXT UNIQUE WITHOUT INDEX);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, a TEXT, UNIQUE WITHOUT INDEX (a));"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A unique constraint that has no index, wherever it is defined."""
    for statement, table, column in context.new_columns():
        if column.without_index:
            yield context.finding(RULE, statement, _told(table), start=column.start)
    for statement, create in context.on(n.CreateTable):
        for one in create.constraints:
            if one.without_index:
                yield context.finding(RULE, statement, _told(create.name), start=one.start)
    for statement, alter, action in context.actions(n.AddConstraint):
        if action.constraint.without_index:
            yield context.finding(RULE, statement, _told(alter.name), start=action.start)


def _told(table: n.QName) -> str:
    return f"A unique constraint of {table} has no index, so every write searches the table."
