"""VACUUM FULL and CLUSTER, on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="vacuum-full",
    postgresql="warning",
    scales=True,
    summary="VACUUM FULL and CLUSTER copy the table while nobody can use it.",
    help="use VACUUM, or a tool that repacks the table while it is in use",
    problem="""
        The table is written anew under an ACCESS EXCLUSIVE lock: no reads and no writes until it
        is done. It is care for a running server, not a change of schema.
    """,
    solution="""
        ```sql
        VACUUM (ANALYZE) events;
        ```

        To give space back while the table is in use there is the extension `pg_repack`.
    """,
    ok=(Case("VACUUM (ANALYZE) events;"), Case("ANALYZE events;")),
    bad=(
        Case("VACUUM FULL events;"),
        Case("VACUUM (FULL, ANALYZE) events;"),
        Case("CLUSTER events USING events_at_idx;"),
    ),
)
_FULL = re.compile(r"\(?[\w\s,]*\bfull\b", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    """VACUUM with FULL, and CLUSTER."""
    for statement, node in context.on(n.Maintenance):
        full = node.verb == "VACUUM" and _FULL.match(node.text)
        if full or node.verb == "CLUSTER":
            message = f"Nobody can use {node.name or 'any table'} until it is written anew."
            yield context.finding(RULE, statement, message, table=node.name)
