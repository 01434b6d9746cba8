"""SERIAL, IDENTITY and CREATE SEQUENCE, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.types import is_serial
from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="sequence",
    cockroachdb="warning",
    habit=True,
    summary="A counter makes every writer in the cluster wait for one row.",
    help="use UUID DEFAULT gen_random_uuid(), or keep the sequence and give it a CACHE",
    problem="""
        A sequence is one row that every `nextval` writes, so it is slow and a hotspot, and its
        numbers have gaps all the same: nextval is not rolled back. IDENTITY is a sequence. SERIAL
        is `unique_rowid()` here, or a sequence if `serial_normalization` says so: not the small
        numbers that people expect. (A key made of them is `sequential-primary-key`.)
    """,
    solution="""
        ```sql
        CREATE TABLE invoices (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            number INT8 NOT NULL UNIQUE
        );
        ```

        If people must read consecutive numbers, keep the sequence, with a cache per session:

        ```sql
        -- @allow sequence: invoice numbers are read by people
        CREATE SEQUENCE invoice_numbers CACHE 100;
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY DEFAULT gen_random_uuid());"),
        Case("DROP SEQUENCE invoice_numbers;"),
    ),
    bad=(
        Case("CREATE SEQUENCE invoice_numbers;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, number SERIAL);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY, n INT8 GENERATED ALWAYS AS IDENTITY);"),
        Case("ALTER TABLE t ADD COLUMN number SERIAL8;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Sequences and columns that count, except keys and what `add-column-sequence` refuses."""
    for statement, create in context.on(n.CreateObject):
        if create.kind == "sequence" and not create.temporary:
            message = f"Every nextval of {create.name} writes the same row."
            yield context.finding(RULE, statement, message)
    for statement, table, column in context.new_columns():
        serial = is_serial(column.type)
        identity = column.identity is not None and isinstance(statement.node, n.CreateTable)
        if (serial or identity) and not _in_key(statement.node, column):
            what = column.type if serial else "IDENTITY"
            message = f"{table}.{quote(column.name)} is {what}, a counter."
            yield context.finding(RULE, statement, message, start=column.start)


def _in_key(node: n.Node, column: n.Column) -> bool:
    if column.primary_key:
        return not column.using_hash
    return isinstance(node, n.CreateTable) and any(
        one.kind == "primary key" and one.columns[:1] == (column.name,) for one in node.constraints
    )
