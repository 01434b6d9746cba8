"""A statement's model in one line of text, for tests that are tables."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass

from manticore_cockroachdb.migrations.nodes import Node, QName
from manticore_cockroachdb.migrations.parse import parse


def brief(value: object) -> str:
    """The fields that say something: no defaults, offsets or functions, and no plain verbs."""
    if isinstance(value, QName):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(brief(item) for item in value) + "]"
    if is_dataclass(value):
        shown = [
            f"{field.name}={brief(getattr(value, field.name))}"
            for field in fields(value)
            if field.name not in ("start", "functions")
            and not (field.name == "verb" and _is_plain(value))
            and (field.default is MISSING or getattr(value, field.name) != field.default)
        ]
        return f"{type(value).__name__}({', '.join(shown)})"
    return value if isinstance(value, str) else repr(value)


def _is_plain(node: object) -> bool:
    return isinstance(node, Node) and node.verb.startswith(("CREATE", "ALTER", "DROP"))


def read(sql: str) -> str:
    node = parse(sql)
    assert isinstance(node, Node)
    return brief(node)
