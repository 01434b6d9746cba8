"""A unique index or constraint on a table that may have rows."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="add-unique",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="UNIQUE on an existing table fails when two rows are equal.",
    help="look for duplicates first: SELECT … GROUP BY … HAVING count(*) > 1",
    problem="""
        The index is built over all rows and fails with SQLSTATE 23505 at the first pair of equal
        ones, after much work. On CockroachDB a transaction that holds it has then already
        committed everything else (`XXA00`). On PostgreSQL `ADD CONSTRAINT … UNIQUE`, `PRIMARY KEY`
        and `EXCLUDE` also lock the table against reads and writes while the index is built.
    """,
    solution="""
        Look for duplicates on the real data before the migration, and again in it if you like:

        ```sql
        SELECT email, count(*) FROM users GROUP BY email HAVING count(*) > 1;
        ```

        On PostgreSQL build the index without a lock, then hand it to the constraint:

        ```sql
        CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);
        ```
        ```sql
        -- in the next migration:
        ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;
        ```

        On CockroachDB run it alone; then say that you have looked:

        ```sql
        -- @allow add-unique: no duplicates on 2026-03-01
        CREATE UNIQUE INDEX users_email_key ON users (email);
        ```
    """,
    ok=(
        Case("CREATE TABLE users (id UUID PRIMARY KEY, email TEXT UNIQUE);"),
        Case("CREATE TABLE t (a INT8); CREATE UNIQUE INDEX ON t (a);"),
        Case(
            "ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_key;",
            target="postgresql:17",
        ),
        Case("CREATE UNIQUE INDEX CONCURRENTLY i ON users (email);", target="postgresql:17"),
    ),
    bad=(
        Case("ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);"),
        Case("CREATE UNIQUE INDEX users_email_key ON users (email);", target="cockroachdb:25.4"),
        Case("ALTER TABLE users ADD PRIMARY KEY (id);", target="postgresql:17"),
        Case(
            "ALTER TABLE stays ADD EXCLUDE USING gist (room WITH =, during WITH &&);",
            target="postgresql:17",
        ),
    ),
)
_KINDS = ("unique", "primary key", "exclude")


def check(context: Context) -> Iterator[Finding]:
    """What builds a unique index over rows that may be there."""
    for statement, alter, action in context.actions_on_existing(n.AddConstraint):
        one = action.constraint
        if one.kind not in _KINDS or one.using_index or one.without_index:
            continue
        if context.on_cockroachdb:
            told = f"This fails if two rows of {alter.name} have the same {_list(one.columns)}."
        else:
            told = f"Nobody can use {alter.name} while the index of this constraint is built."
        yield context.finding(RULE, statement, told, start=action.start, table=alter.name)
    if context.on_cockroachdb:  # elsewhere `create-index-blocks` says what matters
        for statement, index in context.on(n.CreateIndex):
            if index.unique and context.existing(statement, index.table):
                keys = _list(tuple(column.expression for column in index.columns))
                yield context.finding(
                    RULE,
                    statement,
                    f"This fails if two rows of {index.table} have the same {keys}.",
                    table=index.table,
                )


def _list(columns: tuple[str, ...]) -> str:
    return ", ".join(columns) or "key"
