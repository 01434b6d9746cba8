"""TIMESTAMP without a time zone."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import base
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="timestamp-without-zone",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    summary="TIMESTAMP does not say which moment it means; TIMESTAMPTZ does.",
    help="use TIMESTAMPTZ",
    problem="""
        A TIMESTAMP is a date and a time of some clock, nobody knows where. Two clients in
        different zones read two moments from it. TIMESTAMPTZ takes the same space and stores the
        moment.
    """,
    solution="""
        ```sql
        CREATE TABLE orders (id UUID PRIMARY KEY, placed_at TIMESTAMPTZ NOT NULL DEFAULT now());
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY, at TIMESTAMPTZ(3));"),
        Case("ALTER TABLE t ADD COLUMN at TIMESTAMP WITH TIME ZONE;"),
    ),
    bad=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY, at TIMESTAMP);"),
        Case("ALTER TABLE t ADD COLUMN at TIMESTAMP(3) WITHOUT TIME ZONE;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A new column of that type."""
    for statement, table, column in context.new_columns():
        if base(column.type) in ("TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"):
            message = f"{table}.{column.name} does not say which moment it means."
            yield context.finding(RULE, statement, message, start=column.start)
