"""What only CockroachDB has."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import base
from ...parser import nodes as n
from .. import lacking
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="unsupported-on-postgresql",
    postgresql="error",
    summary="PostgreSQL does not know this: it is CockroachDB's own.",
    help="write it in SQL that both know, or limit it to CockroachDB with -- @environments",
    problem="""
        UPSERT, hash-sharded, inverted and vector indexes, STORING, `table@index`, indexes inside
        CREATE TABLE, localities, column families, row-level TTL, LIMIT in UPDATE and DELETE, the
        types STRING and BYTES.
    """,
    solution="""
        | instead of | write |
        |---|---|
        | `UPSERT INTO t …` | `INSERT INTO t … ON CONFLICT (id) DO UPDATE SET …` |
        | `STORING (a)` | `INCLUDE (a)` |
        | `DROP INDEX t@i` | `DROP INDEX i` |
        | `INVERTED INDEX (body)` | `INDEX … USING gin (body)` |
        | `STRING`, `BYTES` | `TEXT`, `BYTEA` |
    """,
    ok=(
        Case("CREATE INDEX CONCURRENTLY i ON t (a) INCLUDE (b);"),
        Case("INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO NOTHING;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, storing INT8);"),
    ),
    bad=(
        Case("UPSERT INTO t (id) VALUES (1);"),
        Case("CREATE INDEX CONCURRENTLY i ON t (a) STORING (b);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, a INT8, INDEX (a));"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, name STRING);"),
        Case("DELETE FROM t WHERE a = 1 LIMIT 10;"),
        Case("ALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a);"),
        Case("DROP INDEX CONCURRENTLY t@i;"),
        Case("ALTER TABLE t SET (ttl_expire_after = '90 days');"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each such statement, in both parts, and each column of a type that is missing."""
    for statement in context.file.statements:
        what = _statement(statement)
        if what is not None:
            yield context.finding(RULE, statement, f"PostgreSQL has no {what}.")
    for statement, _, column in context.new_columns():
        type_ = base(column.type).upper().removesuffix("[]")
        if type_ in lacking.POSTGRESQL_TYPES:
            message = f"PostgreSQL has no type {type_}."
            yield context.finding(RULE, statement, message, start=column.start)


def _statement(statement: Statement) -> str | None:
    match statement.node:
        case n.Dml(verb="UPSERT"):
            return "UPSERT"
        case n.Dml(verb="UPDATE" | "DELETE" as verb, has_limit=True):
            return f"LIMIT in {verb}"
        case n.CreateTable() as create:
            return lacking.in_create_table(create)
        case n.CreateIndex() as index:
            return lacking.in_create_index(index, statement.sql)
        case n.AlterTable(index=str()) | n.Drop(kind="index", table=n.QName()):
            return "table@index"
        case n.AlterTable(actions=actions):
            return next((what for a in actions if (what := _action(a))), None)
        case n.AlterType(action="drop value"):
            return "ALTER TYPE … DROP VALUE"
        case n.SetVar(verb="SET CLUSTER SETTING" as verb) | n.SessionCommand(verb="USE" as verb):
            return verb
        case n.CreateObject(kind=kind) if kind in lacking.POSTGRESQL_KINDS:
            return f"CREATE {kind.upper()}"
        case n.Maintenance(verb=verb) if verb in lacking.POSTGRESQL_MAINTENANCE:
            return verb
        case _:
            return None


def _action(action: n.Action) -> str | None:
    match action:
        case n.AlterPrimaryKey():
            return "ALTER PRIMARY KEY"
        case n.SetLocality():
            return "SET LOCALITY"
        case n.AddConstraint(constraint=one) if one.without_index or one.using_hash:
            return "UNIQUE WITHOUT INDEX" if one.without_index else "USING HASH"
        case n.SetOptions(options=options) if any(
            lacking.is_cockroachdb_option(name) for name, _ in options
        ):
            return "such table options"
        case _:
            return None
