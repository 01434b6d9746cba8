"""ALTER TYPE … DROP VALUE, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-enum-value",
    cockroachdb="warning",
    summary="An enum value can only be dropped when no row and no default uses it.",
    help="change all rows first, in an older migration, and run this alone",
    problem="""
        A job looks through every table that has a column of the type, and fails when a row, a
        default or a view still uses the value; in a transaction that is `XXA00`, after everything
        else has committed. Code that still writes the value breaks.
    """,
    solution="""
        ```sql
        UPDATE orders SET status = 'closed' WHERE status = 'archived';
        ```
        ```sql
        -- in the next migration, when no code writes 'archived' any more:
        ALTER TYPE order_status DROP VALUE 'archived';
        ```
    """,
    ok=(
        Case("ALTER TYPE order_status ADD VALUE 'returned';"),
        Case("ALTER TYPE s ADD VALUE 'a';\n-- @UNDO\nALTER TYPE s DROP VALUE 'a';"),
    ),
    bad=(Case("ALTER TYPE order_status DROP VALUE 'archived';"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A value dropped by the forward part."""
    for statement, alter in context.on(n.AlterType):
        if alter.action == "drop value":
            message = f"This fails if anything still uses '{alter.value}' of {alter.name}."
            yield context.finding(RULE, statement, message)
