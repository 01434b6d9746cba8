"""The diagram as Mermaid text, which many hosts of Markdown draw.

Mermaid takes any name of an entity in double quotes, but only letters, digits and a few signs
in names and types of attributes: others become ``_``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..schema.model import Schema
from .er import Entity, Field, Relation, entities

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_\[\]()-]+")


LIMIT = 50_000
"""Characters that Mermaid draws: its ``maxTextSize``, which hosts of Markdown leave as it is."""


def mermaid(schema: Schema, limit: int = LIMIT) -> str:
    """An ``erDiagram`` of all tables, shorter than ``limit`` characters.

    Where everything would be longer, it has the columns of keys only; then tables and their keys
    without columns; then only so many tables. A comment in its second line says what is left out.
    """
    tables, relations = entities(schema)
    whole = _text(tables, relations, lambda field: True)
    if len(whole) < limit:
        return whole
    keys = _text(tables, relations, lambda field: field.primary or field.foreign, KEYS_ONLY)
    if len(keys) < limit:
        return keys
    bare = _text(tables, relations, lambda field: False, NO_COLUMNS)
    number = len(tables)
    while len(bare) >= limit and number:
        number = min(number - 1, number * limit // len(bare))
        some = tables[:number]
        there = {table.key for table in some}
        left = tuple(r for r in relations if r.child in there and r.parent in there)
        said = f"{NO_COLUMNS}, and {len(tables) - number} of {len(tables)} tables"
        bare = _text(some, left, lambda field: False, said)
    return bare


KEYS_ONLY = "too long to be drawn whole: left out are columns that are in no key"
NO_COLUMNS = "too long to be drawn whole: left out are columns"


def left_out(text: str) -> str | None:
    """What the comment of a diagram says that it leaves out, None where it is whole."""
    _, found, rest = text.partition(COMMENT)
    return rest.partition("\n")[0] if found else None


COMMENT = "\n    %% "


def _text(
    tables: Sequence[Entity],
    relations: Sequence[Relation],
    shown: Callable[[Field], bool],
    comment: str | None = None,
) -> str:
    lines = ["erDiagram"] if comment is None else [f"erDiagram{COMMENT}{comment}"]
    for table in tables:
        lines += [f"    {line}" for line in _entity(table, shown)]
    titles = {table.key: table.title for table in tables}
    lines += [f"    {_relation(relation, titles)}" for relation in relations]
    return "\n".join(lines) + "\n"


def _entity(table: Entity, shown: Callable[[Field], bool]) -> Iterator[str]:
    yield f"{_quoted(table.title)} {{"
    for field in filter(shown, table.fields):
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
