"""DROP of what holds rows: tables, schemas, databases."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-table",
    cockroachdb="warning",
    postgresql="warning",
    summary="Dropping a table destroys its rows, and breaks code that still uses it.",
    help="rename it first and drop it later, or keep a copy; then -- @allow drop-table: why",
    problem="""
        No undo brings the rows back: the undo part can create the table again, but empty. Code
        that is running and still uses it fails at once.
    """,
    solution="""
        1. Deploy code that no longer uses the table.
        2. Keep what may be needed: a backup, or a copy under another name.
        3. Drop it, and say that this was thought of:
           ```sql
           -- @allow drop-table: unused since release 41, in the backup of 2026-03-01
           DROP TABLE faxes;
           ```
    """,
    ok=(
        Case("DROP TABLE cache; CREATE TABLE cache AS SELECT id FROM users;"),
        Case(
            "CREATE TABLE new AS SELECT id FROM users; DROP TABLE users;"
            " ALTER TABLE new RENAME TO users;"
        ),
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n-- @UNDO\nDROP TABLE t;"),
        Case("CREATE TEMP TABLE t (a INT8); DROP TABLE t;"),
        Case("DROP VIEW active_users;"),
    ),
    bad=(
        Case("DROP TABLE faxes;"),
        Case("DROP TABLE IF EXISTS faxes, telexes;"),
        Case("DROP SCHEMA archive;"),
        Case("DROP DATABASE old;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What older migrations made, dropped by the forward part; `drop-cascade` has the rest."""
    for statement, drop in context.on(n.Drop):
        if drop.cascade or drop.kind not in ("table", "schema", "database"):
            continue
        lost = [
            name
            for name in drop.names
            if not context.is_fresh(statement, name) and not context.is_rebuilt(statement, name)
        ]
        if lost:
            what = drop.kind if drop.kind != "table" else "table" if len(lost) == 1 else "tables"
            names = ", ".join(map(str, lost))
            message = f"Dropping the {what} {names} destroys all rows."
            yield context.finding(RULE, statement, message)
