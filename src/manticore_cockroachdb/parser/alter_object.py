"""ALTER of anything that is not like a table."""

from __future__ import annotations

from .cursor import Cursor
from .nodes import AlterObject, AlterType, Node, QName, RenameObject
from .session import set_variable

_UNNAMED = (
    *("backup", "cast", "changefeed", "default privileges", "job", "large object", "operator"),
    *("partition", "range", "system", "user mapping"),
)
_WITH_ARGUMENTS = ("aggregate", "function", "procedure", "routine")


def alter_object(c: Cursor, kind: str) -> Node:
    """After ``ALTER`` and the kind."""
    kind = "language" if kind == "procedural language" else kind
    verb = f"ALTER {kind.upper()}"
    functions = c.functions()
    if kind in _UNNAMED:
        return AlterObject(verb=verb, kind=kind, name=None, action=_rest(c), functions=functions)
    if_exists = c.if_exists()
    name = QName((c.label(),)) if c.keys[c.i + 1] != "." else c.qname()
    if kind in _WITH_ARGUMENTS and c.key == "(":
        c.skip_group()
    elif kind in ("operator class", "operator family"):
        c.expect("using")
        c.name()
    elif kind in ("trigger", "policy", "rule"):
        c.expect("on")
        table = c.qname()
        if c.accept("rename", "to"):
            new = QName((c.name(),))
            return RenameObject(
                verb=verb, kind=kind, name=name, new=new, table=table, if_exists=if_exists
            )
        return AlterObject(
            verb=verb,
            kind=kind,
            name=name,
            action=_rest(c),
            if_exists=if_exists,
            functions=functions,
        )
    if c.accept("rename", "to"):
        return RenameObject(verb=verb, kind=kind, name=name, new=c.qname(), if_exists=if_exists)
    if kind == "type":
        return _type(c, name, if_exists)
    if kind in ("role", "user", "database"):
        mark = c.i
        if kind != "database" and c.accept("in", "database"):
            c.name()
        if c.accept("set") and c.key not in ("primary", "secondary", "tablespace", "("):
            return set_variable(c, "database" if kind == "database" else "role", verb)
        c.i = mark
    return AlterObject(
        verb=verb, kind=kind, name=name, action=_rest(c), if_exists=if_exists, functions=functions
    )


def _rest(c: Cursor) -> str:
    """All that is left, without what its strings hold."""
    if not c.key:
        c.fail()
    first, c.i = c.i, c.size
    return c.shout(first, c.size, mask=True)


def _type(c: Cursor, name: QName, if_exists: bool) -> AlterType:
    first, second = c.keys[c.i : c.i + 2]
    c.i += 2
    action = f"{first} {second}" if second[:1].isalpha() else first
    value = new_value = None
    if_not_exists = False
    if action == "add value":
        if_not_exists = c.if_not_exists()
        value = c.string()
        if c.accept_any(("before", "after")):
            c.string()
    elif action == "drop value":
        value = c.string()
    elif action == "rename value":
        value = c.string()
        c.expect("to")
        new_value = c.string()
    elif action in _TYPE_ACTIONS:
        value = c.rest()
    else:
        c.i -= 2
        c.fail()
    return AlterType(
        name=name,
        action=action,
        value=value,
        new_value=new_value,
        if_exists=if_exists,
        if_not_exists=if_not_exists,
    )


_TYPE_ACTIONS = frozenset(
    (
        *("add attribute", "alter attribute", "drop attribute", "rename attribute"),
        *("owner to", "set schema", "set"),
    )
)
