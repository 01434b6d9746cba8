"""One statement that changes a great many rows."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts
from ..read import table_key
from .update_without_where import fills_new_columns

ROWS = 10_000

RULE = Rule(
    name="unbatched-change",
    cockroachdb="info",
    postgresql="info",
    scales=True,
    habit=True,
    summary="Many rows are better changed in batches than in one statement.",
    help="change some thousand rows at a time, each batch in its own transaction",
    problem="""
        One statement is one transaction. Over some ten thousand rows it holds locks for long, runs
        into conflicts with the application (40001 on CockroachDB), and does all of it again when
        it is retried. Reported for a statement that fills a new column in every row, for an INSERT
        with more than 10,000 rows, and, where `--url` shows a large table, for any UPDATE or
        DELETE of it.
    """,
    solution="""
        CockroachDB takes LIMIT; repeat until nothing is left, from the application or a script:

        ```sql
        UPDATE users SET plan = 'free' WHERE plan IS NULL LIMIT 1000;
        ```

        PostgreSQL takes a range of the key:

        ```sql
        UPDATE users SET plan = 'free' WHERE plan IS NULL AND id BETWEEN 1 AND 10000;
        ```
    """,
    ok=(
        Case("UPDATE users SET plan = 'free' WHERE plan IS NULL;"),
        Case("UPDATE users SET a = 1 WHERE b = 2;", facts=ServerFacts(tables={"users": 50})),
        Case("INSERT INTO plans (name) VALUES ('free'), ('paid');"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT; UPDATE users SET plan = 'free';"),
        Case(
            "UPDATE users SET plan = 'free' WHERE plan IS NULL;",
            facts=ServerFacts(tables={"users": 2_000_000}),
        ),
        Case("INSERT INTO t (a) VALUES " + ", ".join("(1)" for _ in range(ROWS + 1)) + ";"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Changes without a LIMIT that are known to concern many rows."""
    for statement, dml in context.on(n.Dml):
        if dml.table is None:
            continue
        if dml.verb in ("INSERT", "UPSERT"):
            if dml.rows is not None and dml.rows > ROWS:
                message = f"{dml.rows:,} rows in one statement."
                yield context.finding(RULE, statement, message)
            continue
        if dml.verb not in ("UPDATE", "DELETE") or dml.has_limit:
            continue
        if not context.existing(statement, dml.table):
            continue
        rows = context.facts.tables.get(table_key(dml.table)) if context.facts else None
        fills = not dml.has_where and fills_new_columns(context, statement, dml.table)
        if fills or (rows or 0) > ROWS:
            told = f"{dml.verb} of {dml.table} is one transaction over all the rows it concerns."
            yield context.finding(RULE, statement, told, table=dml.table)
