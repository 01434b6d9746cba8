"""DROP CONSTRAINT of a primary key, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="replace-primary-key",
    cockroachdb="error",
    habit=True,
    summary="A primary key can only be dropped together with the one that takes its place.",
    help="write ALTER TABLE … ALTER PRIMARY KEY USING COLUMNS (…)",
    problem="""
        CockroachDB has no table without a key. `DROP CONSTRAINT` of a primary key fails unless the
        same ALTER TABLE adds another one; and from 26.1 on that pair does not unlock the table by
        itself, so it fails with SQLSTATE 57000 unless `schema_locked` is turned off before, in a
        statement of its own. Before 26.1 the pair works, and rewrites the table: a warning.
    """,
    solution="""
        `ALTER PRIMARY KEY` does the same on every version, and keeps the old key as an index:

        ```sql
        ALTER TABLE orders ALTER PRIMARY KEY USING COLUMNS (region, id);
        ```
    """,
    ok=(
        Case("ALTER TABLE orders ALTER PRIMARY KEY USING COLUMNS (region, id);"),
        Case("ALTER TABLE orders DROP CONSTRAINT orders_total_check;"),
    ),
    bad=(
        Case("ALTER TABLE orders DROP CONSTRAINT orders_pkey;"),
        Case(
            "ALTER TABLE orders DROP CONSTRAINT by_number;",
            before="CREATE TABLE orders (number INT8, CONSTRAINT by_number PRIMARY KEY (number));",
        ),
        Case(
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (region, id);",
            target="cockroachdb:26.2",
        ),
        Case(
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (region, id);",
            target="cockroachdb:24.3",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A primary key dropped, with or without another one added."""
    for statement, alter, action in context.actions(n.DropConstraint, undo=True):
        if not _is_primary_key(context, statement, alter.name, action.name):
            continue
        replaced = any(
            isinstance(other, n.AddConstraint) and other.constraint.kind == "primary key"
            for other in alter.actions
        )
        if not replaced:
            message = f"{alter.name} would be left without a primary key, so this fails."
            yield context.finding(RULE, statement, message, start=action.start)
        elif context.caps.schema_locked:
            message = f"{alter.name} is schema_locked, and this change does not unlock it."
            yield context.finding(RULE, statement, message, start=action.start)
        else:
            message = f"Replacing the primary key of {alter.name} rewrites the table."
            yield context.finding(RULE, statement, message, start=action.start, level="warning")


def _is_primary_key(context: Context, statement: Statement, table: n.QName, name: str) -> bool:
    known = context.catalog.constraint(table, name, statement.stamp)
    if known is not None:
        return known.kind == "primary key"
    return name in ("primary", f"{table.name}_pkey")
