"""What migrations have made so far: columns, constraints and indexes, each by when.

Every statement of every forward part has a stamp, and `Schema` remembers what each one changed.
A question is asked as of a stamp, so one value serves all statements and none sees its future.
Only what the text says is known: a table that no file creates has no columns here.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Generic, TypeVar

from ..parser import nodes as n

V = TypeVar("V")
K = TypeVar("K")


def table_key(name: n.QName) -> str:
    """A table's name as it is compared: with its schema, unless that is public."""
    return name.name if name.schema in (None, "public") else f"{name.schema}.{name.name}"


class _History(Generic[K, V]):
    """Values by key and stamp; None for what is gone."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[K, list[tuple[int, V | None]]] = {}

    def put(self, key: K, stamp: int, value: V | None) -> None:
        self._values.setdefault(key, []).append((stamp, value))

    def at(self, key: K, stamp: int) -> V | None:
        """The value just before ``stamp``."""
        for when, value in reversed(self._values.get(key, ())):
            if when < stamp:
                return value
        return None


class Schema:
    """Filled by `take`, statement by statement; see the module."""

    __slots__ = ("_columns", "_constraints", "_indexes", "_objects", "_of_table")

    def __init__(self) -> None:
        self._columns: _History[tuple[str, str], n.Column] = _History()
        self._constraints: _History[tuple[str, str], n.Constraint] = _History()
        self._indexes: _History[str, bool] = _History()
        self._of_table: dict[str, set[str]] = {}
        self._objects: list[int] = []

    # Asking

    def column(self, table: str, name: str, stamp: int) -> n.Column | None:
        """A column as last defined."""
        return self._columns.at((table, name), stamp)

    def constraint(self, table: str, name: str, stamp: int) -> n.Constraint | None:
        """A constraint by its name, given or the one that the server would give it."""
        return self._constraints.at((table, name), stamp)

    def constraints(self, table: str, stamp: int) -> list[n.Constraint]:
        """The constraints of a table."""
        names = sorted(self._of_table.get(table, ()))
        found = (self._constraints.at((table, name), stamp) for name in names)
        return [constraint for constraint in found if constraint is not None]

    def is_unique_constraint(self, index: str, stamp: int) -> bool:
        """Whether an index of this name is known to belong to a UNIQUE constraint."""
        return bool(self._indexes.at(index, stamp))

    def objects(self, stamp: int) -> int:
        """How many tables, views, sequences, types and the like have been created."""
        return bisect_left(self._objects, stamp)

    # Filling

    def take(self, node: n.Node, stamp: int) -> None:
        """Note what a statement changes."""
        match node:
            case n.CreateTable():
                self._create(node, stamp)
            case n.AlterTable(object="table"):
                table = table_key(node.name)
                for action in node.actions:
                    table = self._alter(table, action, stamp)
            case n.CreateObject() if node.kind in _COUNTED:
                self._objects.append(stamp)
            case n.CreateIndex(name=str() as name):
                self._indexes.put(name, stamp, False)
            case _:
                pass

    def _create(self, node: n.CreateTable, stamp: int) -> None:
        table = table_key(node.name)
        self._objects.append(stamp)
        for column in node.columns:
            self._column(table, column, stamp)
        for constraint in node.constraints:
            self._constraint(table, constraint, stamp)

    def _column(self, table: str, column: n.Column, stamp: int) -> None:
        self._columns.put((table, column.name), stamp, column)
        own: list[n.Constraint] = []
        if column.primary_key:
            own.append(n.Constraint(kind="primary key", columns=(column.name,)))
        if column.unique:
            own.append(n.Constraint(kind="unique", columns=(column.name,)))
        for constraint in own:
            self._constraint(table, constraint, stamp)

    def _constraint(self, table: str, constraint: n.Constraint, stamp: int) -> None:
        name = constraint.name or default_name(table, constraint)
        self._constraints.put((table, name), stamp, constraint)
        self._of_table.setdefault(table, set()).add(name)
        if constraint.kind == "unique" and not constraint.without_index:
            self._indexes.put(name, stamp, True)

    def _alter(self, table: str, action: n.Action, stamp: int) -> str:
        """Note one action; the table's name after it."""
        match action:
            case n.AddColumn(column=column):
                self._column(table, column, stamp)
            case n.DropColumn(name=name):
                self._columns.put((table, name), stamp, None)
            case n.AlterColumnType(column=name, type=type_):
                self._columns.put((table, name), stamp, n.Column(name=name, type=type_))
            case n.AddConstraint(constraint=constraint):
                self._constraint(table, constraint, stamp)
            case n.ValidateConstraint(name=name):
                if (old := self._constraints.at((table, name), stamp)) is not None:
                    self._constraints.put((table, name), stamp, old.replaced(not_valid=False))
            case n.DropConstraint(name=name):
                self._constraints.put((table, name), stamp, None)
            case n.RenameColumn(old=name, new=new):
                self._columns.put((table, new), stamp, self._columns.at((table, name), stamp))
                self._columns.put((table, name), stamp, None)
            case n.RenameTo(new=target):
                for column_table, name in list(self._columns._values):
                    if column_table == table:
                        moved = self._columns.at((table, name), stamp)
                        self._columns.put((table_key(target), name), stamp, moved)
                return table_key(target)
            case _:
                pass
        return table


_COUNTED = ("view", "materialized view", "sequence", "type", "schema", "function", "procedure")


def default_name(table: str, constraint: n.Constraint) -> str:
    """The name that a server gives a constraint without one."""
    bare = table.rpartition(".")[2]
    if constraint.kind == "primary key":
        return f"{bare}_pkey"
    middle = "_".join(constraint.columns)
    ends = {"unique": "key", "foreign key": "fkey", "exclude": "excl", "not null": "not_null"}
    end = ends.get(constraint.kind, constraint.kind)
    return f"{bare}_{middle}_{end}" if middle else f"{bare}_{end}"
