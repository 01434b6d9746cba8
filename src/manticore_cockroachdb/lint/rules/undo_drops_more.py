"""An undo part that destroys what the forward part did not make."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.changes import changes
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import table_key

RULE = Rule(
    name="undo-drops-more",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    summary="The undo part destroys data that the forward part did not create.",
    help="undo only what the forward part does",
    problem="""
        A rollback, done in a hurry when a release has gone wrong, would drop a table or a column
        that was there before, or empty a table to which the migration only added some rows.
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN age INT8;
        INSERT INTO plans (name) VALUES ('free');

        -- @UNDO

        DELETE FROM plans WHERE name = 'free';
        ALTER TABLE users DROP COLUMN age;
        ```
    """,
    ok=(
        Case(
            "ALTER TABLE users ADD COLUMN age INT8;\n-- @UNDO\nALTER TABLE users DROP COLUMN age;"
        ),
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n-- @UNDO\nDROP TABLE t;"),
        Case("ALTER TABLE a RENAME TO b;\n-- @UNDO\nALTER TABLE b RENAME TO a;"),
        Case("SELECT id INTO copy FROM users;\n-- @UNDO\nDROP TABLE copy;"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN age INT8;\n-- @UNDO\nDROP TABLE users;"),
        Case("ALTER TABLE users ADD COLUMN age INT8;\n-- @UNDO\nALTER TABLE users DROP COLUMN ag;"),
        Case("INSERT INTO plans (name) VALUES ('free');\n-- @UNDO\nTRUNCATE plans;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Tables, columns and rows that go, and did not come from the forward part."""
    report = context.undo
    if report is None or report.opaque_up:
        return
    for one in report.destroyed:
        if one.emptied and one.name in _emptied(context):
            continue
        what = f"empties {one.name}" if one.emptied else f"drops the {one.kind} {one.name}"
        message = f"The undo part {what}, which is older."
        yield context.finding(RULE, context.file.down[one.statement], message)


def _emptied(context: Context) -> set[str]:
    """The tables that the forward part empties too, such as caches."""
    told = (one for statement in context.file.up for one in changes(statement.node))
    return {table_key(one.name) for one in told if one.way == "empties"}
