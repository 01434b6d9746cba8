"""DELETE without WHERE."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="delete-without-where",
    cockroachdb="warning",
    postgresql="warning",
    summary="DELETE without WHERE destroys every row, in one transaction.",
    help="write WHERE, and on CockroachDB LIMIT, and repeat until no row is left",
    problem="""
        No undo brings the rows back. One statement over a large table is also one large
        transaction: on CockroachDB it runs into conflicts and limits beyond some ten thousand
        rows, and `sql_safe_updates` refuses it.
    """,
    solution="""
        ```sql
        DELETE FROM sessions WHERE expires_at < now() - INTERVAL '30 days';
        ```

        Many rows go in batches, from the application:

        ```sql
        DELETE FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 1000;
        ```
    """,
    ok=(
        Case("DELETE FROM sessions WHERE expires_at < now();"),
        Case("DELETE FROM sessions LIMIT 1000;", target="cockroachdb:25.4"),
        Case("INSERT INTO plans (name) VALUES ('free');\n-- @UNDO\nDELETE FROM plans;"),
        Case("CREATE TEMP TABLE t (a INT8); DELETE FROM t;"),
    ),
    bad=(Case("DELETE FROM sessions;"), Case("DELETE FROM sessions AS s RETURNING id;")),
)


def check(context: Context) -> Iterator[Finding]:
    """Every row of a table that older migrations made."""
    for statement, dml in context.on(n.Dml):
        if dml.verb != "DELETE" or dml.has_where or dml.has_limit or dml.table is None:
            continue
        if context.existing(statement, dml.table):
            yield context.finding(RULE, statement, f"Every row of {dml.table} is deleted.")
