"""Several schema changes in one migration, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.changes import tables_of
from ...analysis.transactions import Alone, judge
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement, table_key

RULE = Rule(
    name="several-schema-changes",
    cockroachdb="info",
    habit=True,
    versioned=True,
    summary="Schema changes that cannot share a transaction can stop half way.",
    help="one schema change a migration is the easiest to stop, to repeat and to undo",
    problem="""
        CockroachDB commits each schema change of an existing table by itself. If the second one
        fails, the first one stays. Manticore records each step and goes on where it stopped, so
        nothing is lost; but somebody has to mend the failing statement while the database is half
        way between two versions. CockroachDB's own advice is one schema change at a time.
    """,
    solution="""
        A file for each. Changes to a table that the same file creates do not count.

        ```sql
        ALTER TABLE users ADD COLUMN plan TEXT;
        ```
        ```sql
        -- in the next migration:
        CREATE INDEX users_plan ON users (plan);
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT;"),
        Case("CREATE TABLE a (id UUID PRIMARY KEY); CREATE TABLE b (id UUID PRIMARY KEY);"),
        Case("CREATE TABLE a (id UUID PRIMARY KEY, n INT8); CREATE INDEX ON a (n);"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT; CREATE INDEX ON users (plan);"),
        Case("ALTER TABLE a ADD COLUMN x INT8; ALTER TABLE b ADD COLUMN y INT8;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """More than one statement that no transaction covers, of which each can fail."""
    alone = [
        statement
        for statement in context.file.up
        if isinstance(judge(statement.node, context.caps), Alone) and not _on_new_table(statement)
    ]
    if len(alone) > 1:
        message = (
            f"{len(alone)} schema changes are committed one by one; the migration can stop between"
            " them."
        )
        yield context.finding(RULE, alone[1], message)


def _on_new_table(statement: Statement) -> bool:
    tables = tables_of(statement.node)
    return bool(tables) and all(table_key(table) in statement.fresh for table in tables)
