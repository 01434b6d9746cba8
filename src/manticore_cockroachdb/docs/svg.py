"""The diagram as SVG: a card for each table, a line for each foreign key.

Colours are CSS variables with classes around them (``er.css``), so that a page can set them; on
its own, the picture brings a light and a dark set. Everything from the schema is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files
from itertools import pairwise
from unicodedata import east_asian_width

from ..schema import model as m
from .er import Entity, Field, Relation, entities
from .layout import Picture, Place, Size, arrange

_HEAD, _ROW, _PAD, _MARGIN = 32.0, 22.0, 12.0, 24.0
_KEYS = 30.0
_SHOWN = 14
_FORBIDDEN = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]"
)
_LONGEST = 30


def asset(name: str) -> str:
    """The text of a file that comes with this package."""
    return files(str(__package__)).joinpath("assets", name).read_text(encoding="utf-8")


def svg(schema: m.Schema) -> str:
    """The diagram as a file of its own."""
    style = asset("er-colours.css") + asset("er.css")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + drawing(schema, style) + "\n"


def drawing(
    schema: m.Schema,
    style: str = "",
    link: Callable[[m.Key], str] | None = None,
    *,
    keys_only: bool = False,
) -> str:
    """The ``<svg>`` element; ``link`` gives the address that a table's card leads to.

    ``keys_only`` leaves out the columns that are in no key: for many tables.
    """
    tables, relations = entities(schema)
    cards = {table.key: _Card(table, keys_only) for table in tables}
    picture = arrange(
        {key: card.size for key, card in cards.items()},
        [(r.child, r.parent) for r in relations],
    )
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    numbers = {key: i for i, key in enumerate(cards)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="er" width="{_n(width)}"'
        f' height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" role="img"'
        ' aria-label="Entity-relationship diagram">'
    ]
    if style:
        parts.append(f"<style>{style}</style>")
        parts.append(f'<rect class="paper" width="{_n(width)}" height="{_n(height)}"/>')
    parts.append(f'<g transform="translate({_n(_MARGIN)} {_n(_MARGIN)})">')
    for relation in relations:
        parts += _line(relation, cards, picture, numbers)
    for key, card in cards.items():
        parts += card.draw(picture.places[key], numbers[key], link(key) if link else None)
    parts.append("</g></svg>")
    return "\n".join(parts)


class _Card:
    """A table as it is drawn: its most telling columns in their order."""

    def __init__(self, table: Entity, keys_only: bool = False) -> None:
        self.table = table
        fields = table.fields
        if keys_only:
            fields = tuple(f for f in fields if f.primary or f.foreign)
        elif len(fields) > _SHOWN:
            keys = [f for f in fields if f.primary or f.foreign][: _SHOWN - 1]
            rest = [f for f in fields if f not in keys][: _SHOWN - 1 - len(keys)]
            fields = tuple(f for f in fields if f in keys or f in rest)
        self.fields: tuple[Field, ...] = fields
        self.more = 0 if keys_only else len(table.fields) - len(fields)
        names = max((_length(_cut(f.name)) for f in fields), default=0)
        types = max((_length(_cut(f.type)) for f in fields), default=0)
        columns = _KEYS + names * 6.9 + 20 + types * 6.7
        width = max(columns, _length(_cut(table.title)) * 8.2) + 2 * _PAD
        rows = len(fields) + bool(self.more)
        self.size = Size(width, _HEAD + rows * _ROW + (6 if rows else 0))

    def middle(self, columns: tuple[str, ...]) -> float:
        """How far down the first of these columns is."""
        for i, field in enumerate(self.fields):
            if field.name in columns:
                return _HEAD + i * _ROW + _ROW / 2 + 2
        return _HEAD / 2

    def draw(self, place: Place, number: int, link: str | None) -> Iterator[str]:
        """The card's elements."""
        width, height = self.size.width, self.size.height
        if link is not None:
            yield f'<a href="{e(link)}" class="card-link" data-card="{number}">'
        yield f'<g class="card" transform="translate({_n(place.x)} {_n(place.y)})">'
        yield f"<title>{e(self.table.title)}</title>"
        yield f'<rect class="body" width="{_n(width)}" height="{_n(height)}" rx="8"/>'
        yield (
            f'<path class="head" d="M0 {_n(_HEAD)}V8a8 8 0 0 1 8-8H{_n(width - 8)}'
            f'a8 8 0 0 1 8 8V{_n(_HEAD)}z"/>'
        )
        yield f'<text class="name" x="{_n(_PAD)}" y="21">{_shown(self.table.title)}</text>'
        y = _HEAD + 17
        for field in self.fields:
            yield from _row(field, y, width)
            y += _ROW
        if self.more:
            text = f"and {self.more} more"
            yield f'<text class="more" x="{_n(_PAD + _KEYS)}" y="{_n(y)}">{text}</text>'
        yield "</g>"
        if link is not None:
            yield "</a>"


