"""ALTER TABLE and its actions, and the same for indexes, views and sequences."""

from __future__ import annotations

from .alter_column import alter_column
from .column import column_definition
from .constraint import CONSTRAINT_STARTS, table_constraint
from .create_table import locality, partition_bounds
from .cursor import Cursor
from .index import hash_buckets, index_columns, index_tail
from .nodes import (
    Action,
    AddColumn,
    AddConstraint,
    AlteredKind,
    AlterObject,
    AlterPrimaryKey,
    AlterTable,
    AttachPartition,
    Constraint,
    DetachPartition,
    DropColumn,
    DropConstraint,
    Node,
    OtherAction,
    RenameColumn,
    RenameConstraint,
    RenameObject,
    RenameTo,
    ResetOptions,
    SetLocality,
    SetOptions,
    SetSchema,
    ValidateConstraint,
)
from .words import words

# First words of actions that are known and kept as text, up to the next comma …
_OTHER = words("cluster disable enable force inherit no not of options owner replica")
# … or to the end, because commas are part of them.
_REST = words(
    """
    as cache configure cycle depends experimental_audit experimental_relocate increment inject
    invisible maxvalue minvalue owned partition per relocate restart scatter sequence split start
    unsplit visibility visible
    """
)


def alter_table(c: Cursor, kind: AlteredKind) -> Node:
    """After ``ALTER TABLE`` and the like."""
    if c.accept("all", "in", "tablespace"):
        return AlterObject(
            verb=f"ALTER {kind.upper()}",
            kind=kind,
            name=None,
            action=f"ALL IN TABLESPACE {c.rest()}",
        )
    if_exists = c.if_exists()
    only = c.accept("only")
    name = c.qname()
    c.accept("*")
    index = c.label() if c.accept("@") else None
    if index is not None and kind == "index" and c.accept("rename", "to"):
        return RenameObject(
            verb="ALTER INDEX",
            kind="index",
            table=name,
            name=type(name)((index,)),
            new=c.qname(),
            if_exists=if_exists,
        )
    actions = [_action(c, kind)]
    while c.accept(","):
        actions.append(_action(c, kind))
    return AlterTable(
        verb=f"ALTER {kind.upper()}",
        object=kind,
        name=name,
        index=index,
        if_exists=if_exists,
        only=only,
        actions=tuple(actions),
        functions=c.functions(),
    )


def _action(c: Cursor, kind: AlteredKind) -> Action:
    start = c.start
    first = c.i
    match c.accept_any(("add", "drop", "alter", "rename", "set", "validate", "reset")):
        case "add":
            return _add(c, start)
        case "drop":
            return _drop(c, start)
        case "alter":
            return _alter(c, start)
        case "rename":
            return _rename(c, start)
        case "set":
            return _set(c, start)
        case "validate":
            c.expect("constraint")
            return ValidateConstraint(name=c.name(), start=start)
        case "reset":
            return ResetOptions(names=tuple(n for n, _ in c.options()), start=start)
    if c.accept("attach", "partition"):
        partition = c.qname()
        bounds = c.i
        if c.key or kind != "index":
            partition_bounds(c)
        return AttachPartition(partition=partition, bounds=c.between(bounds, c.i), start=start)
    if c.accept("detach", "partition"):
        return DetachPartition(
            partition=c.qname(),
            concurrently=c.accept("concurrently"),
            finalize=c.accept("finalize"),
            start=start,
        )
    if c.key in _REST:
        c.i = c.size
    elif c.key in _OTHER:
        c.skip_to_comma()
    else:
        c.fail()
    return OtherAction(text=c.shout(first, c.i), start=start)


def _add(c: Cursor, start: int) -> Action:
    if c.accept("column"):
        if_not_exists = c.if_not_exists()
        return AddColumn(column=column_definition(c), if_not_exists=if_not_exists, start=start)
    if c.key in CONSTRAINT_STARTS and not (
        c.key == "exclude" and c.keys[c.i + 1] not in ("using", "(")
    ):
        if_not_exists = c.keys[c.i + 1 : c.i + 4] == ["if", "not", "exists"]
        constraint = table_constraint(c)
        if not isinstance(constraint, Constraint):
            c.fail("an index where a constraint should be")
        return AddConstraint(constraint=constraint, if_not_exists=if_not_exists, start=start)
    if_not_exists = c.if_not_exists()
    return AddColumn(column=column_definition(c), if_not_exists=if_not_exists, start=start)


def _drop(c: Cursor, start: int) -> Action:
    if c.accept("constraint"):
        if_exists = c.if_exists()
        name = c.name()
        return DropConstraint(name=name, if_exists=if_exists, cascade=c.behaviour(), start=start)
    c.accept("column")
    if_exists = c.if_exists()
    name = c.name()
    return DropColumn(name=name, if_exists=if_exists, cascade=c.behaviour(), start=start)


def _alter(c: Cursor, start: int) -> Action:
    if c.accept("primary", "key"):
        c.expect("using", "columns")
        columns = tuple(column.expression for column in index_columns(c))
        using_hash = c.accept("using", "hash")
        if using_hash:
            hash_buckets(c)
        index_tail(c)
        return AlterPrimaryKey(columns=columns, using_hash=using_hash, start=start)
    if c.accept("constraint"):
        first = c.i - 2
        c.name()
        c.skip_to_comma()
        return OtherAction(text=c.shout(first, c.i), start=start)
    return alter_column(c, start)


def _rename(c: Cursor, start: int) -> Action:
    if c.accept("to"):
        return RenameTo(new=c.qname(), start=start)
    if c.accept("constraint"):
        old = c.name()
        c.expect("to")
        return RenameConstraint(old=old, new=c.name(), start=start)
    c.accept("column")
    old = c.name()
    c.expect("to")
    return RenameColumn(old=old, new=c.name(), start=start)


def _set(c: Cursor, start: int) -> Action:
    if c.accept("schema"):
        return SetSchema(schema=c.name(), start=start)
    if c.accept("locality"):
        return SetLocality(text=locality(c), start=start)
    if c.key == "(":
        return SetOptions(options=c.options(), start=start)
    if c.key not in (
        "access",
        "cache",
        "logged",
        "statistics",
        "tablespace",
        "unlogged",
        "without",
    ):
        c.fail()
    first = c.i - 1
    c.skip_to_comma()
    return OtherAction(text=c.shout(first, c.i), start=start)
