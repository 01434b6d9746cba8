"""The tables as they will be when a statement's turn comes: the simulated catalog of plan and lint.

It starts with a `Catalog` of what a server said, which may be nothing, and takes statements one
after another. Each has a *stamp*, counted from 1, and what it changed is kept with it: so a
question can be asked as of any statement ("the type of users.age before the third ALTER"), one
value serves all statements of all files, and none sees its future.

What a statement makes is new, and empty as far as a cost goes; what it renames keeps its size and
its columns under the new name. Only what the text says is known: a table that neither server nor
file creates has no columns here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from ..parser import nodes as n

Key = tuple[str, str]
V = TypeVar("V")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A table: approximate rows and bytes (None: nobody knows), columns, constraints by name.

    ``checks`` are the definitions of CHECKs that hold for every row, as a server prints them.
    ``made`` is the stamp of the statement that made it, None for one that was there before;
    ``added`` those of the columns that ADD COLUMN made; ``renamed`` has for the columns that were
    renamed the name before.
    ``hearsay``: neither server nor statements made it, statements only speak of it. A column
    that a server told of has no more than its type and whether it is NOT NULL.
    """

    schema: str
    name: str
    rows: int | None = None
    bytes: int | None = None
    columns: Mapping[str, n.Column] = field(default_factory=dict)
    constraints: Mapping[str, n.Constraint] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    made: int | None = None
    added: Mapping[str, int] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    hearsay: bool = False

    @property
    def new(self) -> bool:
        """Whether a statement that the catalog has taken made it."""
        return self.made is not None

    @property
    def not_null(self) -> frozenset[str]:
        """The columns that hold no NULL."""
        return frozenset(name for name, column in self.columns.items() if column.not_null)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a server said: its search path, tables by schema and name, the table of each index,
    functions that differ by row."""

    path: tuple[str, ...] = ("public",)
    tables: Mapping[Key, KnownTable] = field(default_factory=dict)
    indexes: Mapping[Key, str] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Size:
    """How big a table is, as far as the server's statistics know. ``new``: a statement that was
    taken makes it."""

    table: str
    rows: int | None
    bytes: int | None
    new: bool = False


class _History(Generic[K, V]):
    """Values by key and stamp, over the first ones; None for what is gone."""

    __slots__ = ("_first", "_values")

    def __init__(self, first: Mapping[K, V]) -> None:
        self._first = first
        self._values: dict[K, list[tuple[int, V | None]]] = {}

    def put(self, key: K, stamp: int, value: V | None) -> None:
        self._values.setdefault(key, []).append((stamp, value))

    def at(self, key: K, stamp: int) -> V | None:
        """The value just before ``stamp``."""
        for when, value in reversed(self._values.get(key, ())):
            if when < stamp:
                return value
        return self._first.get(key)


@dataclass(frozen=True, slots=True)
class _Index:
    table: str
    of_constraint: bool = False


class SimulatedCatalog:
    """Filled by `take`, statement by statement; see the module. ``at`` is the stamp of the
    statement before which a question is asked, None for now."""

    def __init__(self, snapshot: Catalog | None = None) -> None:
        snapshot = snapshot or Catalog()
        self.path = snapshot.path or ("public",)
        self.volatile = snapshot.volatile
        self.stamp = 1
        """That of the next statement."""
        self._tables: _History[Key, KnownTable] = _History(snapshot.tables)
        indexes = {key: _Index(table) for key, table in snapshot.indexes.items()}
        self._indexes: _History[Key, _Index] = _History(indexes)
        self._objects: list[int] = []

    # Asking

    def key(self, name: n.QName, at: int | None = None) -> Key:
        """Schema and name that a name means."""
        if name.schema is not None:
            return name.schema, name.name
        when = self.stamp if at is None else at
        for schema in self.path:
            if self._tables.at((schema, name.name), when) is not None:
                return schema, name.name
        return self.path[0], name.name

    def table(self, name: n.QName, at: int | None = None) -> KnownTable | None:
        """What is known of a table; None when neither server nor statements have it."""
        return self._tables.at(self.key(name, at), self.stamp if at is None else at)

    def column(self, table: n.QName, name: str, at: int | None = None) -> n.Column | None:
        """A column as last defined, with its type; None where nothing says what that is."""
        found = self.table(table, at)
        column = None if found is None else found.columns.get(name)
        return None if column is None or not column.type else column

    def type_of(self, table: n.QName, name: str) -> str | None:
        """A column's type now, as file or server spells it."""
        found = self.column(table, name)
        return None if found is None else found.type

    def proof_of_not_null(
        self, table: n.QName, column: str, at: int | None = None
    ) -> Literal["column", "check"] | None:
        """What already keeps a column from being NULL: its own definition, or a valid CHECK."""
        found = self.table(table, at)
        if found is None:
            return None
        if column in found.columns and found.columns[column].not_null:
            return "column"
        proof = re.compile(rf'check \(+"?{re.escape(column)}"?\)* is not null\)+', re.IGNORECASE)
        return "check" if any(map(proof.fullmatch, found.checks)) else None

    def constraint(self, table: n.QName, name: str, at: int | None = None) -> n.Constraint | None:
        """A constraint by its name, given or the one that the server would give it."""
        found = self.table(table, at)
        return None if found is None else found.constraints.get(name)

    def size(self, name: n.QName | None) -> Size | None:
        """A table's size, None for one that is not known."""
        found = None if name is None else self.table(name)
        if name is None or found is None or found.hearsay:
            return None
        return Size(str(name), found.rows, found.bytes, found.new)

    def is_new(self, name: n.QName) -> bool:
        """Whether a statement that was taken makes the table."""
        found = self.table(name)
        return found is not None and found.new

    def table_of_index(self, name: n.QName, at: int | None = None) -> n.QName | None:
        """The table that an index is on."""
        found = self._index(name, at)
        if found is None:
            return None
        (schema, _), index = found
        return n.QName((schema, index.table) if name.schema else (index.table,))

    def is_of_constraint(self, index: n.QName, at: int | None = None) -> bool:
        """Whether an index is known to belong to a UNIQUE constraint."""
        found = self._index(index, at)
        return found is not None and found[1].of_constraint

    def _index(self, name: n.QName, at: int | None = None) -> tuple[Key, _Index] | None:
        when = self.stamp if at is None else at
        for schema in (name.schema,) if name.schema else self.path:
            found = self._indexes.at((schema, name.name), when)
            if found is not None:
                return (schema, name.name), found
        return None

    def objects(self, at: int) -> int:
        """How many tables, views, sequences, types and the like have been created."""
        return bisect_left(self._objects, at)

    # Following

    def take(self, node: n.Node) -> None:
        """Let a statement have happened."""
        match node:
            case n.CreateTable():
                self._create(node)
            case n.CreateIndex(name=str() as index, table=table):
                schema, bare = self.key(table)
                self._indexes.put((schema, index), self.stamp, _Index(bare))
            case n.CreateObject(kind=kind) if kind in _COUNTED:
                self._objects.append(self.stamp)
            case n.Drop(kind="table" | "materialized view", names=names):
                for name in names:
                    self._tables.put(self.key(name), self.stamp, None)
            case n.Drop(kind="index", names=names):
                for name in names:
                    if (found := self._index(name)) is not None:
                        self._indexes.put(found[0], self.stamp, None)
            case n.AlterTable(object="table", name=name, actions=actions):
                self._alter(self.key(name), actions)
            case _:
                pass
        self.stamp += 1

    def _create(self, node: n.CreateTable) -> None:
        if node.if_not_exists and self.table(node.name) is not None:
            return
        self._objects.append(self.stamp)
        key = (node.name.schema or self.path[0], node.name.name)
        constraints: dict[str, n.Constraint] = {}
        checks: list[str] = []
        for column in node.columns:
            for constraint in _own(column):
                self._note(key, constraints, constraint)
            if column.check is not None:
                checks.append(f"CHECK ({column.check})")
        for constraint in node.constraints:
            self._note(key, constraints, constraint)
            if constraint.kind == "check":
                checks.append(_check(constraint))
        size = None if node.as_query else 0
        table = KnownTable(
            *key,
            rows=size,
            bytes=size,
            columns={column.name: column for column in node.columns},
            constraints=constraints,
            checks=tuple(checks),
            made=self.stamp,
        )
        self._tables.put(key, self.stamp, table)

    def _note(
        self, key: Key, constraints: dict[str, n.Constraint], constraint: n.Constraint
    ) -> None:
        name = constraint.name or default_name(key[1], constraint)
        constraints[name] = constraint
        if constraint.kind == "unique" and not constraint.without_index:
            self._indexes.put((key[0], name), self.stamp, _Index(key[1], of_constraint=True))

    def _alter(self, key: Key, actions: tuple[n.Action, ...]) -> None:
        known = self._tables.at(key, self.stamp)
        table = known or KnownTable(*key, hearsay=True)
        columns, constraints = dict(table.columns), dict(table.constraints)
        checks, added = table.checks, dict(table.added)
        renamed = dict(table.renamed)
        first = key
        for action in actions:
            match action:
                case n.AddColumn(column=column):
                    columns[column.name] = column
                    added[column.name] = self.stamp
                    for constraint in _own(column):
                        self._note(key, constraints, constraint)
                case n.DropColumn(name=name):
                    columns.pop(name, None)
                    added.pop(name, None)
                case n.AlterColumnType(column=name, type=type_):
                    old = columns.get(name)
                    new = n.Column(name=name, type=type_)
                    columns[name] = new if old is None else old.replaced(type=type_)
                case n.RenameColumn(old=old_name, new=name):
                    unknown = n.Column(name=old_name, type="")
                    columns[name] = columns.pop(old_name, unknown)
                    renamed[name] = old_name
                    if old_name in added:
                        added[name] = added.pop(old_name)
                case n.SetNotNull(column=name) | n.DropNotNull(column=name) if name in columns:
                    filled = isinstance(action, n.SetNotNull)
                    columns[name] = columns[name].replaced(not_null=filled)
                case n.AddConstraint(constraint=constraint):
                    self._note(key, constraints, constraint)
                    if constraint.kind == "check" and not constraint.not_valid:
                        checks = (*checks, _check(constraint))
                case n.ValidateConstraint(name=name) if name in constraints:
                    valid = constraints[name] = constraints[name].replaced(not_valid=False)
                    if valid.kind == "check":
                        checks = (*checks, _check(valid))
                case n.DropConstraint(name=name):
                    checks = _without(checks, constraints.pop(name, None), constraints)
                case n.RenameConstraint(old=old_name, new=name) if old_name in constraints:
                    constraints[name] = constraints.pop(old_name)
                case n.RenameTo(new=target):
                    key = (key[0], target.name)
                case n.SetSchema(schema=schema):
                    key = (schema, key[1])
                case _:
                    pass
        if known is None and not columns and not constraints:
            return
        if key != first:
            self._tables.put(first, self.stamp, None)
        changed = replace(table, schema=key[0], name=key[1], columns=columns, checks=checks)
        self._tables.put(
            key, self.stamp, replace(changed, constraints=constraints, added=added, renamed=renamed)
        )


