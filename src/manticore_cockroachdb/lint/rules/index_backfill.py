"""CREATE INDEX on a table that may be large, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts

RULE = Rule(
    name="index-backfill",
    cockroachdb="info",
    scales=True,
    habit=True,
    summary="An index on an existing table is filled by a background job.",
    help="for a large table run it alone and off-peak",
    problem="""
        CockroachDB builds the index while the table stays in use, so nothing is blocked. The job
        reads the whole table and writes the index, which takes a long time and resources on a
        large one; two such jobs at once take from each other. For information; `--url` makes it
        a warning where the table is large.
    """,
    solution="""
        One index a migration on a large table, at a quiet hour:

        ```sql
        CREATE INDEX orders_customer ON orders (customer_id) STORING (total);
        ```
    """,
    ok=(
        Case("CREATE TABLE t (a INT8); CREATE INDEX ON t (a);"),
        Case("CREATE INDEX ON t (a);", facts=ServerFacts(tables={"t": 10})),
        Case("CREATE INDEX ON t (a);", facts=ServerFacts(tables={"u": 10})),
    ),
    bad=(
        Case("CREATE INDEX orders_customer ON orders (customer_id);"),
        Case("CREATE INVERTED INDEX ON docs (body);"),
        Case("CREATE INDEX ON t (a);", facts=ServerFacts(tables={"t": 5_000_000})),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index that is neither unique nor of vectors; those have rules of their own."""
    for statement, index in context.on(n.CreateIndex):
        if index.unique or index.vector or not context.existing(statement, index.table):
            continue
        yield context.finding(
            RULE,
            statement,
            f"The index is filled from every row of {index.table}.",
            table=index.table,
        )
