"""Documentation as one HTML page: search, diagram, tables, migrations; nothing from a network.

The page is ``page.html``, a template of Jinja2 that escapes whatever comes from the schema, with
``page.css`` and ``page.js``. A content security policy that names the script and the style by
their hashes lets nothing else run or load, so even a mistake in escaping stays text.

Jinja2 is loaded when a page is written, and by nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from ..parser.quoting import qualified
from ..schema import model as m
from .document import Document, Sheet, anchors, index_text, sheets, value
from .er import title
from .svg import asset, drawing, printable
from .timeline import Entry

if TYPE_CHECKING:
    from jinja2 import Template

MANY = 40
"""From so many tables on the diagram begins with their keys only: more could not be read."""

_ENGINES = {"cockroachdb": "CockroachDB", "postgresql": "PostgreSQL"}
_KINDS = {"table": "Tables", "view": "Views", "materialized view": "Materialized views"}
_MARKS = {"PK": "primary key", "FK": "foreign key", "U": "unique"}


def page(document: Document) -> str:
    """The whole page."""
    from markupsafe import Markup

    schema, found, names = document.schema, sheets(document), anchors(document)
    style, script = asset("page.css") + asset("er.css"), asset("page.js")
    tables = [sheet for sheet in found if sheet.kind == "table"]
    own = {qualified(*enum.key): enum.key for enum in schema.enums}

    def address(key: m.Key) -> str:
        return f"#{names['table', key]}"

    def sheets_of(kind: str) -> list[Sheet]:
        return [sheet for sheet in found if sheet.kind == kind]

    def links_of(kind: str) -> list[tuple[str, str]]:
        return [(names["table", s.relation.key], s.title) for s in sheets_of(kind)]

    return _template().render(
        document=document,
        schema=schema,
        facts=_facts(document, len(tables)),
        anchors=names,
        kinds=_KINDS,
        marks=_MARKS,
        sheets_of=sheets_of,
        links_of=links_of,
        type_links=[(names["type", enum.key], title(enum.key)) for enum in schema.enums],
        type_of=lambda name: own.get(name.removesuffix("[]")),
        types=[one for one in schema.objects if one.kind in ("domain", "type")],
        routines=[one for one in schema.objects if one.kind in ("function", "procedure")],
        sequence_names=[title(one.key) for one in schema.sequences],
        there={sheet.relation.key for sheet in found},
        titles_of=_titles,
        search_text=_search_text,
        words=words,
        title=title,
        value=value,
        index_text=index_text,
        keys_first=len(tables) > MANY,
        drawing=Markup(drawing(schema, link=address)),
        drawing_of_keys=Markup(drawing(schema, link=address, keys_only=True)),
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_fit,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["given"] = lambda column: value(column) is not None
    return environment.from_string(asset("page.html"))


def _fit(shown: object) -> object:
    """What a template shows: text without the characters that HTML may not hold."""
    if isinstance(shown, str) and not hasattr(shown, "__html__"):
        return printable(shown)
    return shown


def words(*texts: object) -> str:
    """What a search looks in."""
    return " ".join(str(text) for text in texts if text is not None).lower()


def _search_text(sheet: Sheet) -> str:
    columns = sheet.relation.columns
    types = dict.fromkeys(column.type.removeprefix("public.") for column in columns)
    said = [sheet.relation.comment, *(column.comment for column in columns)]
    return words(sheet.title, *(column.name for column in columns), *types, *said)


def _titles(entry: Entry) -> list[str]:
    return [title(touch.table) for touch in entry.touches]


def _facts(document: Document, tables: int) -> list[str]:
    facts = [_ENGINES[document.schema.engine], _count(tables, "table")]
    if document.entries:
        facts.append(_count(len(document.entries), "migration"))
    return facts


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
