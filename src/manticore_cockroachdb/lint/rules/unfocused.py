"""A migration that changes many unrelated tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement
from ..schema import table_key

GROUPS = 4

RULE = Rule(
    name="unfocused",
    cockroachdb="warning",
    postgresql="warning",
    summary="One migration makes several changes that have nothing to do with each other.",
    help="write a migration for each change",
    problem="""
        It can only be applied, reviewed and undone as a whole; when one statement fails, all wait
        for it. Reported when four or more groups of tables change that neither foreign keys nor a
        column of the same name connect. A file that only creates tables is not reported.
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


def _made(statement: Statement) -> set[str]:
    node = statement.node
    return {table_key(node.name)} if isinstance(node, n.CreateTable) else set()


def _touched(statement: Statement) -> tuple[set[str], set[str]]:
    """The tables that a change of the schema concerns, and the columns that it names."""
    match statement.node:
        case n.CreateTable() as create:
            parts: tuple[n.Column | n.Constraint, ...] = (*create.columns, *create.constraints)
            keys = [key for part in parts if (key := part.references)]
            return {table_key(create.name), *map(table_key, keys)}, set()
        case n.CreateIndex() as index:
            return {table_key(index.table)}, {c.name for c in index.columns if c.name}
        case n.AlterTable(object="table") as alter:
            tables, columns = {table_key(alter.name)}, set[str]()
            for action in alter.actions:
                match action:
                    case n.AddColumn(column=column):
                        columns.add(column.name)
                        if column.references:
                            tables.add(table_key(column.references))
                    case n.AddConstraint(constraint=one):
                        columns.update(one.columns)
                        if one.references:
                            tables.add(table_key(one.references))
                    case n.RenameTo(new=new):
                        tables.add(table_key(new))
                        columns.add("renamed")
                    case n.RenameColumn(old=old):
                        columns |= {old, "renamed"}
                    case n.DropColumn(name=name):
                        columns.add(name)
                    case n.AlterColumnType(column=name) | n.SetDefault(column=name):
                        columns.add(name)
                    case n.SetNotNull(column=name) | n.DropNotNull(column=name):
                        columns.add(name)
                    case _:
                        pass
            return tables, columns
        case n.Drop(kind="table", names=names):
            return {table_key(name) for name in names}, set()
        case _:
            return set(), set()
