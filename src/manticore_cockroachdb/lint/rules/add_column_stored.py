"""ADD COLUMN … STORED."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="add-column-stored",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    summary="A stored computed column is written into every row of the table.",
    help="make it VIRTUAL, or an ordinary column that is filled in batches",
    problem="""
        The value is computed and stored for each row that is there. PostgreSQL rewrites the table
        under an ACCESS EXCLUSIVE lock; CockroachDB backfills it in a background job with up to
        three times the storage.
    """,
    solution="""
        A virtual column costs nothing to add (CockroachDB, and PostgreSQL from 18 on):

        ```sql
        ALTER TABLE users ADD COLUMN full_name TEXT
            GENERATED ALWAYS AS (first_name || ' ' || last_name) VIRTUAL;
        ```

        An index on the expression often does without the column.
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN twice INT8 AS (once * 2) VIRTUAL;"),
        Case("CREATE TABLE t (a INT8, b INT8 GENERATED ALWAYS AS (a * 2) STORED);"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN twice INT8 AS (once * 2) STORED;"),
        Case("ALTER TABLE users ADD COLUMN twice INT8 GENERATED ALWAYS AS (once * 2) STORED;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A computed column that is stored, on a table that may have rows."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        if column.generated == "stored":
            yield context.finding(
                RULE,
                statement,
                f"{quote(column.name)} is computed and stored for every row of {alter.name}.",
                start=column.start,
                table=alter.name,
            )
