"""TRUNCATE."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="truncate",
    cockroachdb="warning",
    postgresql="warning",
    summary="TRUNCATE destroys every row.",
    help="DELETE what is to go, with a WHERE; or say why: -- @allow truncate: why",
    problem="""
        No undo brings the rows back. CockroachDB drops the table and creates it again: a schema
        change, not transactional, refused where logical replication has locked the schema.
        PostgreSQL waits for every query on the table and stops new ones.
    """,
    solution="""
        ```sql
        DELETE FROM sessions WHERE expires_at < now();
        ```
    """,
    ok=(
        Case("DELETE FROM sessions WHERE expires_at < now();"),
        Case("INSERT INTO plans (name) VALUES ('free');\n-- @UNDO\nTRUNCATE plans;"),
        Case("CREATE TEMP TABLE t (a INT8); TRUNCATE t;"),
    ),
    bad=(Case("TRUNCATE sessions;"), Case("TRUNCATE TABLE sessions, tokens;")),
)


def check(context: Context) -> Iterator[Finding]:
    """Rows of older tables, in the forward part; `drop-cascade` has CASCADE."""
    for statement, node in context.on(n.Truncate):
        lost = [name for name in node.names if context.existing(statement, name)]
        if lost and not node.cascade:
            message = f"All rows of {', '.join(map(str, lost))} are destroyed."
            yield context.finding(RULE, statement, message)
