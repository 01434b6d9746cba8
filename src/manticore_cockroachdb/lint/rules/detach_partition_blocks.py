"""DETACH PARTITION without CONCURRENTLY, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule

RULE = Rule(
    name="detach-partition-blocks",
    postgresql="warning",
    summary="DETACH PARTITION locks the whole partitioned table.",
    help="write DETACH PARTITION … CONCURRENTLY",
    problem="""
        An ACCESS EXCLUSIVE lock is taken on the parent, so every query on any partition waits, and
        queues behind whatever long query is running.
    """,
    solution="""
        ```sql
        ALTER TABLE measurements DETACH PARTITION measurements_2019 CONCURRENTLY;
        ```

        PostgreSQL does not allow it in a transaction, or with a default partition. Manticore runs
        it by itself.
    """,
    ok=(Case("ALTER TABLE m DETACH PARTITION m_2019 CONCURRENTLY;"),),
    bad=(Case("ALTER TABLE m DETACH PARTITION m_2019;"),),
)


def check(context: Context) -> Iterator[Finding]:
    """A partition taken off a table that may be in use."""
    for statement, alter, action in context.actions_on_existing(n.DetachPartition):
        if action.concurrently or action.finalize:
            continue
        fix = None
        if len(alter.actions) == 1 and not context.file.transaction:
            edit = Edit(statement.end, statement.end, " CONCURRENTLY")
            fix = Fix("detach it CONCURRENTLY", (edit,))
        yield context.finding(
            RULE,
            statement,
            f"Every query on {alter.name} waits until {action.partition} is detached.",
            start=action.start,
            fix=fix,
        )
