"""DROP INDEX without CONCURRENTLY, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from .create_index_blocks import concurrently

RULE = Rule(
    name="drop-index-blocks",
    postgresql="warning",
    habit=True,
    summary="DROP INDEX waits for every query on the table, and lets no new one begin.",
    help="write DROP INDEX CONCURRENTLY",
    problem="""
        PostgreSQL takes an ACCESS EXCLUSIVE lock on the table. Dropping is quick, but the lock is
        only had when all running queries have ended, and new ones queue behind it.
    """,
    solution="""
        ```sql
        DROP INDEX CONCURRENTLY users_email_idx;
        ```

        It names one index, cannot CASCADE, and runs outside a transaction: Manticore sees to that.
        An index that belongs to a constraint goes with `ALTER TABLE … DROP CONSTRAINT`.
    """,
    ok=(
        Case("DROP INDEX CONCURRENTLY users_email_idx;"),
        Case("CREATE INDEX CONCURRENTLY i ON users (a);\n-- @UNDO\nDROP INDEX i;"),
        Case("CREATE TABLE t (a INT8); CREATE INDEX i ON t (a); DROP INDEX i;"),
    ),
    bad=(
        Case("DROP INDEX users_email_idx;"),
        Case("DROP INDEX IF EXISTS users_email_idx, users_name_idx;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index, not made by this file, dropped with a lock."""
    made = {index.name for _, index in context.on(n.CreateIndex)}
    for statement, drop in context.on(n.Drop):
        if drop.kind != "index" or drop.concurrently:
            continue
        if all(name.name in made for name in drop.names):
            continue
        alone = len(drop.names) == 1 and not drop.cascade and not context.file.transaction
        yield context.finding(
            RULE,
            statement,
            f"Dropping {', '.join(map(str, drop.names))} stops every query on the table until it is"
            " done.",
            fix=concurrently(statement) if alone else None,
        )
