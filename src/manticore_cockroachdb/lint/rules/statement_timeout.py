"""statement_timeout before a schema change, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import SCHEMA_CHANGES, Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="statement-timeout",
    cockroachdb="warning",
    habit=True,
    summary="A statement_timeout ends the waiting for a schema change, not the change.",
    help="leave statement_timeout at 0 for schema changes",
    problem="""
        The change runs as a job. When the time is up the statement fails with SQLSTATE 57014 and
        the job goes on in the background; whether it succeeds is seen later, or never. Manticore
        then looks the effect up in the catalog, but cannot tell you how it ended before it has.
    """,
    solution="""
        To limit a change of data, set it for that migration only:

        ```sql
        SET LOCAL statement_timeout = '30s';
        UPDATE users SET plan = 'free' WHERE plan IS NULL;
        ```
    """,
    ok=(
        Case("SET statement_timeout = '30s'; UPDATE users SET a = 1 WHERE b = 2;"),
        Case("SET statement_timeout = 0; CREATE INDEX ON users (a);"),
        Case("SET lock_timeout = '5s'; ALTER TABLE users ADD COLUMN age INT8;"),
    ),
    bad=(
        Case("SET statement_timeout = '30s'; CREATE INDEX ON users (name);"),
        Case("SET LOCAL statement_timeout = 1000; ALTER TABLE users ADD COLUMN age INT8;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A limit that is in force when a schema change runs."""
    limit: str | None = None
    for statement in context.file.up:
        node = statement.node
        if isinstance(node, n.SetVar) and node.name == "statement_timeout":
            value = (node.value or "").strip().lower()
            limit = None if value in ("", "0", "0s", "0ms", "default") else value
        elif isinstance(node, n.Reset) and node.name in ("statement_timeout", "all"):
            limit = None
        elif limit is not None and isinstance(node, SCHEMA_CHANGES):
            message = f"After {limit} the client gives up, and the job goes on."
            yield context.finding(RULE, statement, message)
            return
