"""ADD COLUMN with a DEFAULT that CockroachDB writes into every row."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_volatile
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts

RULE = Rule(
    name="add-column-default",
    cockroachdb="info",
    scales=True,
    habit=True,
    summary="Adding a column with a default writes every row of the table.",
    help="for a large table run it off-peak, with room for the table's size again",
    problem="""
        CockroachDB fills the column for every row in a background job. The table stays usable, but
        the job reads and writes all of it, needs up to three times its storage, and competes with
        the application. A small table does not mind, so this is for information; `--url` makes it
        a warning where the table is large.
    """,
    solution="""
        Add the column without a default, set the default for new rows, and fill the old ones in
        batches:

        ```sql
        ALTER TABLE users ADD COLUMN plan TEXT;
        ALTER TABLE users ALTER COLUMN plan SET DEFAULT 'free';
        -- in batches, for example from the application:
        UPDATE users SET plan = 'free' WHERE plan IS NULL LIMIT 1000;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT;"),
        Case("ALTER TABLE users ADD COLUMN plan TEXT DEFAULT NULL;"),
        Case("CREATE TABLE t (a INT8); ALTER TABLE t ADD COLUMN plan TEXT DEFAULT 'free';"),
        Case(
            "ALTER TABLE users ADD COLUMN plan TEXT DEFAULT 'free';",
            facts=ServerFacts(tables={"users": 12}),
        ),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN plan TEXT DEFAULT 'free';"),
        Case("ALTER TABLE users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A default that is the same for all rows; `add-column-volatile-default` has the others."""
    for statement, alter, action in context.actions_on_existing(n.AddColumn):
        column = action.column
        default = column.default
        if default is None or default.lower() == "null" or is_volatile(default):
            continue
        yield context.finding(
            RULE,
            statement,
            f"Every row of {alter.name} is written to fill {quote(column.name)}.",
            start=column.start,
            table=alter.name,
        )
