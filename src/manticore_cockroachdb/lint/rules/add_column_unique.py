"""ADD COLUMN … UNIQUE."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="add-column-unique",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="A UNIQUE column is a column and an index at once.",
    help="add the column, fill it, then create the unique index by itself",
    problem="""
        The index is built over the whole table. PostgreSQL does so under an ACCESS EXCLUSIVE lock.
        CockroachDB runs two changes as one job, and when the index fails, with SQLSTATE 23505,
        the column goes with it. With a default, every row has the same value, and it always fails.
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN handle TEXT;
        -- fill it, then, in a migration of its own (CONCURRENTLY matters on PostgreSQL only):
        CREATE UNIQUE INDEX CONCURRENTLY users_handle_key ON users (handle);
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN handle TEXT;"),
        Case("CREATE TABLE users (id UUID PRIMARY KEY, handle TEXT UNIQUE);"),
        Case("CREATE TABLE t (a INT8); ALTER TABLE t ADD COLUMN b TEXT UNIQUE;"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN handle TEXT UNIQUE;"),
        Case("ALTER TABLE users ADD handle TEXT CONSTRAINT users_handle UNIQUE;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """UNIQUE in the definition of a column that is added."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        if column.unique and not column.without_index:
            yield context.finding(
                RULE,
                statement,
                f"{alter.name} gets the column {quote(column.name)} and an index over all of its"
                " rows in one change.",
                start=column.start,
                table=alter.name,
            )
