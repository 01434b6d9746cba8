"""A new enum value used by the migration that adds it."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Refused
from ...migrations.script import Mode
from ...parser import nodes as n
from ...parser.quoting import literal
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="enum-value-at-once",
    cockroachdb="warning",
    postgresql="error",
    summary="A new enum value cannot be used before the transaction that adds it has committed.",
    help="use the value in the next migration",
    problem="""
        In one transaction PostgreSQL refuses with SQLSTATE 55P04, `unsafe use of new value`, and
        CockroachDB with `enum value is not yet public`. Manticore runs ALTER TYPE as a step of
        its own on CockroachDB, so there the migration runs; but if it stops after that step,
        a reader of the file finds a value that nothing uses yet. One migration for the value and
        one for its use is plain on both.
    """,
    solution="""
        ```sql
        ALTER TYPE order_status ADD VALUE 'returned';
        ```
        ```sql
        -- in the next migration:
        UPDATE orders SET status = 'returned' WHERE returned_at IS NOT NULL;
        ```
    """,
    ok=(
        Case("ALTER TYPE order_status ADD VALUE 'returned';"),
        Case("CREATE TYPE s AS ENUM ('a', 'b'); CREATE TABLE t (id UUID PRIMARY KEY, s s);"),
        Case(
            "-- @transaction off\nALTER TYPE s ADD VALUE 'c';\nUPDATE t SET s = 'c' WHERE id = 1;",
            target="postgresql:17",
        ),
    ),
    bad=(
        Case(
            "ALTER TYPE order_status ADD VALUE 'returned';\n"
            "UPDATE orders SET status = 'returned' WHERE returned_at IS NOT NULL;"
        ),
        Case(
            "ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'new';\n"
            "ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';"
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A later statement with the new value as a string."""
    if not any(alter.action == "add value" for _, alter in context.on(n.AlterType)):
        return
    if not context.on_cockroachdb:
        plan = context.plan
        if isinstance(plan, Refused) or plan.mode is not Mode.TRANSACTION:
            return
    for statement, alter in context.on(n.AlterType):
        if alter.action != "add value" or alter.value is None:
            continue
        quoted = literal(alter.value)
        for later in context.file.up:
            if isinstance(later.node, n.AlterType):
                continue  # another value beside it, or the same for another type
            if later.start > statement.start and quoted in later.sql:
                yield context.finding(
                    RULE,
                    later,
                    f"{quoted} of {alter.name} is used by the migration that adds it.",
                    start=later.sql.index(quoted),
                )
                break
