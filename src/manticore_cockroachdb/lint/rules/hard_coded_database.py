"""The name of a database in a migration."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.changes import references, tables_of
from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="hard-coded-database",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    summary="A migration that names its database works in that one only.",
    help="leave the database out: the connection chooses it",
    problem="""
        Development, tests and staging have other names, `manticore verify` uses a scratch
        database, and a copy of production would change production. The history is kept in the
        database of the connection, wherever the statements go.
    """,
    solution="""
        ```sql
        CREATE TABLE public.users (id UUID PRIMARY KEY);
        ```
    """,
    ok=(
        Case("CREATE TABLE public.users (id UUID PRIMARY KEY);"),
        Case("GRANT CONNECT ON DATABASE shop TO app;"),
    ),
    bad=(
        Case("CREATE TABLE shop.public.users (id UUID PRIMARY KEY);"),
        Case("USE shop; ALTER TABLE users ADD COLUMN age INT8;", target="cockroachdb:25.4"),
        Case("SET database = shop;", target="cockroachdb:25.4"),
        Case("CREATE DATABASE shop;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, u UUID REFERENCES shop.public.users (id));"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Names of three parts, and statements that choose or make a database; in both parts.

    One finding a file: who names the database once does so everywhere.
    """
    told = [(one, message) for one in context.file.statements if (message := _told(one))]
    if told:
        statement, message = told[0]
        more = f" So do {len(told) - 1:,} more statements." if len(told) > 1 else ""
        yield context.finding(RULE, statement, message + more)


def _told(statement: Statement) -> str | None:
    match statement.node:
        case n.SessionCommand(verb="USE", names=(name, *_)):
            return f"USE leads away to the database {name}."
        case n.SetVar(name="database", value=value, scope="session" | "local"):
            return f"SET database leads away to the database {value}."
        case n.CreateObject(kind="database", name=name):
            return f"The migration creates the database {name}, beside the one it runs in."
        case node:
            names = [*tables_of(node), *references(node)]
            long = next((name for name in names if len(name.parts) > 2), None)
            return None if long is None else f"{long} names the database {long.parts[0]}."
