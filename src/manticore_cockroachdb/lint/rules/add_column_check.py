"""ADD COLUMN with its own CHECK."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="add-column-check",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="A CHECK belongs in a statement of its own, not in ADD COLUMN.",
    help="add the column, then ADD CONSTRAINT … CHECK (…) NOT VALID, then VALIDATE CONSTRAINT",
    problem="""
        The column and its CHECK are one change. If a row violates the CHECK, CockroachDB's job may
        be past the point where it can be taken back: on 25.2, 25.4, 26.2 and 26.3 it then stays
        in `reverting` for ever, and no other schema change can touch the table
        (cockroachdb/cockroach#175619). With a default or NOT NULL this is an error, because every
        row gets a value that the CHECK judges. PostgreSQL reads the whole table while nobody else
        can.
    """,
    solution="""
        Three statements; only the last one reads the rows, and it can be repeated:

        ```sql
        ALTER TABLE users ADD COLUMN age INT8;
        ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age >= 0) NOT VALID;
        ALTER TABLE users VALIDATE CONSTRAINT users_age_check;
        ```

        On PostgreSQL put the last one into a migration of its own.
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN age INT8;"),
        Case("CREATE TABLE users (id UUID PRIMARY KEY, age INT8 CHECK (age >= 0));"),
        Case("CREATE TABLE t (a INT8); ALTER TABLE t ADD COLUMN b INT8 CHECK (b > 0);"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN age INT8 CHECK (age >= 0);"),
        Case("ALTER TABLE users ADD COLUMN age INT8 NOT NULL DEFAULT 0 CHECK (age > 0);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A CHECK in the definition of a column that is added."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        if column.check is None:
            continue
        has_value = column.not_null or column.default is not None
        yield context.finding(
            RULE,
            statement,
            f"The CHECK of {alter.name}.{quote(column.name)} is added together with the column.",
            start=column.start,
            level="error" if has_value and context.on_cockroachdb else None,
            help=f"after adding the column: ALTER TABLE {alter.name} ADD CHECK ({column.check})"
            " NOT VALID, then VALIDATE CONSTRAINT",
            table=alter.name,
        )
