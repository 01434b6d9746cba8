"""What a part of a migration makes, removes and changes: to hold the undo part against the other.

A thing is a tuple: its kind, then what names it, ``("column", "users", "age")``. A rename removes
one thing and makes another, so it needs no case of its own. What a part both makes and removes
cancels out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..parser import nodes as n
from .read import Statement, into_table
from .schema import table_key

Thing: TypeAlias = tuple[str, ...]

# Statements whose effect is not in their text.
_OPAQUE = (n.Do, n.Call, n.Unparsed)
_ON_TABLES = ("trigger", "policy", "rule")


@dataclass(slots=True)
class Effects:
    """Of one part. ``columns`` and ``tables`` are what an index or a constraint is over and on;
    ``emptied`` are tables that lose all rows.

    ``clear``: every statement says what it does.
    """

    made: dict[Thing, Statement] = field(default_factory=dict)
    gone: dict[Thing, Statement] = field(default_factory=dict)
    changed: dict[Thing, Statement] = field(default_factory=dict)
    columns: dict[Thing, frozenset[str]] = field(default_factory=dict)
    tables: dict[Thing, str] = field(default_factory=dict)
    emptied: dict[str, Statement] = field(default_factory=dict)
    clear: bool = True

    def make(self, thing: Thing, statement: Statement) -> None:
        """Note a thing made, unless it takes the place of one that was removed."""
        if self.gone.pop(thing, None) is None:
            self.made[thing] = statement
        else:
            self.changed[thing] = statement

    def remove(self, thing: Thing, statement: Statement) -> None:
        """Note a thing removed, unless this part made it."""
        if self.made.pop(thing, None) is None:
            self.gone[thing] = statement


def effects(statements: Iterable[Statement]) -> Effects:
    """What these statements do, taken together."""
    found = Effects()
    for statement in statements:
        node = statement.node
        if isinstance(node, _OPAQUE):
            found.clear = False
        match node:
            case n.CreateTable():
                thing = ("table", table_key(node.name))
                found.make(thing, statement)
                for parent in (node.partition_of, *node.inherits):
                    if parent is not None:
                        found.tables[thing] = table_key(parent)
            case n.Query(into=True):
                for table in into_table(statement.sql):
                    found.make(("table", table), statement)
            case n.Query(functions=functions) if functions:
                found.clear = False
            case n.CreateIndex():
                thing = ("index", node.name or "")
                found.make(thing, statement)
                found.columns[thing] = frozenset(column.name or "" for column in node.columns)
                found.tables[thing] = table_key(node.table)
            case n.CreateObject(name=n.QName() as name):
                found.make(_object(node.kind, name, node.table), statement)
            case n.AlterTable():
                for action in node.actions:
                    _alter(found, node, action, statement)
            case n.AlterType(action="rename value"):
                found.changed["enum", table_key(node.name)] = statement
            case n.RenameObject() if node.kind != "index" or node.table is not None:
                found.remove(_object(node.kind, node.name, node.table), statement)
                found.make(_object(node.kind, node.new, node.table), statement)
            case n.Drop():
                for name in node.names:
                    on = node.table if node.kind in _ON_TABLES else None
                    found.remove(_object(node.kind, name, on), statement)
            case n.Truncate():
                for name in node.names:
                    found.emptied[table_key(name)] = statement
            case n.Dml(table=n.QName() as name):
                _rows(found, node, table_key(name), statement)
            case _:
                pass
    return found


def _object(kind: str, name: n.QName, table: n.QName | None) -> Thing:
    if kind in _ON_TABLES and table is not None:
        return (kind, table_key(table), name.name)
    if kind == "index":
        return (kind, name.name)
    kind = {"materialized view": "view", "procedure": "function", "user": "role"}.get(kind, kind)
    return (kind, table_key(name))


def _rows(found: Effects, node: n.Dml, table: str, statement: Statement) -> None:
    if node.verb in ("INSERT", "UPSERT") and node.rows is not None:
        found.changed["rows", table] = statement
    elif node.verb in ("UPDATE", "DELETE", "MERGE"):
        found.changed["rows changed", table] = statement
        if node.verb == "DELETE" and not node.has_where and not node.has_limit:
            found.emptied[table] = statement


def _alter(found: Effects, alter: n.AlterTable, action: n.Action, statement: Statement) -> None:
    table = table_key(alter.name)
    match action:
        case n.RenameTo(new=new):
            kind = "table" if alter.object == "foreign table" else alter.object
            name = n.QName((*alter.name.parts[:-1], new.name))
            found.remove(_object(kind, alter.name, None), statement)
            found.make(_object(kind, name, None), statement)
        case n.AddColumn(column=column):
            found.make(("column", table, column.name), statement)
        case n.DropColumn(name=name):
            found.remove(("column", table, name), statement)
        case n.RenameColumn(old=old, new=renamed):
            found.remove(("column", table, old), statement)
            found.make(("column", table, renamed), statement)
        case n.AddConstraint(constraint=constraint):
            thing = ("constraint", table, constraint.name or "")
            found.make(thing, statement)
            found.columns[thing] = frozenset(constraint.columns)
            found.tables[thing] = table
        case n.DropConstraint(name=name):
            found.remove(("constraint", table, name), statement)
        case n.RenameConstraint(old=old, new=renamed):
            found.remove(("constraint", table, old), statement)
            found.make(("constraint", table, renamed), statement)
        case n.SetNotNull(column=name) | n.DropNotNull(column=name):
            found.changed["null", table, name] = statement
        case n.SetDefault(column=name) | n.DropDefault(column=name):
            found.changed["default", table, name] = statement
        case n.AlterColumnType(column=name):
            found.changed["type", table, name] = statement
        case n.SetSchema():
            found.changed["schema of", table] = statement
        case _:
            pass


# Is it taken back?


def undone(thing: Thing, up: Effects, down: Effects) -> bool:
    """Whether ``down`` removes what ``up`` makes, by itself or with what it belongs to."""
    kind, *names = thing
    if thing in down.gone or thing in down.changed or ("table", names[0]) in down.gone:
        return True
    schema = names[0].rpartition(".")[0]
    if schema and ("schema", schema) in down.gone:
        return True
    table = up.tables.get(thing)
    if table is not None:  # an index, a constraint or a partition
        if ("table", table) in down.gone or (kind != "table" and ("table", table) in up.made):
            return True
        if any(("column", table, column) in down.gone for column in up.columns.get(thing, ())):
            return True
        same = ("index", names[-1]) in down.gone or ("constraint", table, names[-1]) in down.gone
        unnamed = not names[-1] and any(other[0] in ("index", "constraint") for other in down.gone)
        return same or unnamed
    return False


def restored(thing: Thing, down: Effects) -> bool:
    """Whether ``down`` makes what the forward part removes."""
    kind, *names = thing
    if thing in down.made or thing in down.changed or ("table", names[0]) in down.made:
        return True
    if kind in ("index", "constraint"):
        return any(other[0] in ("index", "constraint") for other in down.made)
    return kind in ("trigger", "policy", "rule", "role", "extension")


def changed_back(thing: Thing, up: Effects, down: Effects) -> bool:
    """Whether ``down`` changes, or removes, what ``up`` changes."""
    kind, table, *rest = thing
    removed = ("table", table) in down.gone or ("table", table) in up.made
    if removed or ("table", table) in up.gone or thing in up.gone:
        return True
    if kind == "rows":
        return ("rows changed", table) in down.changed or table in down.emptied
    if kind not in ("null", "default", "type", "enum", "schema of"):
        return True
    column = ("column", table, *rest)
    return thing in down.changed or column in down.gone or column in up.made
