"""ADD COLUMN … NOT NULL without a value for the rows there are."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_serial
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts

RULE = Rule(
    name="add-column-not-null",
    cockroachdb="error",
    postgresql="error",
    scales=True,
    summary="A NOT NULL column without a default cannot be added to a table with rows.",
    help="add the column without NOT NULL, fill it, then ALTER COLUMN … SET NOT NULL",
    problem="""
        Rows that are there already would get NULL in a column that forbids it, so the statement
        fails with SQLSTATE 23502 on every table that is not empty. It works on an empty
        development database and fails in production. On CockroachDB, inside a transaction, the
        failure comes after COMMIT (`XXA00`), when the rest of the transaction already stands.
    """,
    solution="""
        Give a default, or take three steps, each in a migration of its own for a large table:

        ```sql
        ALTER TABLE users ADD COLUMN country TEXT;
        UPDATE users SET country = 'unknown' WHERE country IS NULL;
        ALTER TABLE users ALTER COLUMN country SET NOT NULL;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN country TEXT;"),
        Case("ALTER TABLE users ADD COLUMN country TEXT NOT NULL DEFAULT 'unknown';"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY); ALTER TABLE t ADD COLUMN a TEXT NOT NULL;"),
        Case("ALTER TABLE t ADD COLUMN twice INT8 NOT NULL AS (once * 2) VIRTUAL;"),
        Case(
            "ALTER TABLE users ADD COLUMN country TEXT NOT NULL;",
            facts=ServerFacts(tables={"users": 0}),
        ),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN country TEXT NOT NULL;"),
        Case("ALTER TABLE users ADD COLUMN country TEXT NOT NULL DEFAULT NULL;"),
        Case(
            "ALTER TABLE t ADD COLUMN a TEXT NOT NULL;",
            before="CREATE TABLE t (id UUID PRIMARY KEY);",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A column that would be NULL in every row and may not."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        filled = (
            (column.default is not None and column.default.lower() != "null")
            or column.generated
            or column.identity
            or is_serial(column.type)
        )
        if (column.not_null or column.primary_key) and not filled:
            yield context.finding(
                RULE,
                statement,
                f"Adding {alter.name}.{quote(column.name)} as NOT NULL without a default fails"
                " if the table has rows.",
                start=column.start,
                table=alter.name,
            )