def _row(field: Field, y: float, width: float) -> Iterator[str]:
    keys = "PK" if field.primary else "FK" if field.foreign else ""
    if keys:
        yield f'<text class="key" x="{_n(_PAD)}" y="{_n(y)}">{keys}</text>'
    kind = "column" if field.nullable else "column required"
    yield (
        f'<text class="{kind}" x="{_n(_PAD + _KEYS)}" y="{_n(y)}">'
        f"{_shown(field.name)}{_whole(field.name)}</text>"
    )
    yield (
        f'<text class="type" x="{_n(width - _PAD)}" y="{_n(y)}" text-anchor="end">'
        f"{_shown(field.type)}{_whole(field.type)}</text>"
    )


def _line(
    relation: Relation,
    cards: dict[m.Key, _Card],
    picture: Picture,
    numbers: dict[m.Key, int],
) -> Iterator[str]:
    child, parent = picture.places[relation.child], picture.places[relation.parent]
    y1 = child.y + cards[relation.child].middle(relation.columns)
    y2 = parent.y + cards[relation.parent].middle(relation.target_columns)
    pair = relation.child, relation.parent
    if relation.child == relation.parent:
        right = child.x + cards[relation.child].size.width
        way = f"M{_n(right)} {_n(y1)}h14C{_n(right + 44)} {_n(y1)} {_n(right + 44)} {_n(y2)}"
        way += f" {_n(right + 14)} {_n(y2)}h-14"
        ends = _many(right, y1, 1, relation.single) + _one(right, y2, 1, relation.optional)
    else:
        left = pair in picture.left
        side = -1 if left else 1
        x1 = child.x if left else child.x + cards[relation.child].size.width
        x2 = parent.x + cards[relation.parent].size.width if left else parent.x
        points = [(x1 + side * 14, y1), *picture.stops.get(pair, ()), (x2 - side * 14, y2)]
        way = f"M{_n(x1)} {_n(y1)}H{_n(points[0][0])}{_curve(points)}H{_n(x2)}"
        ends = _many(x1, y1, side, relation.single) + _one(x2, y2, -side, relation.optional)
    label = f"{'.'.join(relation.child)} ({', '.join(relation.columns)})"
    label += f" → {'.'.join(relation.parent)} ({', '.join(relation.target_columns)})"
    yield (
        f'<g class="line" data-from="{numbers[relation.child]}"'
        f' data-to="{numbers[relation.parent]}"><title>{e(label)}</title>'
        f'<path class="wide" d="{way}"/><path class="way" d="{way}"/>{ends}</g>'
    )


def _curve(points: list[tuple[float, float]]) -> str:
    """Through the points, level at each."""
    parts = []
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = _n((x1 + x2) / 2)
        parts.append(f"C{middle} {_n(y1)} {middle} {_n(y2)} {_n(x2)} {_n(y2)}")
    return "".join(parts)


def _many(x: float, y: float, side: int, single: bool) -> str:
    """The child's end: a crow's foot, or a bar where there can be only one."""
    if single:
        return f'<path class="end" d="M{_n(x + side * 8)} {_n(y - 5)}v10"/>'
    return (
        f'<path class="end" d="M{_n(x + side * 11)} {_n(y)}L{_n(x)} {_n(y - 5)}'
        f'M{_n(x + side * 11)} {_n(y)}L{_n(x)} {_n(y + 5)}"/>'
    )


def _one(x: float, y: float, side: int, optional: bool) -> str:
    """The parent's end: a bar, or a ring where there need not be one."""
    if optional:
        return f'<circle class="end" cx="{_n(x + side * 7)}" cy="{_n(y)}" r="3.5"/>'
    return f'<path class="end" d="M{_n(x + side * 8)} {_n(y - 5)}v10"/>'


# --- text -----------------------------------------------------------------------------------


def _n(number: float) -> str:
    """A number, short."""
    return f"{number:.1f}".removesuffix(".0")


def _length(text: str) -> int:
    """In characters of usual width."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _shown(text: str) -> str:
    return e(_cut(text))


def _whole(text: str) -> str:
    """What a pointer that rests on a shortened text is told."""
    return f"<title>{e(text)}</title>" if _cut(text) != text else ""


def e(text: object) -> str:
    """Text as XML and HTML, also fit for an attribute in double quotes."""
    return escape(printable(str(text)))


def printable(text: str) -> str:
    """The text without characters that neither XML nor HTML may hold."""
    return "".join("\ufffd" if _FORBIDDEN.match(char) else char for char in text)
