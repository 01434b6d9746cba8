"""Several schema changes in one migration, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ....errors import Refused
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="several-schema-changes",
    cockroachdb="info",
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
    """More than one step that no transaction covers, of which each can fail."""
    plan = context.plan
    if isinstance(plan, Refused):
        return
    fresh = context.file.up[-1].fresh
    alone = [
        step
        for step in plan.steps
        if not step.atomic and not _on_new_table(context, step.first, fresh)
    ]
    if len(alone) > 1:
        yield context.finding(
            RULE,
            context.file.up[alone[1].first],
            f"{len(alone)} schema changes are committed one by one; the migration can stop between"
            " them.",
        )


def _on_new_table(context: Context, index: int, fresh: frozenset[str]) -> bool:
    from ...parse import node_tables
    from ..schema import table_key

    tables = node_tables(context.file.up[index].node)
    return bool(tables) and all(table_key(table) in fresh for table in tables)
