"""ADD COLUMN with a DEFAULT that differs from row to row."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import called, is_serial, is_volatile
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="add-column-volatile-default",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    summary="A default computed for each row makes the server rewrite the whole table.",
    help="add the column without a default, SET DEFAULT for new rows, fill the old ones in batches",
    problem="""
        `gen_random_uuid()`, `random()`, `clock_timestamp()`, a sequence: their value has to be
        computed and stored for each row. PostgreSQL rewrites table and indexes under an ACCESS
        EXCLUSIVE lock, so nobody reads or writes until it is done. CockroachDB does it in a
        background job with up to three times the storage. (`now()` is computed once and harmless.)
    """,
    solution="""
        ```sql
        ALTER TABLE users ADD COLUMN public_id UUID;
        ALTER TABLE users ALTER COLUMN public_id SET DEFAULT gen_random_uuid();
        -- then in batches, in a migration or a job of its own:
        UPDATE users SET public_id = gen_random_uuid() WHERE public_id IS NULL AND id < 10000;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN seen_at TIMESTAMPTZ DEFAULT now();"),
        Case(
            "ALTER TABLE users ADD COLUMN public_id UUID;\n"
            "ALTER TABLE users ALTER COLUMN public_id SET DEFAULT gen_random_uuid();"
        ),
        Case("CREATE TABLE users (id UUID PRIMARY KEY DEFAULT gen_random_uuid());"),
        Case("ALTER TABLE users ADD COLUMN hint TEXT DEFAULT 'see random()';"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN public_id UUID DEFAULT gen_random_uuid();"),
        Case("ALTER TABLE users ADD COLUMN draw FLOAT8 NOT NULL DEFAULT random() * 6;"),
        Case("ALTER TABLE users ADD COLUMN number BIGSERIAL;", target="postgresql:17"),
        Case(
            "ALTER TABLE users ADD COLUMN number INT8 GENERATED ALWAYS AS IDENTITY;",
            target="postgresql:17",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A volatile default; on PostgreSQL also whatever takes its value from a sequence."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        if context.on_cockroachdb:
            # Sequences have rules of their own there.
            volatile = is_volatile(column.default) and "nextval" not in called(column.default)
        else:
            counts = is_serial(column.type) or column.identity is not None
            volatile = is_volatile(column.default) or counts
        if volatile:
            yield context.finding(
                RULE,
                statement,
                f"{alter.name} is rewritten, because {quote(column.name)} gets another value in"
                " each row.",
                start=column.start,
                table=alter.name,
            )
