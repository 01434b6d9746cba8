"""ALTER COLUMN … TYPE where stored values change."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_free
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="alter-column-type",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="Changing a column's type rewrites the table.",
    help="add a new column, write to both, fill it in batches, switch over, drop the old one",
    problem="""
        PostgreSQL rewrites table and indexes under an ACCESS EXCLUSIVE lock. CockroachDB writes a
        shadow column in a background job, and refuses when the column is indexed, has a CHECK, a
        computed column or a view that depends on it, or when the ALTER TABLE has other actions.
        Before 25.1 it needs `SET enable_experimental_alter_column_type_general = on`. Code that
        expects the old type breaks at the same moment.

        Where older files show that only the limit grows (`VARCHAR(20)` to `VARCHAR(50)` or `TEXT`,
        more digits, on CockroachDB a wider integer) nothing is rewritten and nothing is reported.
    """,
    solution="""
        ```sql
        ALTER TABLE orders ADD COLUMN total_cents INT8;
        -- the application writes both; the old rows in batches:
        UPDATE orders SET total_cents = (total * 100)::INT8 WHERE total_cents IS NULL LIMIT 1000;
        -- when no code reads it any more, in a later migration:
        ALTER TABLE orders DROP COLUMN total;
        ```
    """,
    ok=(
        Case(
            "ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(50);",
            before="CREATE TABLE users (id UUID PRIMARY KEY, name VARCHAR(20));",
        ),
        Case(
            "ALTER TABLE users ALTER COLUMN name SET DATA TYPE TEXT;",
            before="ALTER TABLE users ADD COLUMN name VARCHAR(20);",
        ),
        Case("CREATE TABLE t (a INT8); ALTER TABLE t ALTER COLUMN a TYPE TEXT;"),
    ),
    bad=(
        Case("ALTER TABLE orders ALTER COLUMN total TYPE INT8;"),
        Case("ALTER TABLE users ALTER COLUMN name TYPE UUID USING name::UUID;"),
        Case(
            "ALTER TABLE users ALTER COLUMN name TYPE VARCHAR(10);",
            before="CREATE TABLE users (id UUID PRIMARY KEY, name VARCHAR(20));",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A change of type that is not known to keep every value as it is stored."""
    for statement, alter, action in context.actions_on_existing(n.AlterColumnType):
        old = context.column(statement, alter.name, action.column)
        same_form = (
            old is not None
            and action.using is None
            and is_free(old.type, action.type, cockroachdb=context.on_cockroachdb)
        )
        if same_form:
            continue
        change = f"from {old.type} to {action.type}" if old else f"to {action.type}"
        yield context.finding(
            RULE,
            statement,
            f"Changing {alter.name}.{quote(action.column)} {change} rewrites the table.",
            start=action.start,
            table=alter.name,
        )
