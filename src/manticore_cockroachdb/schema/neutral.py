"""A catalog as far as both engines can mean the same by it, for comparing one with the other.

Both print expressions back in words of their own: ``'x'::text`` here, ``'x':::STRING`` there,
brackets, spaces, another name for the same function. What is left of such differences here may
be seen as a change that is none; nothing is ever run from these values.
"""

from __future__ import annotations

from dataclasses import replace

from ..parser.lex import Token, tokens
from . import model as m
from .printed import bare

_SAME = {
    "current_timestamp": "now",
    "transaction_timestamp": "now",
    "uuid_generate_v4": "gen_random_uuid",
    "!=": "<>",
    "~~": "like",
    "string": "text",
}


def neutral(schema: m.Schema) -> m.Schema:
    """The catalog without what one engine alone says."""
    return replace(
        schema,
        extensions=(),
        tables=tuple(map(_table, schema.tables)),
        views=tuple(_view(v) for v in schema.views),
        left_out=(),
    )


def _table(table: m.Table) -> m.Table:
    once = [c for c in table.constraints if c.kind == "unique" and c.definition.endswith(")")]
    indexes = [*table.indexes, *(m.Index(c.name, c.columns, unique=True) for c in once)]
    return replace(
        table,
        columns=tuple(_column(c) for c in table.columns),
        constraints=tuple(
            sorted(
                (_constraint(c) for c in table.constraints if c not in once),
                key=lambda c: c.name,
            )
        ),
        indexes=tuple(sorted(map(_index, indexes), key=lambda i: i.name)),
        options=(),
        locality=None,
        families=(),
    )


def _column(column: m.Column) -> m.Column:
    return replace(
        column,
        default=_maybe(column.default),
        generated=_maybe(column.generated),
        on_update=_maybe(column.on_update),
        collation=column.collation and column.collation.strip('"').lower(),
    )


def _constraint(constraint: m.Constraint) -> m.Constraint:
    name = constraint.name
    if constraint.kind == "primary key":
        name = "primary"
    return replace(constraint, name=name, definition=expression(constraint.definition))


def _index(index: m.Index) -> m.Index:
    return replace(
        index,
        keys=tuple(expression(key) for key in index.keys),
        where=_maybe(index.where),
        options=None,
    )


def _view(view: m.View) -> m.View:
    return replace(
        view,
        definition=expression(view.definition),
        columns=(),
        indexes=tuple(map(_index, view.indexes)),
        options=(),
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else expression(text)


def expression(text: str) -> str:
    """An expression without casts, needless brackets, schema ``public`` and its own spacing."""
    parts = _uncast(tokens(bare(text)))
    words: list[str] = []
    for i, token in enumerate(parts):
        if token.value == "public" and i + 1 < len(parts) and parts[i + 1].value == ".":
            continue
        if token.value == "." and i and parts[i - 1].value == "public":
            continue
        words.append("'" + token.value + "'" if token.kind == "string" else token.value)
    words = [_SAME.get(word, word) for word in words]
    while (shorter := _unbracketed(words)) != words:
        words = shorter
    return " ".join(words)


def _uncast(parts: list[Token]) -> list[Token]:
    """Without `::type` and `:::type`."""
    result: list[Token] = []
    i = 0
    while i < len(parts):
        if parts[i].value in ("::", ":::"):
            i = _after_type(parts, i + 1)
        else:
            result.append(parts[i])
            i += 1
    return result


_TWO_WORDS = {"double": ("precision",), "character": ("varying",), "bit": ("varying",)}


def _after_type(parts: list[Token], i: int) -> int:
    def value(at: int) -> str:
        return parts[at].value if at < len(parts) else ""

    first = value(i)
    i += 1
    while value(i) == ".":
        i += 2
    if value(i) in _TWO_WORDS.get(first, ()):
        i += 1
    if value(i) == "(":
        while value(i) != ")":
            i += 1
        i += 1
    if value(i) in ("with", "without") and value(i + 1) == "time":
        i += 3
    while value(i) == "[" and value(i + 1) == "]":
        i += 2
    return i


def _unbracketed(words: list[str]) -> list[str]:
    """Without one pair of brackets that holds a single word, or a pair that holds a pair."""
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        if word != "(" or before.replace("_", "").isalnum():
            continue
        close = _closing(words, i)
        if close == i + 2 or (words[i + 1] == "(" and _closing(words, i + 1) == close - 1):
            return words[:i] + words[i + 1 : close] + words[close + 1 :]
    return words


def _closing(words: list[str], opening: int) -> int:
    depth = 0
    for i in range(opening, len(words)):
        depth += (words[i] == "(") - (words[i] == ")")
        if depth == 0:
            return i
    return len(words)
