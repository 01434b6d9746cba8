"""UPDATE without WHERE."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement
from ..words import set_columns

RULE = Rule(
    name="update-without-where",
    cockroachdb="warning",
    postgresql="warning",
    summary="UPDATE without WHERE overwrites every row, in one transaction.",
    help="say with WHERE which rows are meant; for all of a large table, update in batches",
    problem="""
        The old values are gone, in every row, and no undo brings them back. Most often the WHERE
        was forgotten. One statement over a large table is also one large transaction: on
        PostgreSQL it locks every row and doubles the table, on CockroachDB it runs into conflicts
        and limits beyond some ten thousand rows, and `sql_safe_updates` refuses it.

        Filling a column that the same migration added overwrites nothing, and is not reported
        here; see `unbatched-change`.
    """,
    solution="""
        ```sql
        UPDATE users SET plan = 'free' WHERE plan IS NULL;
        ```
    """,
    ok=(
        Case("UPDATE users SET plan = 'free' WHERE plan IS NULL;"),
        Case("ALTER TABLE users ADD COLUMN plan TEXT; UPDATE users SET plan = 'free';"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, a INT8); UPDATE t SET a = 1;"),
        Case("UPDATE users SET plan = 'free' LIMIT 1000;", target="cockroachdb:25.4"),
    ),
    bad=(
        Case("UPDATE users SET plan = 'free';"),
        Case("ALTER TABLE users ADD COLUMN a TEXT; UPDATE users SET a = 'x', plan = 'free';"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Every row of a table that older migrations made, and not only in new columns."""
    for statement, dml in context.on(n.Dml):
        if dml.verb != "UPDATE" or dml.has_where or dml.has_limit or dml.table is None:
            continue
        new = fills_new_columns(context, statement, dml.table)
        if context.existing(statement, dml.table) and not new:
            yield context.finding(RULE, statement, f"Every row of {dml.table} is overwritten.")


def fills_new_columns(context: Context, statement: Statement, table: n.QName) -> bool:
    """Whether an UPDATE only sets columns that its part, or a migration of its day, added."""
    columns = set_columns(statement.sql)
    return columns is not None and all(
        context.is_new_column(statement, table, column) for column in columns
    )
