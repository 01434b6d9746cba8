"""A primary key of 32 bits."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import PLAIN_INTEGERS, SMALL_INTEGERS, base
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="int4-primary-key",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    summary="A key of 32 bits ends at 2,147,483,647.",
    help="use BIGINT (INT8), or UUID",
    problem="""
        When the numbers run out, every insert fails, and changing the type of the key rewrites
        the table and all that refers to it. `INTEGER` and `SERIAL` have 32 bits on PostgreSQL and
        64 on CockroachDB; `INT4` has 32 on both.
    """,
    solution="""
        ```sql
        CREATE TABLE orders (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id BIGINT PRIMARY KEY);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, year INT4);"),
        Case("CREATE TABLE t (id INTEGER PRIMARY KEY);", target="cockroachdb:25.4"),
    ),
    bad=(
        Case("CREATE TABLE t (id INT4 PRIMARY KEY);"),
        Case("CREATE TABLE t (id INTEGER PRIMARY KEY);", target="postgresql:17"),
        Case("CREATE TABLE t (id SERIAL, PRIMARY KEY (id));", target="postgresql:17"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A key's first column with 32 bits or fewer."""
    small = SMALL_INTEGERS if context.on_cockroachdb else SMALL_INTEGERS | PLAIN_INTEGERS
    for statement, create in context.on(n.CreateTable):
        keys = [one.columns for one in create.constraints if one.kind == "primary key"]
        # A key of several columns is as wide as all of them.
        names = {columns[0] for columns in keys if len(columns) == 1}
        for column in create.columns:
            if (column.primary_key or column.name in names) and base(column.type) in small:
                message = f"The key {quote(column.name)} of {create.name} has at most 32 bits."
                yield context.finding(RULE, statement, message, start=column.start)
