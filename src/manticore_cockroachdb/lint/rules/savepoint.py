"""SAVEPOINT, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="savepoint",
    cockroachdb="error",
    habit=True,
    summary="A savepoint around schema changes does not take them back.",
    help="remove the savepoint; put what may fail into a migration of its own",
    problem="""
        CockroachDB rolls schema changes back only to a savepoint at the very beginning of the
        transaction, and a schema change that runs by itself is outside every savepoint. Manticore
        refuses to run the file.
    """,
    solution="""
        A migration is atomic or resumable without savepoints. Where a statement may find its work
        already done, say so:

        ```sql
        CREATE INDEX IF NOT EXISTS users_name ON users (name);
        ```
    """,
    ok=(Case("CREATE INDEX IF NOT EXISTS users_name ON users (name);"),),
    bad=(
        Case("SAVEPOINT a; CREATE TABLE t (id UUID PRIMARY KEY); RELEASE a;"),
        Case("SAVEPOINT a; ALTER TABLE t ADD COLUMN b INT8; ROLLBACK TO SAVEPOINT a;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each SAVEPOINT, RELEASE and ROLLBACK TO, in both parts."""
    for statement, node in context.on(n.TransactionControl, undo=True):
        if node.verb in ("SAVEPOINT", "RELEASE", "ROLLBACK TO"):
            message = f"{node.verb} does not take schema changes back on CockroachDB."
            yield context.finding(RULE, statement, message)
