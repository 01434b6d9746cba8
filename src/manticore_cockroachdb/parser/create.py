"""CREATE of anything but tables and indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cursor import Cursor
from .data import selects_star
from .kinds import object_kind
from .nodes import CreateObject, QName

Draft = dict[str, Any]


def create_object(c: Cursor, *, or_replace: bool, temporary: bool) -> CreateObject:
    """After ``CREATE [OR REPLACE] [TEMPORARY]``."""
    c.accept("recursive")
    c.accept("constraint")
    c.accept("default")
    trusted = c.accept("trusted")
    kind = object_kind(c) or c.fail()
    if kind not in _CREATED or (trusted and kind not in ("language", "procedural language")):
        c.fail(f"CREATE {kind.upper()}")
    kind = "language" if kind == "procedural language" else kind
    draft: Draft = {"kind": kind, "or_replace": or_replace, "temporary": temporary}
    draft["if_not_exists"] = c.if_not_exists()
    first = c.i
    _CREATED[kind](c, draft)
    name = draft.setdefault("name", None)
    after_name = first + 2 * len(name.parts) if name else first
    functions = c.functions(after_name)
    return CreateObject(verb=f"CREATE {kind.upper()}", **draft, functions=functions)


def _named(c: Cursor, draft: Draft) -> None:
    """A name, and anything that is balanced."""
    draft["name"] = QName((c.string(),)) if c.at_string() else c.qname()
    _balanced_rest(c)


def _unnamed(c: Cursor, draft: Draft) -> None:
    _balanced_rest(c)


def _balanced_rest(c: Cursor) -> None:
    while c.key:
        if c.key in ("(", "["):
            c.skip_group()
        elif c.key in (")", "]", ";"):
            c.fail()
        else:
            c.i += 1


def _view(c: Cursor, draft: Draft) -> None:
    draft["name"] = c.qname()
    if c.key == "(":
        c.names()
    if c.accept("using"):
        c.name()
    if c.accept("with"):
        c.options()
    if c.accept("tablespace"):
        c.name()
    c.expect("as")
    first = c.i
    if c.key not in ("select", "with", "values", "table", "("):
        c.fail()
    last = c.size
    for tail in _AFTER_QUERY:
        if tuple(c.keys[last - len(tail) : last]) == tail:
            last -= len(tail)
            break
    draft["body"] = c.source(first, last)
    draft["query_selects_star"] = c.keys[first] == "table" or selects_star(c, first)
    c.i = first
    _balanced_rest(c)


_AFTER_QUERY = (
    ("with", "cascaded", "check", "option"),
    ("with", "local", "check", "option"),
    ("with", "check", "option"),
    ("with", "no", "data"),
    ("with", "data"),
)


def _type(c: Cursor, draft: Draft) -> None:
    draft["name"] = c.qname()
    if c.accept("as", "enum"):
        c.expect("(")
        values: list[str] = []
        while c.at_string():
            values.append(c.string())
            if not c.accept(","):
                break
        c.expect(")")
        draft["enum_values"] = tuple(values)
        return
    if c.accept("as"):
        c.accept("range")
    if c.key:
        c.skip_group()


def _schema(c: Cursor, draft: Draft) -> None:
    if c.key != "authorization":
        draft["name"] = c.qname()
    if c.accept("authorization"):
        role = QName((c.label(),))
        draft.setdefault("name", role)
    if c.key not in ("", "create", "grant"):
        c.fail()
    _balanced_rest(c)


def _routine(c: Cursor, draft: Draft) -> None:
    draft["name"] = c.qname()
    if c.key != "(":
        c.fail()
    c.skip_group()
    while c.key:
        if c.accept("language"):
            draft["language"] = (c.string() if c.at_string() else c.label()).lower()
        elif c.accept("as"):
            draft["body"] = c.string()
            if c.accept(","):
                c.string()
        elif "body" not in draft and (
            c.key == "return" or (c.key == "begin" and c.keys[c.i + 1] == "atomic")
        ):
            draft["body"] = c.source(c.i, c.size)
            draft.setdefault("language", "sql")
            c.i = c.size
        elif c.key == "(" or c.key == "[":
            c.skip_group()
        elif c.key in (")", "]", ";"):
            c.fail()
        else:
            c.i += 1


def _on_table(c: Cursor, draft: Draft) -> None:
    """A trigger or a policy: ``name … ON table …``."""
    draft["name"] = c.qname()
    while c.key and not c.accept("on"):
        if c.key in (")", "]", ";"):
            c.fail()
        c.i += 1
    draft["table"] = c.qname()
    _balanced_rest(c)


def _rule(c: Cursor, draft: Draft) -> None:
    draft["name"] = c.qname()
    c.expect("as", "on")
    if not c.accept_any(("select", "insert", "update", "delete")):
        c.fail()
    c.expect("to")
    draft["table"] = c.qname()
    first = c.i
    while c.key:
        c.skip_group() if c.key == "(" else setattr(c, "i", c.i + 1)
    draft["body"] = c.source(first, c.size)


def _statistics(c: Cursor, draft: Draft) -> None:
    if c.key not in ("(", "on"):
        draft["name"] = c.qname()
    while c.key and not c.accept("from"):
        if c.key == "(":
            c.skip_group()
        else:
            c.i += 1
    draft["table"] = c.qname() if c.key[:1] != "[" else None
    _balanced_rest(c)


_CREATED: dict[str, Callable[[Cursor, Draft], None]] = {
    "view": _view,
    "materialized view": _view,
    "type": _type,
    "schema": _schema,
    "function": _routine,
    "procedure": _routine,
    "trigger": _on_table,
    "policy": _on_table,
    "rule": _rule,
    "statistics": _statistics,
    **dict.fromkeys(
        (
            *("access method", "aggregate", "collation", "conversion", "database", "domain"),
            *("event trigger", "extension", "external connection", "foreign data wrapper"),
            *("foreign table", "group", "language", "procedural language", "publication", "role"),
            *("sequence", "server", "subscription", "tablespace", "tenant", "user"),
            *("text search configuration", "text search dictionary", "text search parser"),
            *("text search template", "virtual cluster", "operator class", "operator family"),
        ),
        _named,
    ),
    **dict.fromkeys(
        (
            *(
                "cast",
                "changefeed",
                "operator",
                "schedule",
                "transform",
                "user mapping",
                "vectorizer",
            ),
            *("logical replication stream", "logically replicated table"),
            "logically replicated tables",
        ),
        _unnamed,
    ),
}
