"""REINDEX without CONCURRENTLY, on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule

RULE = Rule(
    name="reindex-blocks",
    postgresql="warning",
    habit=True,
    summary="REINDEX blocks writes, and reads that would use the index.",
    help="write REINDEX … CONCURRENTLY",
    problem="""
        The table is locked against writes and each index against reads until it is built again.
    """,
    solution="""
        ```sql
        REINDEX INDEX CONCURRENTLY users_email_idx;
        ```

        PostgreSQL does not allow it in a transaction; Manticore runs it by itself.
    """,
    ok=(Case("REINDEX TABLE CONCURRENTLY users;"), Case("REINDEX (CONCURRENTLY) TABLE users;")),
    bad=(Case("REINDEX TABLE users;"), Case("REINDEX INDEX users_email_idx;")),
)
_KIND = re.compile(r"reindex\s+(?:index|table|schema|database)\b", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    """REINDEX with a lock."""
    for statement, node in context.on(n.Maintenance):
        if node.verb != "REINDEX" or node.concurrently:
            continue
        found = _KIND.match(statement.sql)
        fix = None
        if found is not None and not context.file.transaction:
            place = statement.start + found.end()
            fix = Fix("build it CONCURRENTLY", (Edit(place, place, " CONCURRENTLY"),))
        message = f"Writes wait until {node.name or 'every index'} is built again."
        yield context.finding(RULE, statement, message, fix=fix)
