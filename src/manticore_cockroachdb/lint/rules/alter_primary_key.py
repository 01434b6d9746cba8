"""ALTER PRIMARY KEY."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="alter-primary-key",
    cockroachdb="warning",
    scales=True,
    summary="Changing the primary key rewrites the table and every index of it.",
    help="run it alone and off-peak, with room for the table twice; then drop the old key's index",
    problem="""
        CockroachDB stores the table in the order of its key, so all of it is written anew, and all
        its indexes, because they point to rows by the key. No other schema change can touch the
        table meanwhile. The old key stays as a UNIQUE index, which costs writes until it is
        dropped.
    """,
    solution="""
        ```sql
        ALTER TABLE orders ALTER PRIMARY KEY USING COLUMNS (region, id);
        ```
        ```sql
        -- in the next migration, unless something looks orders up by the old key alone:
        DROP INDEX orders_id_key CASCADE;
        ```
    """,
    ok=(
        Case(
            "CREATE TABLE t (a UUID NOT NULL, b UUID NOT NULL);"
            "ALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a, b);"
        ),
    ),
    bad=(Case("ALTER TABLE orders ALTER PRIMARY KEY USING COLUMNS (region, id);"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A new primary key for a table that may have rows."""
    for statement, alter, action in context.actions_on_existing(n.AlterPrimaryKey):
        yield context.finding(
            RULE,
            statement,
            f"Changing the primary key of {alter.name} rewrites the table and all its indexes.",
            start=action.start,
            table=alter.name,
        )
