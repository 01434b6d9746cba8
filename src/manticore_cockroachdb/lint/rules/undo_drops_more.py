"""An undo part that destroys what the forward part did not make."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule
from ..undo import effects

RULE = Rule(
    name="undo-drops-more",
    cockroachdb="warning",
    postgresql="warning",
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
    if not context.file.down:
        return
    up, down = effects(context.file.up), effects(context.file.down)
    if not up.clear:
        return
    for thing, statement in down.gone.items():
        kind, *names = thing
        known = thing in up.made or thing in up.changed
        if kind in ("table", "column", "schema", "database") and not known:
            message = f"The undo part drops the {kind} {'.'.join(names)}, which is older."
            yield context.finding(RULE, statement, message)
    for table, statement in down.emptied.items():
        if ("table", table) not in up.made and ("table", table) not in up.changed:
            message = f"The undo part empties {table}, which is older."
            yield context.finding(RULE, statement, message)
