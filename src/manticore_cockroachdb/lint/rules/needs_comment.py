"""A long migration without a comment."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

STATEMENTS, LINES = 8, 80

RULE = Rule(
    name="needs-comment",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    versioned=True,
    summary="A long migration should say what it does and why.",
    help="begin with a comment: what this does, and why",
    problem="""
        Whoever has to mend it in the night sees many statements and no reason for any of them.
        Reported for a forward part of eight or more statements, or of more than 80 lines, without
        a single comment; rows that are inserted do not count.
    """,
    solution="""
        ```sql
        -- Split addresses off users, because a user may have several now.
        CREATE TABLE addresses (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), line TEXT);
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN age INT8;"),
        Case("-- Eight flags for the new plans.\n" + "ALTER TABLE t ALTER a SET DEFAULT 1;\n" * 9),
        Case("INSERT INTO t (a) VALUES (1);\n" * 90),
    ),
    bad=(
        Case("ALTER TABLE t ALTER a SET DEFAULT 1;\n" * 9),
        Case("CREATE TABLE t (id UUID PRIMARY KEY" + ",\na INT8" * 90 + ");"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A forward part that is long, and has neither comment nor COMMENT ON."""
    counted = [s for s in context.file.up if not isinstance(s.node, n.Dml)]
    lines = sum(statement.sql.count("\n") + 1 for statement in counted)
    if len(counted) < STATEMENTS and lines <= LINES:
        return
    if any(isinstance(statement.node, n.Comment) for statement in counted):
        return
    text = context.file.text[: context.file.up_end]
    said = text.count("--") - text.count("-- @") - text.count("--@")
    if said <= 0 and "/*" not in text:
        message = f"{len(counted)} statements, {lines} lines, and no comment says why."
        yield context.finding(RULE, None, message)
