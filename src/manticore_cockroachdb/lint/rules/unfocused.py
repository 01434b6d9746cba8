"""A migration that changes many unrelated tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.changes import changes, references
from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement, table_key

GROUPS = 4

RULE = Rule(
    name="unfocused",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    versioned=True,
    summary="One migration makes several changes that have nothing to do with each other.",
    help="write a migration for each change",
    problem="""
        It can only be applied, reviewed and undone as a whole; when one statement fails, all wait
        for it. Reported when four or more groups of tables change that neither foreign keys, nor a
        column of the same name, nor a word in their own names connects; nor a change of the same
        kind, such as types. A file that only creates tables is not reported.
    """,
    solution="""
        ```sh
        manticore new "add age to users" --up "ALTER TABLE users ADD COLUMN age INT8;"
        manticore new "index orders by day" --up "CREATE INDEX ON orders (day);"
        ```
    """,
    ok=(
        Case(
            "ALTER TABLE a ADD COLUMN tenant UUID; ALTER TABLE b ADD COLUMN tenant UUID;\n"
            "ALTER TABLE c ADD COLUMN tenant UUID; ALTER TABLE d ADD COLUMN tenant UUID;"
        ),
        Case("".join(f"CREATE TABLE t{i} (id UUID PRIMARY KEY);" for i in range(9))),
        Case("ALTER TABLE a ADD COLUMN x INT8; ALTER TABLE b ADD COLUMN y INT8;"),
        Case("".join(f"ALTER TABLE t{i} RENAME TO u{i};" for i in range(9))),
        Case("".join(f"ALTER TABLE t{i} ALTER COLUMN c{i} TYPE TIMESTAMPTZ;" for i in range(9))),
        Case(
            "DROP TABLE build_inputs; DROP TABLE build_outputs; DROP TABLE old_builds;\n"
            "ALTER TABLE builds ADD COLUMN x INT8;"
        ),
    ),
    bad=(
        Case(
            "ALTER TABLE users ADD COLUMN age INT8; ALTER TABLE orders ADD COLUMN note TEXT;\n"
            "ALTER TABLE plans ADD COLUMN price INT8; ALTER TABLE logs ADD COLUMN host TEXT;"
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Count the groups; one finding at the statement that makes them too many."""
    groups: list[tuple[set[str], set[str]]] = []
    existing = False
    for statement in context.file.up:
        tables, columns = _touched(statement)
        if not tables:
            continue
        columns |= {f"{word}…" for table in tables for word in _words(table)}
        existing = existing or not tables <= statement.fresh | _made(statement)
        joined = [g for g in groups if g[0] & tables or g[1] & columns]
        merged = (
            tables.union(*(g[0] for g in joined)),
            columns.union(*(g[1] for g in joined)),
        )
        groups = [g for g in groups if g not in joined] + [merged]
    if existing and len(groups) >= GROUPS:
        names = ", ".join(min(tables) for tables, _ in groups[:6])
        message = f"{len(groups)} unrelated changes in one migration: {names}."
        yield context.finding(RULE, context.file.up[0], message)


def _words(table: str) -> set[str]:
    """The words of a name that tell what it is about, without the s of many."""
    words = table.rpartition(".")[2].lower().split("_")
    return {word.removesuffix("s") for word in words if len(word) > 2}


def _made(statement: Statement) -> set[str]:
    node = statement.node
    return {table_key(node.name)} if isinstance(node, n.CreateTable) else set()


_CHANGES = (n.CreateTable, n.CreateIndex, n.AlterTable, n.Drop)


def _touched(statement: Statement) -> tuple[set[str], set[str]]:
    """The tables that a change of the schema concerns, and the columns that it names."""
    node = statement.node
    tables, columns = set[str](), set[str]()
    if not isinstance(node, _CHANGES):
        return tables, columns
    for one in changes(node):
        if one.kind == "table":
            tables.update(table_key(name) for name in (one.name, one.to) if name is not None)
        elif one.table is not None and not isinstance(node, n.Drop):
            tables.add(table_key(one.table))
        if one.way == "renames" or one.aspect in ("type", "nullability", "options"):
            columns.add(f"{one.way} {one.aspect}")  # one decision, carried out in many tables
        if one.kind == "column":
            columns.add(one.name.name)
        columns |= one.columns or set()
    tables |= {table_key(name) for name in references(node)}
    return tables, columns
