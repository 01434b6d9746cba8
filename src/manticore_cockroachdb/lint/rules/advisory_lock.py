"""Advisory locks, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement
from ..words import words

RULE = Rule(
    name="advisory-lock",
    cockroachdb="error",
    lacks=("advisory_locks",),
    summary="Advisory locks lock nothing on CockroachDB, or do not exist.",
    help="remove it: Manticore lets one runner at a time migrate",
    problem="""
        `pg_try_advisory_lock` returns true for everybody and locks nothing; `pg_advisory_lock` is
        an unknown function (42883). Only the `…_xact_…` ones are real, from 26.3 on.
    """,
    solution="""
        Migrations need no lock of their own: a lease sees to it that one runner works at a time.
        To keep others off some rows, lock the rows:

        ```sql
        SELECT id FROM jobs WHERE id = 1 FOR UPDATE;
        ```
    """,
    ok=(
        Case("SELECT id FROM jobs WHERE id = 1 FOR UPDATE;"),
        Case("SELECT pg_advisory_xact_lock(1);", target="cockroachdb:26.3"),
        Case("INSERT INTO notes (text) VALUES ('pg_advisory_lock() is a function');"),
    ),
    bad=(
        Case("SELECT pg_advisory_lock(42);"),
        Case("SELECT pg_try_advisory_lock(1, 2);"),
        Case("SELECT pg_advisory_xact_lock(1);", target="cockroachdb:26.2"),
        Case("DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$;", target="cockroachdb:25.4"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each statement, in both parts, that calls one of the functions, even in a body."""
    for statement in context.file.statements:
        for name in sorted(_called(statement)):
            if "_xact_" in name and context.caps.advisory_xact_locks:
                continue
            told = "locks nothing" if name.startswith("pg_try") else "does not exist"
            if "unlock" in name:
                told = "does nothing"
            start = max(statement.sql.lower().find(name), 0)
            message = f"{name} {told} on {context.server}."
            yield context.finding(RULE, statement, message, start=start)


def _called(statement: Statement) -> set[str]:
    functions = set(statement.node.functions)
    match statement.node:
        case n.Do(body=body) | n.CreateObject(body=str() as body) if "advisory" in body:
            functions |= {token.value for token in words(body) if token.kind == "word"}
        case _:
            pass
    return {name for name in functions if name.startswith(("pg_advisory_", "pg_try_advisory_"))}
