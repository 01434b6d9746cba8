"""The diagram as Mermaid text, which many hosts of Markdown draw.

Mermaid takes any name of an entity in double quotes, but only letters, digits and a few signs
in names and types of attributes: others become ``_``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..schema.model import Schema
from .er import Entity, Relation, entities

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_\[\]()-]+")


def mermaid(schema: Schema) -> str:
    """An ``erDiagram`` of all tables."""
    tables, relations = entities(schema)
    lines = ["erDiagram"]
    for table in tables:
        lines += [f"    {line}" for line in _entity(table)]
    titles = {table.key: table.title for table in tables}
    lines += [f"    {_relation(relation, titles)}" for relation in relations]
    return "\n".join(lines) + "\n"


def _entity(table: Entity) -> Iterator[str]:
    yield f"{_quoted(table.title)} {{"
    for field in table.fields:
        keys = [word for word, is_one in (("PK", field.primary), ("FK", field.foreign)) if is_one]
        yield f"    {_word(field.type)} {_word(field.name)} {', '.join(keys)}".rstrip()
    yield "}"


def _relation(relation: Relation, titles: dict[tuple[str, str], str]) -> str:
    parent = "|o" if relation.optional else "||"
    child = "o|" if relation.single else "o{"
    ends = f"{_quoted(titles[relation.parent])} {parent}--{child}"
    label = ", ".join(relation.columns)
    return f"{ends} {_quoted(titles[relation.child])} : {_quoted(label)}"


def _quoted(text: str) -> str:
    """A name in quotes; what could end them or begin markup has a stand-in."""
    text = " ".join(text.split())
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(char, entity)
    return f'"{text}"'


def _word(text: str) -> str:
    word = _NOT_IN_NAMES.sub("_", text).strip("_") or "_"
    return word if word[0].isalpha() or word[0] == "_" else f"_{word}"
