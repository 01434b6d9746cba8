"""Changes of the schema and of data in one migration."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import SCHEMA_CHANGES, Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="mixed-schema-and-data",
    cockroachdb="info",
    postgresql="info",
    scales=True,
    habit=True,
    versioned=True,
    summary="Change the schema in one migration and the data in the next.",
    help="move the change of data into a migration of its own",
    problem="""
        On CockroachDB a column that a transaction adds cannot be used in it
        (cockroachdb/cockroach#31463), and a schema change after a write commits the write first.
        So Manticore runs the statements in steps, and the migration can stop between them. On
        PostgreSQL they share a transaction: the lock that ALTER TABLE took is held while the rows
        are changed, and nobody can use the table.
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN plan TEXT;
        ```
        ```sql
        -- in the next migration:
        UPDATE users SET plan = 'free' WHERE plan IS NULL;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY); INSERT INTO t VALUES (gen_random_uuid());"),
        Case("UPDATE users SET plan = 'free' WHERE plan IS NULL;"),
        Case("CREATE VIEW v AS SELECT 1 AS a; INSERT INTO t (a) VALUES (1);"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT; UPDATE users SET plan = 'free';"),
        Case("DELETE FROM users WHERE email IS NULL; CREATE INDEX i ON users (email);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """The first change of rows in a file that also changes a table that may have rows."""
    if any(_changes_table(context, statement) for statement in context.file.up):
        for statement, dml in context.on(n.Dml):
            if dml.table is not None and not dml.to and context.existing(statement, dml.table):
                message = f"{dml.verb} of {dml.table} stands beside changes of the schema."
                yield context.finding(RULE, statement, message, table=dml.table)
                return


def _changes_table(context: Context, statement: Statement) -> bool:
    node = statement.node
    if isinstance(node, SCHEMA_CHANGES):
        match node:
            case n.AlterTable(name=table) | n.CreateIndex(table=table):
                return context.existing(statement, table)
            case _:
                return False
    return False
