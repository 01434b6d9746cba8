"""The tables as they will be when a statement's turn comes.

Statements are taken one after another. What one of them made is new, and empty as far as a cost
goes; what it renamed keeps its size and its columns under the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..parser import nodes as n

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: approximate rows and bytes (None: nobody knows), columns with their types."""

    schema: str
    name: str
    rows: int | None = None
    bytes: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    not_null: frozenset[str] = frozenset()
    checks: tuple[str, ...] = ()
    new: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Tables by schema and name, the table of each index, functions that differ by row."""

    path: tuple[str, ...] = ("public",)
    tables: Mapping[tuple[str, str], TableFacts] = field(default_factory=dict)
    indexes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Size:
    """How big a table is, as far as the server's statistics know. ``new``: this plan makes it."""

    table: str
    rows: int | None
    bytes: int | None
    new: bool = False


class World:
    """Starts with what the server said, and follows the plan."""

    def __init__(self, facts: Facts) -> None:
        self._path = facts.path or ("public",)
        self._tables: dict[Key, TableFacts] = dict(facts.tables)
        self._indexes: dict[Key, str] = dict(facts.indexes)
        self.volatile = facts.volatile

    # Asking

    def key(self, name: n.QName) -> Key:
        """Schema and name that a name means now."""
        if name.schema is not None:
            return name.schema, name.name
        for schema in self._path:
            if (schema, name.name) in self._tables:
                return schema, name.name
        return self._path[0], name.name

    def table(self, name: n.QName) -> TableFacts | None:
        """What is known of a table; None when neither server nor plan has it."""
        return self._tables.get(self.key(name))

    def size(self, name: n.QName | None) -> Size | None:
        """A table's size, None for one that is not known."""
        found = None if name is None else self.table(name)
        if name is None or found is None:
            return None
        return Size(str(name), found.rows, found.bytes, found.new)

    def is_new(self, name: n.QName) -> bool:
        """Whether this plan makes the table."""
        found = self.table(name)
        return found is not None and found.new

    def type_of(self, table: n.QName, column: str) -> str | None:
        """A column's type."""
        found = self.table(table)
        return None if found is None else found.columns.get(column)

    def table_of_index(self, name: n.QName) -> n.QName | None:
        """The table that an index is on."""
        for schema in (name.schema,) if name.schema else self._path:
            if table := self._indexes.get((schema, name.name)):
                return n.QName((schema, table) if name.schema else (table,))
        return None

    # Following

    def take(self, node: n.Node) -> None:
        """Let a statement have happened."""
        match node:
            case n.CreateTable(name=name):
                if node.if_not_exists and self.table(name) is not None:
                    return
                key = (name.schema or self._path[0], name.name)
                self._tables[key] = TableFacts(
                    *key,
                    rows=None if node.as_query else 0,
                    bytes=None if node.as_query else 0,
                    columns={c.name: c.type for c in node.columns},
                    not_null=frozenset(c.name for c in node.columns if c.not_null),
                    new=True,
                )
            case n.CreateIndex(name=str() as index, table=table):
                schema, bare = self.key(table)
                self._indexes[schema, index] = bare
            case n.Drop(kind="table" | "materialized view", names=names):
                for name in names:
                    self._tables.pop(self.key(name), None)
            case n.AlterTable(object="table", name=name, actions=actions):
                key = self.key(name)
                for action in actions:
                    key = self._alter(key, action)
            case _:
                pass

    def _alter(self, key: Key, action: n.Action) -> Key:
        table = self._tables.get(key)
        if table is None:
            return key
        columns = dict(table.columns)
        match action:
            case n.AddColumn(column=column):
                columns[column.name] = column.type
                if column.not_null:
                    table = replace(table, not_null=table.not_null | {column.name})
            case n.DropColumn(name=name):
                columns.pop(name, None)
            case n.AlterColumnType(column=name, type=type_):
                columns[name] = type_
            case n.RenameColumn(old=old, new=new) if old in columns:
                columns[new] = columns.pop(old)
            case n.SetNotNull(column=name):
                table = replace(table, not_null=table.not_null | {name})
            case n.DropNotNull(column=name):
                table = replace(table, not_null=table.not_null - {name})
            case n.AddConstraint(constraint=c) if c.kind == "check" and not c.not_valid:
                table = replace(table, checks=(*table.checks, f"CHECK ({c.expression})"))
            case n.RenameTo(new=target):
                del self._tables[key]
                key = (key[0], target.name)
            case n.SetSchema(schema=schema):
                del self._tables[key]
                key = (schema, key[1])
            case _:
                pass
        self._tables[key] = replace(table, schema=key[0], name=key[1], columns=columns)
        return key
