"""Schema changes in DO blocks and functions, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..words import body_statements

RULE = Rule(
    name="ddl-in-routine",
    cockroachdb="error",
    lacks=("ddl_in_do",),
    summary="CockroachDB takes no schema changes in DO blocks and functions, and no dynamic SQL.",
    help="write the schema change as a statement of the migration",
    problem="""
        `CREATE`, `ALTER`, `DROP` and the like are refused in DO blocks, functions and procedures
        with `0A000 unimplemented` (from 26.3 on a procedure may create and drop tables). `PERFORM`
        and `EXECUTE` are not supported in PL/pgSQL.
    """,
    solution="""
        Conditions belong outside the SQL. A migration for some environments only:

        ```sql
        -- @environments development, testing
        CREATE INDEX IF NOT EXISTS users_name ON users (name);
        ```

        For `PERFORM f()` write `SELECT f()`; `IF EXISTS` and `IF NOT EXISTS` often replace a block.
    """,
    ok=(
        Case("CREATE INDEX IF NOT EXISTS users_name ON users (name);"),
        Case(
            "DO $$ BEGIN IF current_setting('app.environment', true) = 'test' THEN\n"
            "DELETE FROM users WHERE test; END IF; END $$;"
        ),
        Case(
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE t (a INT8); END $$;",
            target="cockroachdb:26.3",
        ),
    ),
    bad=(
        Case(
            "DO $$\nBEGIN\n  IF current_setting('app.environment') = 'production' THEN\n"
            "    CREATE INDEX i ON users (email);\n  END IF;\nEND $$;"
        ),
        Case("DO $$ BEGIN EXECUTE 'SELECT 1'; END $$;"),
        Case("CREATE FUNCTION f() RETURNS VOID AS $$ BEGIN DROP TABLE t; END $$ LANGUAGE plpgsql;"),
        Case(
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE t (a INT8); END $$;",
            target="cockroachdb:26.2",
        ),
    ),
)
_SCHEMA = ("create", "alter", "drop", "truncate", "comment", "grant", "revoke")


def check(context: Context) -> Iterator[Finding]:
    """Each such statement of a body, in both parts."""
    for statement in context.file.statements:
        match statement.node:
            case n.Do(body=body):
                what = "a DO block"
            case n.CreateObject(kind="function" | "procedure" as what, body=str() as body):
                what = f"a {what}"
            case _:
                continue
        inside = max(statement.sql.find(body), 0)
        tables = what == "a procedure" and context.caps.table_ddl_in_procedures
        for first, second, start in body_statements(body):
            if first in ("perform", "execute"):
                message = f"{first.upper()} is not supported in PL/pgSQL on CockroachDB."
            elif first not in _SCHEMA or (
                tables and first in ("create", "drop") and second == "table"
            ):
                continue
            else:
                message = f"{first.upper()} in {what} is refused by CockroachDB."
            yield context.finding(RULE, statement, message, start=inside + start)
