"""A statement that could not be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="unparsed",
    cockroachdb="warning",
    postgresql="warning",
    fallback=True,
    summary="A statement was not understood, so no rule has looked at it.",
    help="check its syntax, and what it does, yourself; then -- @allow unparsed: why",
    problem="""
        Either there is a mistake in it, which the server will find, or the linter does not know
        the statement. It is never passed as clean. On CockroachDB it runs as a step of its own,
        because nothing says that a transaction covers it.
    """,
    solution="""
        If it is right, say that somebody has looked:

        ```sql
        -- @allow unparsed: new syntax of 27.1, tried on staging
        CREATE TABLE t (id UUID PRIMARY KEY);
        ```
    """,
    ok=(Case("CREATE TABLE t (id UUID PRIMARY KEY);"),),
    bad=(
        Case("CREAT TABLE t (id UUID PRIMARY KEY);"),
        Case("ALTER TABLE users ADD COLUMN age INTEGER DEFAULT;"),
        Case("SELECT 1;\n-- @UNDO\nFROBNICATE users;"),
        Case("ALTER TABLE users DROP CONSTRAINT c\nALTER TABLE users ADD COLUMN age INT8;"),
    ),
)


_BEGINS = re.compile(r"(?:alter|create|drop|insert|update|delete|truncate)\b", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    """Each such statement, in both parts."""
    for statement, node in context.on(n.Unparsed, undo=True):
        message = f"This statement could not be parsed: {node.reason}."
        begins = _BEGINS.match(statement.sql, node.start)
        if begins and statement.sql[: node.start].rpartition("\n")[2].strip() == "":
            message += f" Is a ; missing before {begins[0].upper()}?"
        yield context.finding(RULE, statement, message, start=node.start)
