"""Settings that outlive the migration and concern others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="cluster-setting",
    cockroachdb="warning",
    postgresql="warning",
    summary="A migration of one database changes settings of the whole server.",
    help="let whoever runs the server set it; for this migration use SET LOCAL",
    problem="""
        `SET CLUSTER SETTING`, `ALTER SYSTEM` and `ALTER ROLE ALL SET` concern every database and
        application of the cluster, need an administrator, and are not undone by a failure.
        Settings of a role or a database reach sessions that begin later, not this one; for one
        role or one database this is for information.
    """,
    solution="""
        ```sql
        SET LOCAL statement_timeout = '30s';
        ```
    """,
    ok=(
        Case("SET LOCAL statement_timeout = '30s'; UPDATE users SET a = 1 WHERE b = 2;"),
        Case("SET app.environment = 'test';"),
    ),
    bad=(
        Case("SET CLUSTER SETTING kv.rangefeed.enabled = true;", target="cockroachdb:25.4"),
        Case("ALTER ROLE ALL SET statement_timeout = '30s';"),
        Case("ALTER SYSTEM SET wal_level = 'logical';", target="postgresql:17"),
        Case("ALTER ROLE app SET search_path = 'app';"),
    ),
)
_ALL = re.compile(r"alter\s+(?:role|user)\s+all\b", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    """Settings beyond the session, in both parts."""
    for statement, node in context.on(n.SetVar, undo=True):
        if node.scope == "cluster" or _ALL.match(statement.sql):
            message = f"{node.name} changes for every application of the cluster."
            yield context.finding(RULE, statement, message)
        elif node.scope in ("role", "database"):
            message = f"{node.name} changes for every later session of the {node.scope}."
            yield context.finding(RULE, statement, message, level="info")
    for statement, reset in context.on(n.Reset, undo=True):
        if reset.scope == "cluster":
            message = f"{reset.name} changes for every application of the cluster."
            yield context.finding(RULE, statement, message)
    for statement, alter in context.on(n.AlterObject, undo=True):
        if alter.kind == "system":
            message = "ALTER SYSTEM changes every database of the server."
            yield context.finding(RULE, statement, message)
