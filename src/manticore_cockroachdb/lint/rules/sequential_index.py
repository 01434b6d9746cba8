"""An index whose first column counts upwards, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_sequential
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="sequential-index",
    cockroachdb="info",
    habit=True,
    summary="An index that begins with something that grows sends all its writes to one node.",
    help="begin the index with a column that spreads, or add USING HASH",
    problem="""
        As with a primary key, new entries of an index on `created_at DEFAULT now()` all go to its
        last range. For a table with few inserts that does no harm; with many, that range is a
        hotspot.
    """,
    solution="""
        ```sql
        CREATE INDEX orders_recent ON orders (customer_id, created_at);
        CREATE INDEX orders_created_at ON orders (created_at) USING HASH;
        ```
    """,
    ok=(
        Case(
            "CREATE INDEX ON orders (customer_id, created_at);",
            before="CREATE TABLE orders (id UUID PRIMARY KEY, customer_id UUID,"
            " created_at TIMESTAMPTZ DEFAULT now());",
        ),
        Case(
            "CREATE INDEX ON orders (created_at) USING HASH;",
            before="ALTER TABLE orders ADD COLUMN created_at TIMESTAMPTZ DEFAULT now();",
        ),
        Case("CREATE INDEX ON people (born_on);", before="CREATE TABLE people (born_on DATE);"),
        Case("CREATE INDEX ON orders (created_at);"),
    ),
    bad=(
        Case(
            "CREATE INDEX ON orders (created_at);",
            before="CREATE TABLE orders (id UUID PRIMARY KEY,"
            " created_at TIMESTAMPTZ NOT NULL DEFAULT now());",
        ),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, n SERIAL, INDEX (n));"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """An index, not hashed, whose first column is known to grow with each row."""
    for statement, create in context.on(n.CreateTable):
        columns = {column.name: column for column in create.columns}
        for index in create.indexes:
            column = columns.get(index.columns[0].name or "")
            if column is not None and not index.using_hash and is_sequential(column):
                yield context.finding(RULE, statement, _told(column), start=index.start)
    for statement, created in context.on(n.CreateIndex):
        first = created.columns[0].name
        if created.using_hash or created.inverted or created.vector or first is None:
            continue
        known = context.column(statement, created.table, first)
        if known is not None and is_sequential(known):
            start = created.columns[0].start
            yield context.finding(RULE, statement, _told(known), start=start, table=created.table)


def _told(column: n.Column) -> str:
    return (
        f"The index begins with {quote(column.name)}, which grows with every row: all its"
        " writes go to one range."
    )
