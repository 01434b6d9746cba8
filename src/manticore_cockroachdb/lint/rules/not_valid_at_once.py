"""NOT VALID and VALIDATE in one transaction, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Refused
from ...migrations.script import Mode
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import table_key

RULE = Rule(
    name="not-valid-at-once",
    postgresql="warning",
    scales=True,
    summary="VALIDATE CONSTRAINT in the transaction of its NOT VALID saves nothing.",
    help="move VALIDATE CONSTRAINT to the next migration, or write -- @transaction off",
    problem="""
        `ADD CONSTRAINT … NOT VALID` takes a strong lock for a moment, `VALIDATE` a weak one for a
        long time. In one transaction the strong lock is held until the end, so reads or writes
        wait for the whole validation, which is what NOT VALID was meant to avoid.
    """,
    solution="""
        Two migrations; or one whose statements are committed one by one:

        ```sql
        -- @transaction off
        ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT positive;
        ```
    """,
    ok=(
        Case(
            "-- @transaction off\n"
            "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID;\n"
            "ALTER TABLE orders VALIDATE CONSTRAINT positive;"
        ),
        Case("ALTER TABLE orders VALIDATE CONSTRAINT positive;"),
    ),
    bad=(
        Case(
            "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID;\n"
            "ALTER TABLE orders VALIDATE CONSTRAINT positive;"
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A constraint validated in the transaction that adds it."""
    added = {
        (table_key(alter.name), action.constraint.name): statement.start
        for statement, alter, action in context.actions_on_existing(n.AddConstraint)
        if action.constraint.not_valid
    }
    if not added:
        return
    plan = context.plan
    if isinstance(plan, Refused) or plan.mode is not Mode.TRANSACTION:
        return
    for statement, alter, validate in context.actions_on_existing(n.ValidateConstraint):
        key = (table_key(alter.name), validate.name)
        if key in added and added[key] <= statement.start:
            fix = None
            if context.file.transaction is None:
                fix = Fix("write -- @transaction off", (Edit(0, 0, "-- @transaction off\n"),))
            yield context.finding(
                RULE,
                statement,
                f"{quote(validate.name)} is validated while the lock of adding it is held.",
                start=validate.start,
                fix=fix,
                table=alter.name,
            )
