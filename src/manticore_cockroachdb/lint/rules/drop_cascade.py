"""CASCADE."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-cascade",
    cockroachdb="warning",
    postgresql="warning",
    summary="CASCADE drops whatever depends on the object, without saying what.",
    help="drop what depends on it by name, then leave CASCADE out",
    problem="""
        Views, foreign keys of other tables, columns of a dropped type, a whole schema: they go
        silently, and may differ between the database that the migration was tried on and
        production. TRUNCATE … CASCADE empties every table that refers to this one. CockroachDB
        cannot cancel the job.
    """,
    solution="""
        Ask the server what depends on the table, and name it:

        ```sql
        DROP VIEW active_users;
        ALTER TABLE orders DROP CONSTRAINT orders_user_fkey;
        DROP TABLE users;
        ```
    """,
    ok=(
        Case("DROP INDEX users@users_email_key CASCADE;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n-- @UNDO\nDROP TABLE t CASCADE;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY); DROP TABLE t CASCADE;"),
    ),
    bad=(
        Case("DROP TABLE users CASCADE;"),
        Case("DROP TYPE order_status CASCADE;"),
        Case("DROP DATABASE old CASCADE;"),
        Case("TRUNCATE users CASCADE;"),
        Case("ALTER TABLE users DROP CONSTRAINT users_handle_key CASCADE;", target="postgresql:17"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """CASCADE in the forward part; DROP COLUMN and DROP INDEX have rules of their own."""
    for statement, drop in context.on(n.Drop):
        fresh = all(context.is_fresh(statement, name) for name in drop.names)
        if drop.cascade and drop.kind != "index" and not fresh:
            names = ", ".join(map(str, drop.names))
            message = f"Dropping {names} drops all that depends on it, unseen."
            yield context.finding(RULE, statement, message)
    for statement, truncate in context.on(n.Truncate):
        if truncate.cascade:
            names = ", ".join(map(str, truncate.names))
            message = f"Every table that refers to {names} is emptied as well."
            yield context.finding(RULE, statement, message)
    for statement, alter, action in context.actions_on_existing(n.DropConstraint):
        if action.cascade:
            message = f"Dropping {quote(action.name)} of {alter.name} drops what depends on it."
            yield context.finding(RULE, statement, message, start=action.start)
