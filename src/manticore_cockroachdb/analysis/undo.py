"""Whether an undo part takes back what a forward part did.

Each statement makes, removes or touches things, named by *marks*: ("column", "users", "age").
A thing that was made is taken back by removing it, or what it is in; one that was removed, by
making it again (its data do not come back); one that was touched, by touching it again. Names
count without their schema. Where a statement's marks cannot be told, the answer is "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Literal, NamedTuple

from ..parser import nodes as n


class Undo(StrEnum):
    """Whether the undo part takes back what a statement did, best first."""

    YES = "yes"
    WITHOUT_DATA = "without data"
    UNKNOWN = "unknown"
    NO = "no"


Way = Literal["makes", "removes", "touches", "nothing", "unknown"]
ORDER = (Undo.YES, Undo.WITHOUT_DATA, Undo.UNKNOWN, Undo.NO)


class Mark(NamedTuple):
    """A thing: its kind, the table it is in ("" for none) and its name."""

    kind: str
    table: str
    name: str


_Trace = tuple[Way, Mark]
_RELATIONS = ("table", "view", "materialized view", "sequence", "foreign table")


def trace(node: n.Node) -> Iterator[_Trace]:
    """What a statement makes, removes and touches."""
    match node:
        case n.CreateTable(name=name):
            yield "makes", Mark("relation", "", name.name)
        case n.CreateIndex(name=index, table=table):
            yield "makes", Mark("index", table.name, index or "")
        case n.CreateObject(kind=kind, name=n.QName() as name):
            yield "makes", _object(kind, name)
        case n.Drop(kind="index", names=names):
            tables = node.tables or (node.table,) * len(names)
            for name, on in zip(names, tables, strict=False):
                yield "removes", Mark("index", on.name if on else "", name.name)
        case n.Drop(kind=kind, names=names):
            for name in names:
                yield "removes", _object(kind, name)
        case n.AlterTable(name=name, actions=actions):
            for action in actions:
                yield from _action(name.name, action)
        case n.RenameObject(kind=kind, name=name, new=new):
            yield "touches", Mark(f"name of {kind}", "", _pair(name.name, new.name))
        case n.AlterType(name=name):
            yield "touches", Mark("type", "", name.name)
        case n.Comment(object_kind=kind, name=text):
            yield "touches", _comment(kind, text)
        case n.Grant(target=target) | n.Revoke(target=target):
            yield "touches", Mark("grants", "", target or "")
        case n.Dml(table=n.QName() as table):
            yield "touches", Mark("rows", table.name, "")
        case n.Truncate(names=names):
            for name in names:
                yield "removes", Mark("rows", name.name, "")
        case n.SetVar(scope="session" | "local") | n.Reset() | n.SessionCommand():
            yield "nothing", Mark("session", "", "")
        case n.TransactionControl() | n.Maintenance():
            yield "nothing", Mark("session", "", "")
        case n.Query(writes=False):
            yield "nothing", Mark("session", "", "")
        case _:
            yield "unknown", Mark("", "", "")


def _object(kind: str, name: n.QName) -> Mark:
    return Mark("relation" if kind in _RELATIONS else kind, "", name.name)


def _comment(kind: str, text: str) -> Mark:
    *above, name = [part.strip('"') for part in text.split(".")]
    if kind == "column":
        return Mark("comment on column", above[-1] if above else "", name)
    return Mark(f"comment on {kind}", name if kind in _RELATIONS else "", name)


def _owner(mark: Mark) -> Mark:
    """What takes its properties with it when it goes."""
    if mark.table and mark.kind in ("type", "default", "nullability", "comment on column"):
        return Mark("column", mark.table, mark.name)
    return Mark(mark.kind.removeprefix("comment on "), mark.table, mark.name)


def _pair(one: str, two: str) -> str:
    return " ".join(sorted((one, two)))


def _action(table: str, action: n.Action) -> Iterator[_Trace]:
    match action:
        case n.AddColumn(column=column):
            yield "makes", Mark("column", table, column.name)
        case n.DropColumn(name=name):
            yield "removes", Mark("column", table, name)
        case n.AddConstraint(constraint=constraint):
            yield "makes", Mark("constraint", table, constraint.name or "")
        case n.DropConstraint(name=name):
            yield "removes", Mark("constraint", table, name)
        case n.ValidateConstraint():
            yield "nothing", Mark("constraint", table, "")
        case n.AlterColumnType(column=column):
            yield "touches", Mark("type", table, column)
        case n.SetDefault(column=column) | n.DropDefault(column=column):
            yield "touches", Mark("default", table, column)
        case n.SetNotNull(column=column) | n.DropNotNull(column=column):
            yield "touches", Mark("nullability", table, column)
        case n.RenameColumn(old=old, new=new):
            yield "touches", Mark("name of column", table, _pair(old, new))
        case n.RenameConstraint(old=old, new=new):
            yield "touches", Mark("name of constraint", table, _pair(old, new))
        case n.RenameTo(new=new):
            yield "touches", Mark("name", "", _pair(table, new.name))
        case n.AttachPartition(partition=part) | n.DetachPartition(partition=part):
            yield "touches", Mark("partition", table, part.name)
        case n.SetSchema():
            yield "touches", Mark("schema", "", table)
        case n.AlterPrimaryKey():
            yield "touches", Mark("primary key", table, "")
        case n.SetOptions() | n.ResetOptions():
            yield "touches", Mark("options", table, "")
        case _:
            yield "touches", Mark("other", table, "")


class Undoing:
    """What an undo part does, ready to be asked."""

    def __init__(self, nodes: Iterable[n.Node] | None) -> None:
        self.there = nodes is not None
        self._made: set[Mark] = set()
        self._removed: set[Mark] = set()
        self._touched: set[Mark] = set()
        self._unknown = False
        sets = {"makes": self._made, "removes": self._removed, "touches": self._touched}
        for node in nodes or ():
            for way, mark in trace(node):
                if way in sets:
                    sets[way].add(mark)
                self._unknown |= way == "unknown"

    def of(self, node: n.Node, *, destroys: bool) -> Undo:
        """Whether one forward statement is taken back."""
        answer = worst([self._one(way, mark) for way, mark in trace(node)])
        if answer is Undo.YES and destroys:
            return Undo.WITHOUT_DATA
        return answer

    def _one(self, way: Way, mark: Mark) -> Undo:
        if way == "nothing":
            return Undo.YES
        if not self.there:
            return Undo.NO
        if Mark("relation", "", mark.table) in self._removed:
            return Undo.YES  # with the table goes whatever is in it
        if way == "touches" and _owner(mark) in self._removed:
            return Undo.YES
        perhaps = mark.kind in ("index", "constraint", "rows") and any(
            m.kind == "column" and m.table == mark.table for m in self._removed
        )  # with a column goes what is on it, but which columns these are on is not known here
        otherwise = Undo.UNKNOWN if self._unknown or perhaps else Undo.NO
        if way == "makes":
            return Undo.YES if self._finds(mark, self._removed) else otherwise
        if way == "removes":
            if mark.kind == "rows":
                rows = mark in self._touched
                return Undo.UNKNOWN if rows else otherwise
            return Undo.YES if self._finds(mark, self._made) else otherwise
        if way == "touches" and mark.kind == "rows":
            return Undo.UNKNOWN if mark in self._touched | self._removed else otherwise
        if way == "touches":
            return Undo.YES if mark in self._touched else otherwise
        return Undo.UNKNOWN

    def _finds(self, mark: Mark, among: set[Mark]) -> bool:
        if not mark.name:  # the server chose the name: any of that table will do
            return any(m.kind == mark.kind and m.table in ("", mark.table) for m in among)
        if mark.kind in ("index", "constraint"):  # DROP INDEX need not name its table
            both = ("index", "constraint")
            return any(
                m.kind in both
                and m.name == mark.name
                and (m.table == mark.table or not m.table or not mark.table)
                for m in among
            )
        return mark in among


def worst(answers: Iterable[Undo]) -> Undo:
    """The answer for several statements together."""
    return max(answers, key=ORDER.index, default=Undo.YES)
