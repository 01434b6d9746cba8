"""CREATE TABLE without a primary key."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement, table_key

RULE = Rule(
    name="no-primary-key",
    cockroachdb="warning",
    postgresql="info",
    habit=True,
    summary="A table should say what its primary key is.",
    help="add id UUID PRIMARY KEY DEFAULT gen_random_uuid(), or a PRIMARY KEY (…)",
    problem="""
        CockroachDB stores a table in the order of its primary key. Without one it makes a hidden
        column `rowid`, which counts upwards, so all new rows go to one range; giving the table a
        key later rewrites all of it. Servers with `require_explicit_primary_keys` refuse the
        statement. On PostgreSQL, logical replication and many tools need a key.
    """,
    solution="""
        ```sql
        CREATE TABLE events (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            payload JSONB NOT NULL
        );
        ```

        A table that joins two others has its key in them: `PRIMARY KEY (user_id, group_id)`.
    """,
    ok=(
        Case("CREATE TABLE events (id UUID PRIMARY KEY DEFAULT gen_random_uuid());"),
        Case(
            "CREATE TABLE members (user_id UUID, group_id UUID, PRIMARY KEY (user_id, group_id));"
        ),
        Case("CREATE TABLE t (id UUID NOT NULL); ALTER TABLE t ADD PRIMARY KEY (id);"),
        Case("CREATE TABLE users_copy AS SELECT id, name FROM users;"),
        Case("CREATE TABLE t (LIKE u INCLUDING ALL);"),
        Case("CREATE TEMP TABLE t (a INT8);"),
    ),
    bad=(
        Case("CREATE TABLE events (payload JSONB NOT NULL);"),
        Case("CREATE TABLE IF NOT EXISTS events (id UUID NOT NULL UNIQUE, payload JSONB);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A table with columns of its own and no key, here or in a later statement of the file."""
    for statement, create in context.on(n.CreateTable):
        elsewhere = (
            *(create.as_query, create.temporary, create.like, create.inherits),
            *(create.partition_of, create.of_type),
        )
        if any(elsewhere):
            continue
        own = any(column.primary_key for column in create.columns)
        if own or any(one.kind == "primary key" for one in create.constraints):
            continue
        if not _added_later(context, statement, create.name):
            message = f"The table {create.name} has no primary key."
            yield context.finding(RULE, statement, message)


def _added_later(context: Context, statement: Statement, table: n.QName) -> bool:
    for later, alter, action in context.actions(n.AddConstraint):
        same = table_key(alter.name) == table_key(table) and later.start > statement.start
        if same and action.constraint.kind == "primary key":
            return True
    return any(
        table_key(alter.name) == table_key(table)
        for _, alter, _ in context.actions(n.AlterPrimaryKey)
    )
