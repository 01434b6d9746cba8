"""Row-level TTL for a table that has rows, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="ttl-on-existing-table",
    cockroachdb="warning",
    scales=True,
    summary="ttl_expire_after on an existing table rewrites all of it, and then deletes rows.",
    help="use ttl_expiration_expression over a column that is there",
    problem="""
        `ttl_expire_after` adds a hidden column with the time at which each row expires, and fills
        it for every row. From then on old rows are deleted by a job, and no undo brings them back.
    """,
    solution="""
        ```sql
        ALTER TABLE events SET (
            ttl_expiration_expression = $$(created_at + INTERVAL '90 days')$$
        );
        ```
    """,
    ok=(
        Case("ALTER TABLE events SET (ttl_expiration_expression = 'expires_at');"),
        Case("CREATE TABLE e (id UUID PRIMARY KEY) WITH (ttl_expire_after = '90 days');"),
    ),
    bad=(Case("ALTER TABLE events SET (ttl_expire_after = '90 days');"),),
)


def check(context: Context) -> Iterator[Finding]:
    """The option, set on a table that may have rows."""
    for statement, alter, action in context.actions_on_existing(n.SetOptions):
        if any(name == "ttl_expire_after" for name, _ in action.options):
            yield context.finding(
                RULE,
                statement,
                f"Every row of {alter.name} is written to note when it expires.",
                start=action.start,
                table=alter.name,
            )
