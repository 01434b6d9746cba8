"""CREATE TABLE: what stands between its parentheses, and the clauses after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .column import column_definition
from .constraint import CONSTRAINT_STARTS, table_constraint
from .cursor import Cursor
from .index import inline_index, partitioning
from .nodes import Column, Constraint, CreateTable, InlineIndex, QName

# What is read so far of a node, by field.
Draft = dict[str, Any]


def create_table(c: Cursor, *, temporary: bool, unlogged: bool) -> CreateTable:
    """After ``CREATE [TEMPORARY|UNLOGGED] TABLE``."""
    draft: Draft = {"temporary": temporary, "unlogged": unlogged}
    draft["if_not_exists"] = c.if_not_exists()
    draft["name"] = c.qname()
    first = c.i + 1
    untyped = True
    if c.accept("partition", "of"):
        draft["partition_of"] = c.qname()
    elif c.accept("of"):
        draft["of_type"] = c.qname()
    else:
        untyped = False
        if c.key != "(" and c.key not in ("as", "with", "using", "on", "tablespace"):
            c.fail()
    untyped_at = _elements(c, draft) if c.key == "(" else None
    if "partition_of" in draft:
        partition_bounds(c)
    while (clause := _CLAUSES.get(c.key)) is not None:
        c.i += 1
        clause(c, draft)
    as_query = draft.get("as_query", False)
    if untyped_at is not None and not (untyped or as_query):
        c.i = untyped_at
        c.fail("a column without a type")
    if "columns" not in draft and not (untyped or as_query):
        c.fail()
    return CreateTable(**draft, functions=c.functions(first))


def _elements(c: Cursor, draft: Draft) -> int | None:
    """All between the parentheses; gives the token of the first column without a type."""
    columns: list[Column] = []
    constraints: list[Constraint] = []
    indexes: list[InlineIndex] = []
    like: list[QName] = []
    untyped: int | None = None
    c.expect("(")
    keys = c.keys
    while (key := keys[c.i]) != ")":
        if key in CONSTRAINT_STARTS and not _is_column(c):
            element = table_constraint(c)
            if isinstance(element, InlineIndex):
                indexes.append(element)
            else:
                constraints.append(element)
        elif key in _INDEX_STARTS and not _is_column(c):
            indexes.append(_index(c))
        elif key == "family" and not _is_column(c):
            c.i += 1
            if c.key != "(":
                c.name()
            c.names()
        elif key == "like":
            c.i += 1
            like.append(c.qname())
            while c.accept_any(("including", "excluding")):
                c.label()
        else:
            at = c.i
            columns.append(column := column_definition(c))
            if not column.type and untyped is None:
                untyped = at
        if keys[c.i] != ",":
            break
        c.i += 1
        if keys[c.i] == ")":
            c.fail()
    c.expect(")")
    draft["columns"], draft["constraints"] = tuple(columns), tuple(constraints)
    draft["indexes"], draft["like"] = tuple(indexes), tuple(like)
    return untyped


_INDEX_STARTS = frozenset(("index", "inverted", "vector"))


def _is_column(c: Cursor) -> bool:
    """Whether a word that only CockroachDB reserves is a column's name here."""
    key, following, third, fourth = c.keys[c.i : c.i + 4]
    if key in ("inverted", "vector"):
        return following != "index"
    if key == "exclude":
        return following not in ("using", "(")
    if key in ("index", "family"):
        # INDEX (a), INDEX name (a), INDEX name USING …; but a column in index varchar(10)
        if following == "(" or third == "using":
            return False
        return third != "(" or fourth[:1].isdigit()
    return False


def _index(c: Cursor) -> InlineIndex:
    start = c.start
    inverted, vector = c.accept("inverted"), c.accept("vector")
    c.expect("index")
    return inline_index(c, start, inverted=inverted, vector=vector)


# The clauses after the parentheses


def partition_bounds(c: Cursor) -> None:
    """``DEFAULT`` or ``FOR VALUES …`` of a partition."""
    if c.accept("default"):
        return
    c.expect("for", "values")
    if c.accept("from"):
        c.skip_group()
        c.expect("to")
    elif not c.accept("in"):
        c.expect("with")
    c.skip_group()


def _skip_name(c: Cursor, draft: Draft) -> None:
    c.label()


def _inherits(c: Cursor, draft: Draft) -> None:
    c.expect("(")
    draft["inherits"] = c.qnames()
    c.expect(")")


def _partition(c: Cursor, draft: Draft) -> None:
    c.i -= 1
    draft["partitioned"] = partitioning(c)


def _with(c: Cursor, draft: Draft) -> None:
    draft["options"] = c.options()


def _without(c: Cursor, draft: Draft) -> None:
    c.expect("oids")


def _on_commit(c: Cursor, draft: Draft) -> None:
    c.expect("commit")
    if not (c.accept("preserve", "rows") or c.accept("delete", "rows") or c.accept("drop")):
        c.fail()


def _interleave(c: Cursor, draft: Draft) -> None:
    c.expect("in", "parent")
    draft["interleaved"] = c.qname()
    c.names()


def _locality(c: Cursor, draft: Draft) -> None:
    draft["locality"] = locality(c)


def locality(c: Cursor) -> str:
    """After LOCALITY: its words in upper case, names as they are."""
    if c.accept("global"):
        return "GLOBAL"
    c.expect("regional")
    if c.accept("by", "row"):
        return f"REGIONAL BY ROW AS {c.qname()}" if c.accept("as") else "REGIONAL BY ROW"
    text = "REGIONAL BY TABLE" if c.accept("by", "table") else "REGIONAL"
    if c.accept("in"):
        text += " IN PRIMARY REGION" if c.accept("primary", "region") else f" IN {_region(c)}"
    return text


def _region(c: Cursor) -> str:
    first = c.i
    if c.at_string():
        c.string()
    else:
        c.name()
        while c.accept("-"):
            c.i += 1
    return c.between(first, c.i)


def _as_query(c: Cursor, draft: Draft) -> None:
    if c.key not in ("select", "with", "values", "table", "(", "execute", "show"):
        c.fail()
    draft["as_query"] = True
    c.i = c.size


_CLAUSES: dict[str, Callable[[Cursor, Draft], None]] = {
    "inherits": _inherits,
    "partition": _partition,
    "using": _skip_name,
    "with": _with,
    "without": _without,
    "on": _on_commit,
    "tablespace": _skip_name,
    "interleave": _interleave,
    "locality": _locality,
    "as": _as_query,
}
