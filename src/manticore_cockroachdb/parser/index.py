"""Index keys and what may follow them, in CREATE INDEX and inside CREATE TABLE."""

from __future__ import annotations

from dataclasses import dataclass

from .cursor import Cursor
from .nodes import CreateIndex, IndexColumn, InlineIndex

_INVERTED = ("gin", "inverted")
_VECTOR = ("cspann", "vector")


def create_index(
    c: Cursor, start: int, unique: bool, inverted: bool = False, vector: bool = False
) -> CreateIndex:
    """After ``CREATE [UNIQUE] [INVERTED|VECTOR] INDEX``."""
    concurrently = c.accept("concurrently")
    if_not_exists = c.if_not_exists()
    name = None if c.key == "on" and not if_not_exists else c.name()
    c.expect("on")
    only = c.accept("only")
    table = c.qname()
    c.accept("*")
    method = c.name() if c.accept("using") else None
    keys = c.i
    columns = index_columns(c)
    tail = index_tail(c)
    if method == "hash" and tail.using_hash:
        c.fail()
    return CreateIndex(
        name=name,
        table=table,
        columns=columns,
        unique=unique,
        concurrently=concurrently,
        if_not_exists=if_not_exists,
        only=only,
        method=method,
        inverted=inverted or method in _INVERTED,
        vector=vector or method in _VECTOR,
        using_hash=tail.using_hash,
        storing=tail.storing,
        where=tail.where,
        not_visible=tail.not_visible,
        options=tail.options,
        start=start,
        functions=c.functions(keys + 1),
    )


def inline_index(
    c: Cursor, start: int, *, unique: bool = False, inverted: bool = False, vector: bool = False
) -> InlineIndex:
    """After ``[UNIQUE] [INVERTED|VECTOR] INDEX`` inside CREATE TABLE."""
    name = None if c.key == "(" else c.name()
    method = c.name() if c.accept("using") else None
    columns = index_columns(c)
    tail = index_tail(c)
    return InlineIndex(
        name=name,
        columns=columns,
        unique=unique,
        inverted=inverted or method in _INVERTED,
        vector=vector or method in _VECTOR,
        using_hash=tail.using_hash,
        storing=tail.storing,
        where=tail.where,
        not_visible=tail.not_visible,
        start=start,
    )


def index_columns(c: Cursor) -> tuple[IndexColumn, ...]:
    """The keys, in parentheses."""
    c.expect("(")
    columns = [index_column(c)]
    while c.accept(","):
        columns.append(index_column(c))
    c.expect(")")
    return tuple(columns)


def index_column(c: Cursor) -> IndexColumn:
    """A name, a call or an expression in parentheses, and how it is indexed."""
    first, start = c.i, c.start
    name: str | None = None
    if c.key == "(":
        c.skip_group()
    else:
        c.accept("period")  # of a temporal foreign key
        name = c.name()
        while c.accept("."):
            c.label()
            name = None
        if c.key == "(":
            c.skip_group()
            name = None
    expression = name if name is not None else c.between(first, c.i)
    if c.accept("collate"):
        c.qname()
    opclass = None
    if c.at_name() and c.key not in ("nulls", "without"):
        opclass = str(c.qname())
        if c.key == "(":
            c.skip_group()
    direction = (c.accept_any(("asc", "desc")) or "").upper()
    if c.accept("nulls") and not c.accept_any(("first", "last")):
        c.fail()
    c.accept("without", "overlaps")
    return IndexColumn(
        expression=expression, name=name, direction=direction, opclass=opclass, start=start
    )


@dataclass(slots=True)
class IndexTail:
    """What followed the keys of an index or of a unique constraint."""

    using_hash: bool = False
    storing: tuple[str, ...] = ()
    where: str | None = None
    not_visible: bool = False
    options: tuple[tuple[str, str], ...] = ()


def index_tail(c: Cursor) -> IndexTail:
    tail = IndexTail()
    while _clause(c, tail):
        pass
    return tail


def _clause(c: Cursor, tail: IndexTail) -> bool:
    if c.accept("using", "hash"):
        tail.using_hash = True
        hash_buckets(c)
    elif c.accept_any(("include", "storing", "covering")):
        tail.storing = c.names()
    elif c.accept("nulls"):
        c.accept("not")
        c.expect("distinct")
    elif c.accept("with"):
        tail.options = c.options()
    elif c.accept("where"):
        tail.where = c.expression(_AFTER_WHERE)
    elif c.accept("not", "visible") or c.accept("invisible"):
        tail.not_visible = True
    elif c.accept("visibility"):
        tail.not_visible = c.expression().strip("0.") == ""
    elif c.accept("tablespace"):
        c.name()
    elif c.key == "partition":
        partitioning(c)
    elif c.accept("interleave", "in", "parent"):
        c.qname()
        c.names()
    else:
        return c.accept("visible")
    return True


_AFTER_WHERE = frozenset(("visible", "invisible", "visibility"))


def hash_buckets(c: Cursor) -> None:
    """How many shards: ``WITH BUCKET_COUNT = n`` of old, or options in parentheses."""
    if c.accept("with", "bucket_count"):
        c.expect("=")
        c.expression(frozenset(("storing", "covering", "include", "where", "partition")))


def partitioning(c: Cursor) -> str:
    """``PARTITION [ALL] BY …`` as text from the method on; "NOTHING" for none."""
    c.expect("partition")
    c.accept("all")
    c.expect("by")
    first = c.i
    if c.accept("nothing"):
        return "NOTHING"
    c.name()
    c.skip_group()
    if c.key == "(":
        c.skip_group()
    return c.between(first, c.i)
