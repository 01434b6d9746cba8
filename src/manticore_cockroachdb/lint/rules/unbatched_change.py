"""One statement that changes a great many rows."""

from __future__ import annotations

from collections.abc import Iterator

from ...migrations.backfill import batched
from ...parser import nodes as n
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule, ServerFacts
from ..read import Statement, table_key
from .update_without_where import fills_new_columns

ROWS = 10_000

RULE = Rule(
    name="unbatched-change",
    cockroachdb="info",
    postgresql="info",
    scales=True,
    habit=True,
    summary="Many rows are better changed in batches than in one statement.",
    help="let it run batch by batch: -- @backfill TABLE above it, and :batch in its WHERE",
    problem="""
        One statement is one transaction. Over some ten thousand rows it holds locks for long, runs
        into conflicts with the application (40001 on CockroachDB), and does all of it again when
        it is retried. Reported for a statement that fills a new column in every row, for an INSERT
        with more than 10,000 rows, and, where `--url` shows a large table, for any UPDATE or
        DELETE of it.
    """,
    solution="""
        Two lines make a backfill of it, which runs batch by batch, each row exactly once, and goes
        on where it was after whatever stopped it (docs/backfill.md):

        ```sql
        -- @backfill users
        UPDATE users SET plan = 'free' WHERE :batch AND plan IS NULL;
        ```

        A backfill is a migration of its own. `--fix` writes it where the statement already is one
        and the table is known to have a primary key.
    """,
    ok=(
        Case("-- @backfill users\nUPDATE users SET plan = 'free' WHERE :batch AND plan IS NULL;"),
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
    if context.file.backfill:
        return
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
            fix = _fix(context, statement, dml)
            yield context.finding(RULE, statement, told, table=dml.table, fix=fix)


def _fix(context: Context, statement: Statement, dml: n.Dml) -> Fix | None:
    """A backfill of it, where it is alone in its file and its table has a primary key."""
    table, text = dml.table, context.file.text
    known = None if table is None else context.catalog.table(table, statement.stamp)
    keyed = known is not None and any(
        one.kind == "primary key" for one in known.constraints.values()
    )
    alone = len(context.file.up) == 1 and context.file.version is not None
    if table is None or not keyed or not alone or dml.returning or dml.writes_more:
        return None
    if statement.sql != text[statement.start : statement.end]:
        return None  # a name in it is a variable's, which no directive takes
    if statement.start and text[statement.start - 1] != "\n":
        return None
    changes = batched(statement.sql, table)
    if changes is None:
        return None
    begin = statement.start
    edits = [Edit(begin, begin, f"-- @backfill {table}\n")]
    edits += [Edit(begin + start, begin + end, new) for start, end, new in changes]
    return Fix("run it batch by batch", tuple(edits))
