"""A migration without an undo part."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="no-undo",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    versioned=True,
    summary="A migration should say how it is taken back.",
    help="add a line -- @UNDO and the SQL that takes the change back",
    problem="""
        `manticore rollback` refuses a migration without an undo part, so a release that goes wrong
        can only be mended forwards. Some changes cannot be undone; then the part says so in a
        comment.
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN age INT8;

        -- @UNDO

        ALTER TABLE users DROP COLUMN age;
        ```

        To insist on it: `[tool.manticore.lint.rules]` with `no-undo = "error"`.
    """,
    ok=(
        Case(
            "ALTER TABLE users ADD COLUMN age INT8;\n-- @UNDO\nALTER TABLE users DROP COLUMN age;"
        ),
        Case("ALTER TABLE users ADD COLUMN age INT8;", name="add_age.sql"),
    ),
    bad=(Case("ALTER TABLE users ADD COLUMN age INT8;"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A file, named as a migration, without the marker; a squash has none on purpose."""
    if context.file.squash:
        return
    if context.file.version is not None and context.file.undo_start is None:
        what = "function undo(connection)" if context.file.is_program else "undo part"
        yield context.finding(RULE, None, f"The migration has no {what}.")
