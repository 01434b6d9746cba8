"""-- @transaction on, where one transaction is not to be had."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Refused
from ...migrations.script import Mode
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="transaction-on",
    cockroachdb="error",
    postgresql="error",
    summary="-- @transaction on asks for one transaction that the server cannot give.",
    help="drop the directive, or move the statement into a migration of its own",
    problem="""
        On CockroachDB a schema change of an existing table runs as a job after COMMIT: when it
        fails, everything else in the transaction already stands (`XXA00`). From 25.1 on the server
        commits the transaction before each schema change, and from 26.1 on tables are
        `schema_locked`, so a schema change in a transaction fails with SQLSTATE 57000. PostgreSQL
        refuses some statements in a transaction, such as CREATE INDEX CONCURRENTLY. Manticore
        refuses to run the file.
    """,
    solution="""
        Without the directive each such statement is a step of its own, recorded before and after,
        and a run that was interrupted goes on where it stopped.

        ```sql
        ALTER TABLE users ADD COLUMN plan TEXT;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT;"),
        Case("-- @transaction on\nUPDATE users SET plan = 'free' WHERE plan IS NULL;"),
        Case("-- @transaction on\nCREATE TABLE t (id UUID PRIMARY KEY);"),
        Case("-- @transaction on\nALTER TABLE users ADD COLUMN plan TEXT;", target="postgresql:17"),
    ),
    bad=(
        Case("-- @transaction on\nALTER TABLE users ADD plan TEXT;", target="cockroachdb:26.2"),
        Case(
            "-- @transaction on\nALTER TABLE users ADD COLUMN plan TEXT;\n"
            "UPDATE users SET plan = 'free' WHERE plan IS NULL;",
            target="cockroachdb:24.3",
        ),
        Case("-- @transaction on\nCREATE INDEX CONCURRENTLY i ON t (a);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """The statement that no transaction covers, in a file that asks for one."""
    if not context.file.transaction:
        return
    plan = context.plan
    if isinstance(plan, Refused) or plan.mode is Mode.TRANSACTION:
        return
    culprit = next((step for step in plan.steps if not step.atomic), plan.steps[-1])
    yield context.finding(
        RULE,
        context.file.up[culprit.first],
        f"-- @transaction on asks for one transaction, but {culprit.reason}.",
    )
