"""DROP COLUMN together with other actions, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-column-combined",
    cockroachdb="error",
    habit=True,
    summary="DROP COLUMN beside another action can lose the column when the other one fails.",
    help="write DROP COLUMN as a statement, better a migration, of its own",
    problem="""
        One ALTER TABLE with several actions is not atomic on CockroachDB. When one of them fails,
        the others are taken back; but a column that is being dropped may already have lost its
        data (cockroachdb/cockroach#46541, #47712). Manticore refuses to run such a statement.
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN phone TEXT;
        -- in the next migration:
        ALTER TABLE users DROP COLUMN fax;
        ```
    """,
    ok=(
        Case("ALTER TABLE users DROP COLUMN fax;"),
        Case("ALTER TABLE users ADD COLUMN phone TEXT, ADD COLUMN mobile TEXT;"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN phone TEXT, DROP COLUMN fax;"),
        Case("ALTER TABLE users DROP COLUMN fax, DROP COLUMN telex;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A DROP COLUMN that is not alone in its ALTER TABLE; in the undo part too."""
    for statement, alter in context.on(n.AlterTable, undo=True):
        dropped = [action for action in alter.actions if isinstance(action, n.DropColumn)]
        if dropped and len(alter.actions) > 1:
            yield context.finding(
                RULE,
                statement,
                f"DROP COLUMN {quote(dropped[0].name)} shares a statement with other changes.",
                start=dropped[0].start,
            )
