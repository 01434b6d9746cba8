"""SET LOCALITY, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="set-locality",
    cockroachdb="warning",
    scales=True,
    summary="Changing a table's locality can rewrite all of its indexes.",
    help="run it alone and off-peak; before 26.2 unlock the table first",
    problem="""
        To or from REGIONAL BY ROW every index is written anew, and regions can be neither added
        nor dropped meanwhile. `sql_safe_updates` refuses it without a region column. On 26.1 it
        does not unlock a `schema_locked` table by itself and fails with SQLSTATE 57000.
    """,
    solution="""
        ```sql
        ALTER TABLE users SET (schema_locked = false);
        ALTER TABLE users SET LOCALITY REGIONAL BY ROW;
        ALTER TABLE users SET (schema_locked = true);
        ```
    """,
    ok=(Case("CREATE TABLE t (id UUID PRIMARY KEY) LOCALITY GLOBAL;"),),
    bad=(
        Case("ALTER TABLE users SET LOCALITY REGIONAL BY ROW;"),
        Case("ALTER TABLE countries SET LOCALITY GLOBAL;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Another locality for a table that may have rows."""
    for statement, alter, action in context.actions_on_existing(n.SetLocality):
        by_row = "BY ROW" in action.text.upper()
        effect = "rewrites all its indexes" if by_row else "moves its data between regions"
        yield context.finding(
            RULE,
            statement,
            f"Making {alter.name} {action.text} {effect}.",
            start=action.start,
            table=alter.name,
        )
