"""What a statement does to which things, decoded once for everybody who asks.

A *thing* is what a name stands for: a table, a column of it, an index, a type. A statement makes,
removes, renames or alters things, empties tables or writes their rows; `changes` says so, one
`Change` each, in the order of the statement's text. Who wants to know more (what that costs,
whether a transaction covers it, how it is seen in the catalog) asks `costs`, `transactions` and
`catalog_probe`, which are about engines; nothing here is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..parser import nodes as n
from ..parser.lex import Unterminated, tokens

Way = Literal["makes", "removes", "renames", "alters", "empties", "adds rows", "changes rows"]
Aspect = Literal[
    "",
    "type",
    "default",
    "nullability",
    "label",
    "values",
    "schema",
    "options",
    "partition",
    "primary key",
    "comment",
    "grants",
    "definition",
    "other",
]

RELATIONS = ("table", "view", "materialized view", "sequence", "foreign table")
ON_TABLES = ("trigger", "policy", "rule")


class Change(NamedTuple):
    """One thing that a statement does.

    ``kind`` in lower case, as in CREATE; ``name`` the thing's own (for a column, an index or
    whatever else is on a table without the table), "" where the server chooses it. ``table`` is
    what it is on, if that is named. ``to`` is the new name of "renames". ``aspect`` is what
    "alters" changes. ``columns`` are those that an index or a constraint is over (and whatever
    words its WHERE holds), None where its text does not say. ``parents`` are the tables that a
    new one is a partition of or inherits from, and goes with. ``replaces``: CREATE OR REPLACE.
    ``cascades``: what depends on it goes too.
    """

    way: Way
    kind: str
    name: n.QName
    table: n.QName | None = None
    to: n.QName | None = None
    aspect: Aspect = ""
    columns: frozenset[str] | None = None
    parents: tuple[n.QName, ...] = ()
    replaces: bool = False
    cascades: bool = False


def changes(node: n.Node, sql: str = "") -> Iterator[Change]:
    """What a statement does, as far as its text says; see `is_opaque` for whether that is all.

    ``sql`` is only read for the table of SELECT … INTO.
    """
    match node:
        case n.CreateTable(name=name):
            parents = (node.partition_of, *node.inherits) if node.partition_of else node.inherits
            yield Change("makes", "table", name, parents=parents)
        case n.CreateIndex(name=index, table=table):
            columns = frozenset(c.name or c.expression for c in node.columns)
            columns |= frozenset(re.findall(r"[a-z_][a-z0-9_]*", (node.where or "").lower()))
            yield Change("makes", "index", n.QName((index or "",)), table, columns=columns)
        case n.CreateObject(kind=kind, name=n.QName() as name):
            yield Change("makes", _kind(kind), name, node.table, replaces=node.or_replace)
        case n.AlterTable(name=name, actions=actions):
            for action in actions:
                yield from _action(node, name, action)
        case n.AlterType(name=name, action=action):
            aspect: Aspect = "label" if action == "rename value" else "values"
            yield Change("alters", "type", name, aspect=aspect)
        case n.RenameObject(kind=kind, name=name, new=new, table=table):
            yield Change("renames", _kind(kind), name, table, to=_beside(name, new))
        case n.Drop(kind=kind, names=names):
            tables = node.tables or (node.table,) * len(names)
            if len(tables) != len(names):  # some have none, and it is not known which
                tables = (None,) * len(names)
            for name, on in zip(names, tables, strict=True):
                yield Change("removes", _kind(kind), name, on, cascades=node.cascade)
        case n.Truncate(names=names):
            for name in names:
                yield Change("empties", "table", name)
        case n.Dml(table=n.QName() as table) if not node.to:
            yield _rows(node, table)
        case n.Query(into=True):
            for name in into_table(sql):
                yield Change("makes", "table", name)
        case n.Comment(object_kind=kind, name=text):
            yield _comment(kind, text)
        case n.Grant(target=target) | n.Revoke(target=target):
            yield _grant(target or "")
        case _:
            return


def _kind(kind: str) -> str:
    return {"procedure": "function", "routine": "function", "user": "role"}.get(kind, kind)


def _beside(old: n.QName, new: n.QName) -> n.QName:
    """A new name, in the schema of the old one unless it says another."""
    return new if len(new.parts) > 1 else n.QName((*old.parts[:-1], new.name))


def _rows(node: n.Dml, table: n.QName) -> Change:
    if node.verb in ("INSERT", "UPSERT", "COPY"):
        return Change("adds rows", "table", table)
    if node.verb == "DELETE" and not node.has_where and not node.has_limit:
        return Change("empties", "table", table)
    return Change("changes rows", "table", table)


def _grant(target: str) -> Change:
    """Rights on one table are an aspect of it; any others are a thing of their own."""
    one = target[6:] if target[:6].upper() == "TABLE " else target
    parts = tuple(part.strip('"') for part in one.split("."))
    if all(part.replace("_", "").isalnum() for part in parts):
        return Change("alters", "table", n.QName(parts), aspect="grants")
    return Change("alters", "grants", n.QName((target,)), aspect="grants")


def _comment(kind: str, text: str) -> Change:
    *above, name = [part.strip('"') for part in text.split(".")]
    if kind == "column" and above:
        on = n.QName(tuple(above))
        return Change("alters", "column", n.QName((name,)), on, aspect="comment")
    return Change("alters", _kind(kind), n.QName((*above, name)), aspect="comment")


def _action(node: n.AlterTable, table: n.QName, action: n.Action) -> Iterator[Change]:
    def one(way: Way, kind: str, name: str, **more: object) -> Change:
        return Change(way, kind, n.QName((name,)), table, **more)  # type: ignore[arg-type]

    match action:
        case n.AddColumn(column=column):
            yield one("makes", "column", column.name)
        case n.DropColumn(name=name):
            yield one("removes", "column", name)
        case n.RenameColumn(old=old, new=new):
            yield one("renames", "column", old, to=n.QName((new,)))
        case n.AlterColumnType(column=name):
            yield one("alters", "column", name, aspect="type")
        case n.SetDefault(column=name) | n.DropDefault(column=name):
            yield one("alters", "column", name, aspect="default")
        case n.SetNotNull(column=name) | n.DropNotNull(column=name):
            yield one("alters", "column", name, aspect="nullability")
        case n.AddConstraint(constraint=constraint):
            # A CHECK names its columns in an expression, which is not read.
            over = frozenset(constraint.columns) or None
            yield one("makes", "constraint", constraint.name or "", columns=over)
        case n.DropConstraint(name=name):
            yield one("removes", "constraint", name)
        case n.RenameConstraint(old=old, new=new):
            yield one("renames", "constraint", old, to=n.QName((new,)))
        case n.ValidateConstraint():
            return  # nothing that anybody would take back
        case n.RenameTo(new=to) if node.index is not None:
            yield one("renames", "index", node.index, to=to)
        case n.RenameTo(new=to):
            yield Change("renames", node.object, table, to=_beside(table, to))
        case n.SetSchema():
            yield Change("alters", node.object, table, aspect="schema")
        case n.AttachPartition() | n.DetachPartition():
            yield Change("alters", node.object, table, aspect="partition")
        case n.AlterPrimaryKey():
            yield Change("alters", node.object, table, aspect="primary key")
        case n.SetOptions() | n.ResetOptions():
            yield Change("alters", node.object, table, aspect="options")
        case _:
            yield Change("alters", node.object, table, aspect="other")


# Functions that change nothing that lasts.
_HARMLESS = frozenset(
    (
        *("set_config", "current_setting", "pg_sleep", "now", "count", "sum", "min", "max", "avg"),
        *("coalesce", "length", "lower", "upper", "array_agg", "string_agg", "exists", "version"),
    )
)


def is_opaque(node: n.Node) -> bool:
    """Whether a statement may do something to the schema or the rows that `changes` cannot see."""
    match node:
        case (
            n.CreateTable()
            | n.CreateIndex()
            | n.AlterTable()
            | n.AlterType()
            | n.RenameObject()
            | n.Drop()
            | n.Truncate()
            | n.Comment()
            | n.Grant()
            | n.Revoke()
            | n.TransactionControl()
            | n.Maintenance()
            | n.Reset()
            | n.SessionCommand()
        ):
            return False
        case n.CreateObject(name=name):
            return name is None
        case n.Dml():
            return node.writes_more or node.table is None
        case n.SetVar(scope=scope):
            return scope not in ("session", "local")
        case n.Query():
            return node.writes or bool(node.functions - _HARMLESS)
        case _:
            return True


def into_table(sql: str) -> Iterator[n.QName]:
    """The table that SELECT … INTO makes."""
    try:
        found = tokens(sql)
    except Unterminated:
        return
    at = next((i for i, t in enumerate(found) if t.kind == "word" and t.value == "into"), None)
    if at is None:
        return
    names = found[at + 1 :]
    while names and names[0].value in ("temporary", "temp", "unlogged", "table"):
        names.pop(0)
    parts: list[str] = []
    while names and names[0].kind in ("word", "quoted"):
        parts.append(names.pop(0).value)
        if not names or names.pop(0).value != ".":
            break
    if parts:
        yield n.QName(tuple(parts))


_MAINTAINED = ("VACUUM", "ANALYZE", "CLUSTER", "REFRESH MATERIALIZED VIEW", "IMPORT")


def tables_of(node: n.Node) -> tuple[n.QName, ...]:
    """The tables that ``node`` creates, changes, fills, maintains or drops, as it names them.

    Views and sequences count as tables. An index that is not named with its table, as in
    PostgreSQL's DROP INDEX, gives none.
    """
    match node:
        case n.Maintenance(name=n.QName() as name) if node.verb in _MAINTAINED:
            return (name,)
        case n.AlterTable(name=name):  # whatever its actions are
            return () if node.object == "index" and node.index is None else (name,)
        case n.Comment() | n.Grant() | n.Revoke() | n.Query():
            return ()
        case _:
            found = [
                one.table or one.name
                for one in changes(node)
                if one.table is not None or one.kind in RELATIONS
            ]
            return tuple(dict.fromkeys(found))


def references(node: n.Node) -> tuple[n.QName, ...]:
    """The tables that foreign keys of a statement's new columns and constraints refer to."""
    parts: list[n.Column | n.Constraint] = []
    match node:
        case n.CreateTable():
            parts += (*node.columns, *node.constraints)
        case n.AlterTable(object="table", actions=actions):
            for action in actions:
                if isinstance(action, n.AddColumn):
                    parts.append(action.column)
                elif isinstance(action, n.AddConstraint):
                    parts.append(action.constraint)
        case _:
            pass
    return tuple(part.references for part in parts if part.references is not None)
