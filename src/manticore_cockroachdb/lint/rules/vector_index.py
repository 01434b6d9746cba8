"""CREATE VECTOR INDEX on a table with rows, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="vector-index",
    cockroachdb="warning",
    scales=True,
    summary="Building a vector index blocks writes to the table.",
    help="create it with the table, before there are rows, or when nobody writes",
    problem="""
        Unlike any other index on CockroachDB, a vector index is filled while writes to the table
        wait. With `sql_safe_updates` on, the server refuses it for that reason.
    """,
    solution="""
        ```sql
        CREATE TABLE documents (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            embedding VECTOR(768),
            VECTOR INDEX (embedding)
        );
        ```
    """,
    ok=(
        Case("CREATE TABLE d (id UUID PRIMARY KEY, v VECTOR(3), VECTOR INDEX (v));"),
        Case("CREATE TABLE d (v VECTOR(3)); CREATE VECTOR INDEX ON d (v);"),
    ),
    bad=(Case("CREATE VECTOR INDEX ON documents (embedding);"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A vector index on a table that may have rows."""
    for statement, index in context.on(n.CreateIndex):
        if index.vector and context.existing(statement, index.table):
            yield context.finding(
                RULE,
                statement,
                f"Nobody can write to {index.table} until the vector index is built.",
                table=index.table,
            )
