"""ALTER COLUMN … SET NOT NULL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="set-not-null",
    cockroachdb="info",
    postgresql="warning",
    scales=True,
    habit=True,
    summary="SET NOT NULL reads the whole table.",
    help="ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, VALIDATE it, then SET NOT NULL",
    problem="""
        Every row is looked at. PostgreSQL does so under an ACCESS EXCLUSIVE lock: no reads and no
        writes meanwhile. CockroachDB validates in a background job and lets everybody work; there
        it is only for information. On both it fails, with SQLSTATE 23502, if a row has NULL.
    """,
    solution="""
        PostgreSQL believes a validated CHECK, and validating one lets others read and write:

        ```sql
        ALTER TABLE users ADD CONSTRAINT users_country_set CHECK (country IS NOT NULL) NOT VALID;
        ```
        ```sql
        -- in the next migration:
        ALTER TABLE users VALIDATE CONSTRAINT users_country_set;
        ALTER TABLE users ALTER COLUMN country SET NOT NULL;
        ALTER TABLE users DROP CONSTRAINT users_country_set;
        ```
    """,
    ok=(
        Case(
            "ALTER TABLE users VALIDATE CONSTRAINT users_country_set;\n"
            "ALTER TABLE users ALTER COLUMN country SET NOT NULL;",
            before="ALTER TABLE users ADD CONSTRAINT users_country_set"
            " CHECK (country IS NOT NULL) NOT VALID;",
        ),
        Case("CREATE TABLE t (a INT8); ALTER TABLE t ALTER COLUMN a SET NOT NULL;"),
    ),
    bad=(
        Case("ALTER TABLE users ALTER COLUMN country SET NOT NULL;"),
        Case("ALTER TABLE users ALTER country SET NOT NULL, ALTER city SET NOT NULL;"),
        Case(
            "ALTER TABLE users ALTER COLUMN country SET NOT NULL;",
            before="ALTER TABLE users ADD CONSTRAINT c CHECK (country IS NOT NULL) NOT VALID;",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A column that no CHECK is known to keep from being NULL."""
    for statement, alter, action in context.actions_on_existing(n.SetNotNull):
        proof = context.catalog.proof_of_not_null(alter.name, action.column, statement.stamp)
        if proof is None:
            yield context.finding(
                RULE,
                statement,
                f"Every row of {alter.name} is read to see that {quote(action.column)} is not"
                " NULL.",
                start=action.start,
                table=alter.name,
            )
