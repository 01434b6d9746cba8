"""What CockroachDB, or this version of it, does not have."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import base
from ...parser import nodes as n
from .. import lacking
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="unsupported-on-cockroachdb",
    cockroachdb="error",
    summary="CockroachDB refuses the statement.",
    help="write it another way, or limit it to another server with -- @environments",
    problem="""
        PostgreSQL has more than CockroachDB: exclusion and deferrable constraints, partitions as
        tables, inheritance, rules, LISTEN and NOTIFY, LOCK TABLE, MERGE, VACUUM, some types and
        kinds of objects. Some came late: DO blocks with 25.1, triggers with 24.3, PL/pgSQL with
        23.2, domains with 26.3. The list is of what is known to fail, and not complete.
    """,
    solution="""
        | instead of | write |
        |---|---|
        | `MERGE` | `INSERT … ON CONFLICT`, or `UPSERT` |
        | a domain | the type, and a CHECK in the table |
        | `LOCK TABLE` | `SELECT … FOR UPDATE` |
        | `VACUUM`, `REINDEX` | nothing: it is not needed |
        | partitions as tables | `PARTITION BY` inside CREATE TABLE, or one table |
        | `MONEY` | `DECIMAL` |
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY, price DECIMAL(10, 2));"),
        Case("CREATE DOMAIN email AS TEXT CHECK (VALUE LIKE '%@%');", target="cockroachdb:26.3"),
        Case("DO $$ BEGIN RAISE NOTICE 'hello'; END $$;", target="cockroachdb:25.4"),
    ),
    bad=(
        Case("CREATE DOMAIN email AS TEXT CHECK (VALUE LIKE '%@%');", target="cockroachdb:26.2"),
        Case("DO $$ BEGIN RAISE NOTICE 'hello'; END $$;", target="cockroachdb:24.3"),
        Case("ALTER TABLE stays ADD EXCLUDE USING gist (room WITH =);"),
        Case(
            "ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES c (id) DEFERRABLE NOT VALID;"
        ),
        Case("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"),
        Case("NOTIFY changed;"),
        Case("VACUUM users;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, price MONEY);"),
        Case("CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each such statement, in both parts, and each column of a type that is missing."""
    for statement in context.file.statements:
        what = _statement(context, statement)
        if what is not None:
            yield context.finding(RULE, statement, f"{context.server} has no {what}.")
    for statement, _, column in context.new_columns():
        type_ = base(column.type).upper().removesuffix("[]")
        if type_ in lacking.COCKROACHDB_TYPES:
            message = f"{context.server} has no type {type_}."
            yield context.finding(RULE, statement, message, start=column.start)


def _statement(context: Context, statement: Statement) -> str | None:
    caps = context.caps
    match statement.node:
        case n.Do() if not caps.do_blocks:
            return "DO blocks"
        case n.CreateObject(kind=kind, language=language):
            return _object(context, kind, language)
        case n.SessionCommand(verb=verb) if verb in lacking.COCKROACHDB_COMMANDS:
            return verb
        case n.Maintenance(verb=verb) if verb in lacking.COCKROACHDB_MAINTENANCE:
            return verb
        case n.Dml(verb="MERGE"):
            return "MERGE"
        case n.CreateTable() as create:
            if create.partition_of or create.inherits or create.of_type:
                return "partitions as tables, inheritance or typed tables"
            return _constraints(create.constraints)
        case n.AlterTable(actions=actions):
            if any(isinstance(action, n.AttachPartition | n.DetachPartition) for action in actions):
                return "partitions as tables"
            added = (a.constraint for a in actions if isinstance(a, n.AddConstraint))
            return _constraints(tuple(added))
        case _:
            return None


def _object(context: Context, kind: str, language: str | None) -> str | None:
    caps = context.caps
    missing = (
        (kind in lacking.COCKROACHDB_KINDS, f"{kind}s"),
        (kind == "domain" and not caps.domains, "domains"),
        (kind == "trigger" and not caps.triggers, "triggers"),
        (kind == "function" and not caps.functions, "functions"),
        (kind == "procedure" and not caps.plpgsql, "procedures"),
        (language == "plpgsql" and not caps.plpgsql, "PL/pgSQL"),
    )
    return next((what for is_missing, what in missing if is_missing), None)


def _constraints(constraints: tuple[n.Constraint, ...]) -> str | None:
    if any(one.kind == "exclude" for one in constraints):
        return "exclusion constraints"
    if any(one.deferrable for one in constraints):
        return "deferrable constraints"
    return None