_COUNTED = ("view", "materialized view", "sequence", "type", "schema", "function", "procedure")


def _check(constraint: n.Constraint) -> str:
    return f"CHECK ({constraint.expression})"


def _without(
    checks: tuple[str, ...], dropped: n.Constraint | None, others: Mapping[str, n.Constraint]
) -> tuple[str, ...]:
    """The CHECKs that are left; one of an unknown name may be any whose name nobody told."""
    if dropped is not None:
        return tuple(one for one in checks if one != _check(dropped))
    named = {_check(one) for one in others.values()}
    return tuple(one for one in checks if one in named)


def _own(column: n.Column) -> Sequence[n.Constraint]:
    """The constraints that a column's definition holds."""
    own: list[n.Constraint] = []
    if column.primary_key:
        own.append(n.Constraint(kind="primary key", columns=(column.name,)))
    if column.unique:
        own.append(n.Constraint(kind="unique", columns=(column.name,)))
    return own


def default_name(table: str, constraint: n.Constraint) -> str:
    """The name that a server gives a constraint without one."""
    if constraint.kind == "primary key":
        return f"{table}_pkey"
    middle = "_".join(constraint.columns)
    ends = {"unique": "key", "foreign key": "fkey", "exclude": "excl", "not null": "not_null"}
    end = ends.get(constraint.kind, constraint.kind)
    return f"{table}_{middle}_{end}" if middle else f"{table}_{end}"
