"""ADD FOREIGN KEY or CHECK that is validated at once."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import Statement

RULE = Rule(
    name="constraint-scan",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="A foreign key or CHECK on an existing table reads all of it.",
    help="add it NOT VALID, then VALIDATE CONSTRAINT in the next migration",
    problem="""
        Every row is judged before the statement ends. PostgreSQL meanwhile locks the table, and
        for a foreign key the other one too, against writes (a CHECK against reads as well).
        CockroachDB validates in a job; when a row breaks the rule, the whole change fails and is
        taken back after all that work.
    """,
    solution="""
        `NOT VALID` holds for new rows from this moment on, and reads nothing:

        ```sql
        ALTER TABLE orders ADD CONSTRAINT orders_user_fkey
            FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
        ```
        ```sql
        -- in the next migration: reads the rows, blocks nobody, can be repeated
        ALTER TABLE orders VALIDATE CONSTRAINT orders_user_fkey;
        ```
    """,
    ok=(
        Case(
            "ALTER TABLE orders ADD CONSTRAINT orders_user_fkey"
            " FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;"
        ),
        Case("ALTER TABLE orders VALIDATE CONSTRAINT orders_user_fkey;"),
        Case("ALTER TABLE orders ADD COLUMN user_id UUID REFERENCES users (id);"),
        Case(
            "CREATE TABLE orders (id UUID PRIMARY KEY, user_id UUID, total INT8);"
            "ALTER TABLE orders ADD CHECK (total >= 0);"
        ),
    ),
    bad=(
        Case("ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0);"),
        Case(
            "ALTER TABLE orders ADD CONSTRAINT orders_user_fkey"
            " FOREIGN KEY (user_id) REFERENCES users (id);"
        ),
        Case("ALTER TABLE orders ADD COLUMN plan_id INT8 NOT NULL DEFAULT 1 REFERENCES plans;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A constraint that is judged against rows that may be there."""
    for statement, alter, action in context.actions_on_existing(n.AddConstraint):
        constraint = action.constraint
        if constraint.kind not in ("foreign key", "check") or constraint.not_valid:
            continue
        what = "foreign key" if constraint.kind == "foreign key" else "CHECK"
        yield context.finding(
            RULE,
            statement,
            f"Every row of {alter.name} is read to validate this {what}.",
            start=action.start,
            fix=_fix(context, statement, alter, constraint),
            table=alter.name,
        )
    for statement, alter, added in context.actions_on_existing(n.AddColumn):
        # Where the column is NULL everywhere, both servers see that there is nothing to judge.
        column = added.column
        if column.references is not None and (column.default or "null").lower() != "null":
            yield context.finding(
                RULE,
                statement,
                f"Every row of {alter.name} is looked up in {column.references}.",
                start=column.start,
                table=alter.name,
            )


def _fix(
    context: Context, statement: Statement, alter: n.AlterTable, constraint: n.Constraint
) -> Fix | None:
    """NOT VALID and a VALIDATE after it, where each statement is a step of its own."""
    if len(alter.actions) > 1 or constraint.name is None or constraint.deferrable:
        return None
    if not context.on_cockroachdb:
        return None
    validate = f"ALTER TABLE {alter.name} VALIDATE CONSTRAINT {quote(constraint.name)}"
    edit = Edit(statement.end, statement.end, f" NOT VALID;\n{validate}")
    return Fix("add NOT VALID, and VALIDATE CONSTRAINT after it", (edit,))
