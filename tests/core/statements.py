"""A statement's model in one line of text, for tests that are tables."""

from __future__ import annotations

from manticore_cockroachdb.parser.nodes import Node, QName
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.record import Record

_NO_DEFAULT = object()


def brief(value: object) -> str:
    """The fields that say something: no defaults, offsets or functions, and no plain verbs."""
    if isinstance(value, QName):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(brief(item) for item in value) + "]"
    if isinstance(value, Record):
        shown = [
            f"{name}={brief(getattr(value, name))}"
            for name in value.fields_
            if name not in ("start", "functions")
            and not (name == "verb" and _is_plain(value))
            and (getattr(value, name) != getattr(type(value), name, _NO_DEFAULT))
        ]
        return f"{type(value).__name__}({', '.join(shown)})"
    return value if isinstance(value, str) else repr(value)


def _is_plain(node: object) -> bool:
    return isinstance(node, Node) and node.verb.startswith(("CREATE", "ALTER", "DROP"))


def read(sql: str) -> str:
    node = parse(sql)
    assert isinstance(node, Node)
    return brief(node)
