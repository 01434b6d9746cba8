"""Dropping a UNIQUE constraint in a way that CockroachDB refuses."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import Statement

RULE = Rule(
    name="drop-unique",
    cockroachdb="error",
    habit=True,
    summary="CockroachDB drops a UNIQUE constraint by DROP INDEX … CASCADE.",
    help="write DROP INDEX <table>@<constraint> CASCADE",
    problem="""
        `DROP INDEX` of an index that belongs to a UNIQUE constraint is refused without CASCADE.
        `ALTER TABLE … DROP CONSTRAINT` of a UNIQUE constraint is refused before 26.2.
    """,
    solution="""
        ```sql
        DROP INDEX users@users_email_key CASCADE;
        ```
    """,
    ok=(
        Case("DROP INDEX users@users_email_key CASCADE;"),
        Case("DROP INDEX users_name_idx;"),
        Case("ALTER TABLE users DROP CONSTRAINT users_email_key;", target="cockroachdb:26.2"),
        Case("ALTER TABLE users DROP CONSTRAINT users_age_check;"),
    ),
    bad=(
        Case(
            "DROP INDEX users_email_key;",
            before="CREATE TABLE users (id UUID PRIMARY KEY, email TEXT UNIQUE);",
        ),
        Case("ALTER TABLE users DROP CONSTRAINT users_email_key;", target="cockroachdb:25.4"),
        Case(
            "ALTER TABLE users DROP CONSTRAINT one_email;",
            before="ALTER TABLE users ADD CONSTRAINT one_email UNIQUE (email);",
            target="cockroachdb:24.3",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index known to be a constraint's, and before 26.2 the constraint itself."""
    for statement, drop in context.on(n.Drop, undo=True):
        for name in drop.names if drop.kind == "index" and not drop.cascade else ():
            if context.catalog.is_of_constraint(name, statement.stamp):
                fix = None
                if len(drop.names) == 1:
                    edit = Edit(statement.end, statement.end, " CASCADE")
                    fix = Fix("add CASCADE", (edit,))
                message = f"{name} belongs to a UNIQUE constraint, so this fails without CASCADE."
                yield context.finding(RULE, statement, message, fix=fix)
    if context.caps.drop_constraint_unique:
        return
    for statement, alter, action in context.actions(n.DropConstraint, undo=True):
        if _is_unique(context, statement, alter.name, action.name):
            yield context.finding(
                RULE,
                statement,
                f"{context.server} refuses to drop the UNIQUE constraint {quote(action.name)}.",
                start=action.start,
                help=f"write DROP INDEX {alter.name}@{quote(action.name)} CASCADE",
            )


def _is_unique(context: Context, statement: Statement, table: n.QName, name: str) -> bool:
    known = context.catalog.constraint(table, name, statement.stamp)
    return known.kind == "unique" if known is not None else name.endswith("_key")
