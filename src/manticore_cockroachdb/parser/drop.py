"""DROP and TRUNCATE."""

from __future__ import annotations

from .cursor import Cursor
from .kinds import object_kind
from .nodes import Drop, QName, Truncate


def drop(c: Cursor) -> Drop:
    """After DROP."""
    kind = object_kind(c)
    if kind is None or kind in _NOT_DROPPED:
        c.fail()
    verb = f"DROP {kind.upper()}"
    concurrently = kind == "index" and c.accept("concurrently")
    if_exists = c.if_exists()
    if kind in _UNNAMED:
        if not c.key or (kind == "owned" and c.key != "by"):
            c.fail()
        c.i = c.size
        return Drop(verb=verb, kind=kind, names=(), if_exists=if_exists)
    names: list[QName] = []
    tables: list[QName] = []
    while True:
        name = c.qname() if not c.at_string() else QName((c.string(),))
        if kind == "index" and c.accept("@"):
            tables.append(name)
            name = QName((c.label(),))
        elif c.key == "(" and kind in _WITH_ARGUMENTS:
            c.skip_group()
        names.append(name)
        if not c.accept(","):
            break
    table = tables[0] if tables else None
    if kind in _ON_TABLE:
        c.expect("on")
        table = c.qname()
    elif kind in ("operator class", "operator family"):
        c.expect("using")
        c.name()
    elif kind == "database" and (c.accept("with") or c.key == "("):
        c.skip_group()
    return Drop(
        verb=verb,
        kind=kind,
        names=tuple(names),
        if_exists=if_exists,
        cascade=c.behaviour(),
        concurrently=concurrently,
        table=table,
        tables=tuple(tables),
    )


_NOT_DROPPED = (
    *("backup", "changefeed", "column", "constraint", "default privileges", "job", "large object"),
    *("logically replicated table", "logically replicated tables", "partition", "range", "system"),
)
_ON_TABLE = ("trigger", "policy", "rule")
_WITH_ARGUMENTS = ("function", "procedure", "routine", "aggregate")
# Dropped by something other than a name.
_UNNAMED = (
    "cast",
    "operator",
    "owned",
    "user mapping",
    "transform",
    "schedule",
    "schedules",
    "vectorizer",
)


def truncate(c: Cursor) -> Truncate:
    """After TRUNCATE."""
    c.accept("table")
    names: list[QName] = []
    while True:
        c.accept("only")
        names.append(c.qname())
        c.accept("*")
        if not c.accept(","):
            break
    if c.accept_any(("restart", "continue")):
        c.expect("identity")
    return Truncate(names=tuple(names), cascade=c.behaviour(), functions=c.functions())
