"""Actions of ALTER TABLE that rewrite the table, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="table-rewrite",
    postgresql="warning",
    scales=True,
    summary="SET LOGGED, SET TABLESPACE and the like copy the table while nobody can use it.",
    help="do it when nobody needs the table",
    problem="""
        The whole table is written to a new file under an ACCESS EXCLUSIVE lock, and so are its
        indexes.
    """,
    solution="""
        Where the table must stay in use, fill a new one and swap their names:

        ```sql
        CREATE TABLE events_new (LIKE events INCLUDING ALL);
        -- copy in batches while a trigger keeps both alike, then:
        ALTER TABLE events RENAME TO events_old;
        ALTER TABLE events_new RENAME TO events;
        ```
    """,
    ok=(
        Case("ALTER TABLE events SET (fillfactor = 70);"),
        Case("CREATE UNLOGGED TABLE t (id UUID PRIMARY KEY); ALTER TABLE t SET LOGGED;"),
    ),
    bad=(
        Case("ALTER TABLE events SET LOGGED;"),
        Case("ALTER TABLE events SET TABLESPACE slow;"),
        Case("ALTER TABLE events SET ACCESS METHOD columnar;"),
    ),
)
_REWRITES = ("SET LOGGED", "SET UNLOGGED", "SET TABLESPACE", "SET ACCESS METHOD")


def check(context: Context) -> Iterator[Finding]:
    """One of these, on a table that may have rows."""
    for statement, alter, action in context.actions_on_existing(n.OtherAction):
        if action.text.upper().startswith(_REWRITES):
            yield context.finding(
                RULE,
                statement,
                f"{alter.name} is copied, and nobody can use it meanwhile.",
                start=action.start,
                table=alter.name,
            )
