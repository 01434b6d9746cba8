"""REFRESH MATERIALIZED VIEW without CONCURRENTLY, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="refresh-blocks",
    postgresql="info",
    habit=True,
    summary="REFRESH MATERIALIZED VIEW lets nobody read the view until it is done.",
    help="write REFRESH MATERIALIZED VIEW CONCURRENTLY; the view needs a unique index",
    problem="""
        The view is locked against reads for as long as its query runs.
    """,
    solution="""
        ```sql
        CREATE UNIQUE INDEX IF NOT EXISTS sales_by_day_key ON sales_by_day (day);
        REFRESH MATERIALIZED VIEW CONCURRENTLY sales_by_day;
        ```
    """,
    ok=(
        Case("REFRESH MATERIALIZED VIEW CONCURRENTLY sales_by_day;"),
        Case("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; REFRESH MATERIALIZED VIEW v;"),
    ),
    bad=(Case("REFRESH MATERIALIZED VIEW sales_by_day;"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A view, not made by this file, refreshed with a lock."""
    made = {str(create.name) for _, create in context.on(n.CreateObject)}
    for statement, node in context.on(n.Maintenance):
        blocks = node.verb == "REFRESH MATERIALIZED VIEW" and not node.concurrently
        if blocks and str(node.name) not in made:
            message = f"Nobody can read {node.name} until it is refreshed."
            yield context.finding(RULE, statement, message)
