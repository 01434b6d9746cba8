"""More schema objects than CockroachDB creates."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts

LIMIT = 20_000

RULE = Rule(
    name="too-many-objects",
    cockroachdb="error",
    needs=("limits_objects",),
    summary="CockroachDB creates no more than about 20,000 tables, views, sequences and types.",
    help="use rows instead of tables, for example a tenant_id column, or drop what is unused",
    problem="""
        From 25.4 on, creating an object fails beyond `sql.schema.approx_max_object_count`, which
        is 20,000 unless an administrator changed it. A table for each customer or each day ends
        there. What files create is counted, and with `--url` what the server has.
    """,
    solution="""
        ```sql
        CREATE TABLE measurements (
            tenant_id UUID,
            at TIMESTAMPTZ,
            value FLOAT8,
            PRIMARY KEY (tenant_id, at)
        );
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY);", facts=ServerFacts(objects=19_000)),
        Case("ALTER TABLE t ADD COLUMN a INT8;", facts=ServerFacts(objects=30_000)),
    ),
    bad=(Case("CREATE TABLE t (id UUID PRIMARY KEY);", facts=ServerFacts(objects=20_000)),),
)


def check(context: Context) -> Iterator[Finding]:
    """The first statement of a file that creates one too many."""
    before = context.facts.objects if context.facts else 0
    for statement in context.file.up:
        if isinstance(statement.node, n.CreateTable | n.CreateObject):
            count = max(before, context.catalog.objects(statement.stamp)) + 1
            before += 1
            if count > LIMIT:
                message = f"This would be the {count:,}th object; the server stops near {LIMIT:,}."
                yield context.finding(RULE, statement, message)
                return
