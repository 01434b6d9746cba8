"""A new table with foreign keys that the same file goes on to use, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.changes import references, tables_of
from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import table_key

RULE = Rule(
    name="foreign-key-splits",
    cockroachdb="info",
    habit=True,
    summary="A table made with foreign keys can only be used after a COMMIT.",
    help="nothing need be done; for one transaction, add the foreign keys last",
    problem="""
        CockroachDB does not let a transaction use a table that it has created with FOREIGN KEY.
        Manticore commits in between, so the migration runs in steps instead of one transaction.
    """,
    solution="""
        Where all or nothing matters, create, fill, and put the keys into the next migration:

        ```sql
        CREATE TABLE orders (id UUID PRIMARY KEY, user_id UUID NOT NULL);
        INSERT INTO orders (id, user_id) SELECT id, user_id FROM old_orders;
        ```
        ```sql
        ALTER TABLE orders ADD CONSTRAINT orders_user_fkey
            FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
        ```
    """,
    ok=(
        Case("CREATE TABLE orders (id UUID PRIMARY KEY, user_id UUID REFERENCES users);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY); INSERT INTO t VALUES (gen_random_uuid());"),
    ),
    bad=(
        Case(
            "CREATE TABLE orders (id UUID PRIMARY KEY, user_id UUID REFERENCES users);\n"
            "INSERT INTO orders (id) VALUES (gen_random_uuid());"
        ),
        Case(
            "CREATE TABLE o (id UUID PRIMARY KEY, u UUID, FOREIGN KEY (u) REFERENCES users (id));\n"
            "CREATE INDEX ON o (u);"
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """The first statement that needs the COMMIT."""
    fenced: set[str] = set()
    for statement in context.file.up:
        node = statement.node
        used = [table for table in tables_of(node) if table_key(table) in fenced]
        if used:
            message = f"{used[0]} has foreign keys, so it is used in a second transaction."
            yield context.finding(RULE, statement, message)
            return
        if isinstance(node, n.CreateTable) and references(node):
            fenced.add(table_key(node.name))
