"""CHAR(n)."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import base
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="char-n",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    summary="CHAR(n) pads with blanks and saves nothing.",
    help="use TEXT, with a CHECK on its length if that matters",
    problem="""
        PostgreSQL fills the value with blanks up to the length and ignores them in comparisons;
        CockroachDB does neither. A longer text is refused by both. Nothing is stored more
        compactly.
    """,
    solution="""
        ```sql
        CREATE TABLE countries (code TEXT PRIMARY KEY CHECK (length(code) = 2));
        ```
    """,
    ok=(Case('CREATE TABLE t (id UUID PRIMARY KEY, a TEXT, b VARCHAR(20), c "char");'),),
    bad=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY, country CHAR(2));"),
        Case("ALTER TABLE t ADD COLUMN code CHARACTER(5);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A new column of that type."""
    for statement, table, column in context.new_columns():
        if base(column.type) in ("CHAR", "CHARACTER", "BPCHAR", "NCHAR"):
            message = f"{table}.{column.name} is {column.type}."
            yield context.finding(RULE, statement, message, start=column.start)
