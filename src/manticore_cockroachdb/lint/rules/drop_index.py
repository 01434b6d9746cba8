"""DROP INDEX, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-index",
    cockroachdb="info",
    habit=True,
    summary="Queries that used the index read the whole table from now on.",
    help="first ALTER INDEX … NOT VISIBLE, and drop it when nothing became slow",
    problem="""
        The index is gone at once, and building it again takes as long as the first time. With
        `sql_safe_updates` on, which an interactive shell has, CockroachDB from 25.1 on refuses
        DROP INDEX: in a migration that turns it on, this is an error.
    """,
    solution="""
        ```sql
        ALTER INDEX users@users_name_idx NOT VISIBLE;
        ```
        ```sql
        -- some days later:
        DROP INDEX users@users_name_idx;
        ```
    """,
    ok=(
        Case("ALTER INDEX users@users_name_idx NOT VISIBLE;"),
        Case("CREATE INDEX i ON users (name);\n-- @UNDO\nDROP INDEX users@i;"),
    ),
    bad=(
        Case("DROP INDEX users@users_name_idx;"),
        Case("SET sql_safe_updates = on; DROP INDEX users@users_name_idx;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index dropped by the forward part."""
    guarded = [
        statement.start
        for statement, setting in context.on(n.SetVar)
        if setting.name == "sql_safe_updates"
        and (setting.value or "").lower() in ("on", "true", "1")
    ]
    for statement, drop in context.on(n.Drop):
        if drop.kind != "index":
            continue
        names = ", ".join(map(str, drop.names))
        if guarded and guarded[0] < statement.start:
            message = f"sql_safe_updates refuses to drop {names}."
            yield context.finding(RULE, statement, message, level="error")
        else:
            message = f"Queries that use {names} read the whole table from now on."
            yield context.finding(RULE, statement, message)
