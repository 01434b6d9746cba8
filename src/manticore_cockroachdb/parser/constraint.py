"""Table constraints, in CREATE TABLE and in ALTER TABLE … ADD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cursor import Cursor
from .index import hash_buckets, index_column, index_columns, inline_index, partitioning
from .nodes import Constraint, InlineIndex

CONSTRAINT_STARTS = frozenset(
    ("constraint", "primary", "unique", "check", "foreign", "exclude", "not")
)
_Draft = dict[str, Any]


def table_constraint(c: Cursor) -> Constraint | InlineIndex:
    """A table constraint, or CockroachDB's UNIQUE INDEX in its place."""
    start = c.start
    draft: _Draft = {"start": start}
    if c.accept("constraint"):
        c.if_not_exists()
        draft["name"] = c.name()
    elif c.keys[c.i] == "unique" and c.keys[c.i + 1] in ("index", "inverted"):
        c.i += 1
        inverted = c.accept("inverted")
        c.expect("index")
        return inline_index(c, start, unique=True, inverted=inverted)
    definition = _DEFINITIONS.get(c.key) or c.fail()
    c.i += 1
    definition(c, draft)
    attributes(c, draft)
    return Constraint(**draft)


def _primary(c: Cursor, draft: _Draft) -> None:
    c.expect("key")
    draft["kind"] = "primary key"
    _keys(c, draft)


def _unique(c: Cursor, draft: _Draft) -> None:
    draft["kind"] = "unique"
    if c.accept("nulls"):
        c.accept("not")
        c.expect("distinct")
    draft["without_index"] = c.accept("without", "index")
    _keys(c, draft)


def _keys(c: Cursor, draft: _Draft) -> None:
    if c.accept("using", "index"):
        draft["using_index"] = c.name()
    else:
        draft["columns"] = tuple(column.expression for column in index_columns(c))


def _check(c: Cursor, draft: _Draft) -> None:
    draft["kind"] = "check"
    draft["expression"] = c.group()


def _foreign(c: Cursor, draft: _Draft) -> None:
    c.expect("key")
    draft["kind"] = "foreign key"
    if c.key != "(":
        c.name()  # an index name, which CockroachDB reads and forgets
    draft["columns"] = tuple(column.expression for column in index_columns(c))
    c.expect("references")
    references(c, draft)


def references(c: Cursor, draft: _Draft) -> None:
    """After REFERENCES."""
    draft["references"] = c.qname()
    if c.key == "(":
        draft["referenced_columns"] = tuple(column.expression for column in index_columns(c))
    if c.accept("match") and not c.accept_any(("full", "partial", "simple")):
        c.fail()
    while c.keys[c.i] == "on" and c.keys[c.i + 1] in ("delete", "update"):
        event = c.keys[c.i + 1]
        first = c.i = c.i + 2
        if c.accept("set"):
            if not c.accept_any(("null", "default")):
                c.fail()
            draft[f"on_{event}"] = c.between(first, c.i).upper()
            if c.key == "(":
                c.names()
        elif c.accept("no", "action") or c.accept_any(("cascade", "restrict")):
            draft[f"on_{event}"] = c.between(first, c.i).upper()
        elif event == "update":
            c.i = first - 2  # CockroachDB's ON UPDATE of a column
            break
        else:
            c.fail()


def _exclude(c: Cursor, draft: _Draft) -> None:
    draft["kind"] = "exclude"
    if c.accept("using"):
        c.name()
    c.expect("(")
    columns: list[str] = []
    while True:
        columns.append(index_column(c).expression)
        c.expect("with")
        if c.accept("operator"):
            c.skip_group()
        else:
            c.i += 1
        if not c.accept(","):
            break
    c.expect(")")
    draft["columns"] = tuple(columns)
    if c.accept("include"):
        c.skip_group()
    if c.accept("with"):
        c.skip_group()
    if c.accept("using", "index", "tablespace"):
        c.name()
    if c.accept("where"):
        c.skip_group()


def _not_null(c: Cursor, draft: _Draft) -> None:
    c.expect("null")
    draft["kind"] = "not null"
    draft["columns"] = (c.name(),)


_DEFINITIONS: dict[str, Callable[[Cursor, _Draft], None]] = {
    "primary": _primary,
    "unique": _unique,
    "check": _check,
    "foreign": _foreign,
    "exclude": _exclude,
    "not": _not_null,
}


def attributes(c: Cursor, draft: _Draft) -> None:
    """What may follow a constraint, in any order."""
    while True:
        if c.accept("not", "valid"):
            draft["not_valid"] = True
        elif c.accept("deferrable"):
            draft["deferrable"] = True
        elif c.accept("initially"):
            if c.accept("deferred"):
                draft["deferrable"] = True
            else:
                c.expect("immediate")
        elif c.accept("not", "enforced"):
            draft["not_enforced"] = True
        elif c.accept("using", "hash"):
            draft["using_hash"] = True
            hash_buckets(c)
        elif c.accept("using", "index", "tablespace"):
            c.name()
        elif c.accept_any(("include", "storing", "covering")):
            c.names()
        elif c.accept("with"):
            c.options()
        elif c.accept("where"):
            c.expression()
        elif c.key == "partition":
            partitioning(c)
        elif c.accept("interleave", "in", "parent"):
            c.qname()
            c.names()
        elif not (
            c.accept("not", "deferrable")
            or c.accept("no", "inherit")
            or c.accept("enforced")
            or c.accept("not", "visible")
        ):
            return
