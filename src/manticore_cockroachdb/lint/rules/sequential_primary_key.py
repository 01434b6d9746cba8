"""A primary key that counts upwards, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_sequential, is_timestamp
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="sequential-primary-key",
    cockroachdb="warning",
    habit=True,
    summary="A primary key that begins with something that grows sends all new rows to one node.",
    help="use UUID PRIMARY KEY DEFAULT gen_random_uuid(), or PRIMARY KEY (…) USING HASH",
    problem="""
        CockroachDB keeps rows in the order of the primary key, cut into ranges. When each new key
        is just above the last one (SERIAL, IDENTITY, a sequence, a time), every insert goes to the
        last range, and one node does the work of the cluster: a hotspot.
    """,
    solution="""
        ```sql
        CREATE TABLE orders (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            placed_at TIMESTAMPTZ NOT NULL DEFAULT now()
        );
        ```

        Where order matters, begin with a column that spreads, or let the server spread the key:

        ```sql
        CREATE TABLE readings (
            sensor_id UUID,
            at TIMESTAMPTZ,
            PRIMARY KEY (sensor_id, at)
        );
        CREATE TABLE ticks (at TIMESTAMPTZ PRIMARY KEY USING HASH);
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY DEFAULT gen_random_uuid());"),
        Case("CREATE TABLE t (sensor_id UUID, at TIMESTAMPTZ, PRIMARY KEY (sensor_id, at));"),
        Case("CREATE TABLE t (at TIMESTAMPTZ PRIMARY KEY USING HASH);"),
        Case("CREATE TABLE t (id INT8 PRIMARY KEY);"),
        Case(
            "CREATE TABLE t (at TIMESTAMPTZ DEFAULT '1970-01-01', id UUID, PRIMARY KEY (at, id));"
        ),
    ),
    bad=(
        Case("CREATE TABLE t (id SERIAL PRIMARY KEY);"),
        Case("CREATE TABLE t (id INT8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"),
        Case("CREATE TABLE t (id INT8 DEFAULT nextval('s'), a INT8, PRIMARY KEY (id, a));"),
        Case("CREATE TABLE t (at TIMESTAMPTZ, a UUID, PRIMARY KEY (at, a));"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A primary key, not hashed, whose first column grows with each row."""
    for statement, create in context.on(n.CreateTable):
        columns = {column.name: column for column in create.columns}
        for column in create.columns:
            if column.primary_key and not column.using_hash:
                yield from _judged(context, statement, create.name, column)
        for one in create.constraints:
            if one.kind == "primary key" and one.columns and not one.using_hash:
                yield from _judged(context, statement, create.name, columns.get(one.columns[0]))
    for statement, alter, action in context.actions(n.AlterPrimaryKey):
        if not action.using_hash:
            first = context.column(statement, alter.name, action.columns[0])
            yield from _judged(context, statement, alter.name, first)


def _judged(
    context: Context, statement: Statement, table: n.QName, column: n.Column | None
) -> Iterator[Finding]:
    if column is None:
        return
    # A time that does not default to now is the application's; one like '1970-01-01' does not grow.
    time = is_timestamp(column.type) and not (column.default or "").startswith("'")
    if is_sequential(column) or time:
        inside = isinstance(statement.node, n.CreateTable)
        yield context.finding(
            RULE,
            statement,
            f"The primary key of {table} begins with {quote(column.name)}, which grows with every"
            " row: all inserts go to one range.",
            start=column.start if inside else 0,
        )
