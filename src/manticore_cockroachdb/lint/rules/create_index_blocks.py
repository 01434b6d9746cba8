"""CREATE INDEX without CONCURRENTLY, on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import Statement

RULE = Rule(
    name="create-index-blocks",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="CREATE INDEX blocks every write to the table until the index is built.",
    help="write CREATE INDEX CONCURRENTLY",
    problem="""
        PostgreSQL takes a SHARE lock: reads go on, inserts, updates and deletes wait. On a large
        table that is minutes or hours.
    """,
    solution="""
        ```sql
        CREATE INDEX CONCURRENTLY users_email_idx ON users (email);
        ```

        PostgreSQL does not allow it in a transaction. Manticore sees that and runs the statement
        by itself; if it fails, the invalid index that it leaves is removed before it is tried
        again. On CockroachDB the word is accepted and means nothing.
    """,
    ok=(
        Case("CREATE INDEX CONCURRENTLY users_email_idx ON users (email);"),
        Case("CREATE TABLE users (email TEXT); CREATE INDEX ON users (email);"),
    ),
    bad=(
        Case("CREATE INDEX users_email_idx ON users (email);"),
        Case("CREATE UNIQUE INDEX IF NOT EXISTS users_email_key ON users (lower(email));"),
        Case("CREATE INDEX ON ONLY measurements (at);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index on a table that may be in use, built with a lock."""
    for statement, index in context.on(n.CreateIndex):
        if index.concurrently or not context.existing(statement, index.table):
            continue
        yield context.finding(
            RULE,
            statement,
            f"Nobody can write to {index.table} until the index is built.",
            fix=None if index.only or context.file.transaction else concurrently(statement),
            table=index.table,
        )


_INDEX = re.compile(r"\bindex\b", re.IGNORECASE)


def concurrently(statement: Statement) -> Fix | None:
    """CONCURRENTLY after the first INDEX."""
    found = _INDEX.search(statement.sql)
    if found is None or "--" in statement.sql or "/*" in statement.sql:
        return None
    place = statement.start + found.end()
    return Fix("build it CONCURRENTLY", (Edit(place, place, " CONCURRENTLY"),))
