"""Documentation as one HTML page: search, diagram, tables, migrations; nothing from a network.

The page is text made here, ``page.css`` and ``page.js``. Whatever comes from the schema goes
through `e`. A content security policy that names the script and the style by their hashes lets
nothing else run or load, so even a mistake in escaping stays text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from ..parser.quoting import qualified
from ..schema import model as m
from .document import Document, Reference, Sheet, anchors, index_text, sheets, value
from .er import title
from .svg import asset, drawing, e

_ENGINES = {"cockroachdb": "CockroachDB", "postgresql": "PostgreSQL"}
_KINDS = {"table": "Tables", "view": "Views", "materialized view": "Materialized views"}
_ICON = (
    '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 2a8 8 0 1 0 0 16zM10 2v16"/>'
    '<circle cx="10" cy="10" r="8"/></svg>'
)


def page(document: Document) -> str:
    """The whole page."""
    return "\n".join(_Page(document).parts()) + "\n"


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Page:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.schema = document.schema
        self.sheets = sheets(document)
        self.anchors = anchors(document)

    def parts(self) -> Iterator[str]:
        """The page, part by part."""
        style = asset("page.css") + asset("er.css")
        script = asset("page.js")
        name = e(self.document.name)
        tables = sum(1 for s in self.sheets if s.kind == "table")
        facts = [_ENGINES[self.schema.engine], _count(tables, "table")]
        if self.document.entries:
            facts.append(_count(len(self.document.entries), "migration"))
        yield "<!doctype html>"
        yield f'<html lang="en"><head><meta charset="utf-8"><title>{name}: schema</title>'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield '<meta name="color-scheme" content="light dark">'
        yield (
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
            f" style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}';"
            " base-uri 'none'; form-action 'none'\">"
        )
        yield f"<style>{style}</style></head><body>"
        yield '<a class="skip" href="#main">Skip to the content</a>'
        yield "<header>"
        yield '<button id="menu" type="button" aria-expanded="false" aria-controls="nav">'
        yield "Contents</button>"
        yield f'<h1>{name}</h1><p class="facts">{e(" · ".join(facts))}</p>'
        yield '<div class="search"><label for="search" class="hidden">Search</label>'
        yield '<input id="search" type="search" autocomplete="off" spellcheck="false"'
        yield ' placeholder="Search tables, columns, comments" aria-describedby="found">'
        yield "<kbd>/</kbd></div>"
        yield f'<button id="theme" type="button" aria-label="Light or dark">{_ICON}</button>'
        yield "</header>"
        yield '<p id="found" class="found" role="status" aria-live="polite"></p>'
        yield from self._navigation()
        yield '<main id="main" tabindex="-1">'
        yield from self._diagram()
        for kind, heading in _KINDS.items():
            some = [s for s in self.sheets if s.kind == kind]
            if some:
                yield f"<h2>{heading}</h2>"
                for sheet in some:
                    yield from self._sheet(sheet)
        yield from self._types()
        yield from self._routines()
        yield from self._timeline()
        yield '<p class="nothing" hidden>Nothing matches.</p>'
        yield f"</main><script>{script}</script></body></html>"

    # --- navigation and diagram -------------------------------------------------------------

    def _navigation(self) -> Iterator[str]:
        yield '<nav id="nav" aria-label="Contents">'
        if self.schema.tables:
            yield '<ul><li class="always"><a href="#diagram">Diagram</a></li>'
            if self.document.entries:
                yield '<li class="always"><a href="#migrations">Migrations</a></li>'
            yield "</ul>"
        for kind, heading in _KINDS.items():
            links = [
                (self.anchors["table", s.relation.key], s.title)
                for s in self.sheets
                if s.kind == kind
            ]
            yield from _links(heading, links)
        yield from _links(
            "Types", [(self.anchors["type", t.key], title(t.key)) for t in self.schema.enums]
        )
        yield "</nav>"

    def _diagram(self) -> Iterator[str]:
        if not self.schema.tables:
            return
        drawn = drawing(self.schema, link=lambda key: f"#{self.anchors['table', key]}")
        yield '<section id="diagram" class="always" aria-labelledby="diagram-title">'
        yield '<div class="bar"><h2 id="diagram-title">Diagram</h2>'
        yield '<div class="zoom" role="group" aria-label="Size of the diagram">'
        yield '<button type="button" data-zoom="out" aria-label="Smaller">−</button>'
        yield '<button type="button" data-zoom="fit">Fit</button>'
        yield '<button type="button" data-zoom="one">100 %</button>'
        yield '<button type="button" data-zoom="in" aria-label="Larger">+</button></div></div>'
        yield '<div class="canvas" tabindex="0" role="region" aria-label="Diagram, scrollable">'
        yield drawn
        yield "</div></section>"

    # --- tables and views -------------------------------------------------------------------

    def _sheet(self, sheet: Sheet) -> Iterator[str]:
        relation = sheet.relation
        anchor = self.anchors["table", relation.key]
        names = [sheet.title, *(c.name for c in relation.columns)]
        said = [relation.comment or "", *(c.comment or "" for c in relation.columns)]
        yield (
            f'<section class="object" id="{anchor}" data-name="{e(sheet.title.lower())}"'
            f' data-text="{e(" ".join([*names, *said]).lower())}">'
        )
        yield f'<h3>{_title(relation.key)} <a class="here" href="#{anchor}"'
        yield f' aria-label="Link to {e(sheet.title)}">#</a></h3>'
        if relation.comment:
            yield f'<p class="comment">{_lines(relation.comment)}</p>'
        yield from self._columns(sheet)
        if isinstance(relation, m.Table):
            yield from self._keys(sheet, relation)
        yield from self._indexes(relation.indexes)
        if isinstance(relation, m.View):
            yield from _sql("Definition", relation.definition)
        for thing in sheet.objects:
            yield from _sql(f"{thing.kind.capitalize()} {thing.name}", thing.definition)
        if sheet.history:
            yield '<p class="history"><b>Migrations</b> '
            yield ", ".join(
                f'<a href="#v{entry.version}">{entry.version}</a> {e(entry.description)}'
                f" <i>{e(', '.join(done))}</i>"
                for entry, done in sheet.history
            )
            yield "</p>"
        yield "</section>"

    def _columns(self, sheet: Sheet) -> Iterator[str]:
        rows = []
        for column in sheet.relation.columns:
            marks = "".join(f'<abbr title="{_MARKS[k]}">{k}</abbr>' for k in sheet.marks(column))
            given = value(column)
            rows.append(
                (
                    f"<code>{e(column.name)}</code>{marks}",
                    self._type(column.type),
                    "" if column.nullable else '<span class="required">not null</span>',
                    f"<code>{e(given)}</code>" if given else "",
                    _lines(column.comment or ""),
                )
            )
        yield from _table("", ("Column", "Type", "Null", "Default", "Comment"), rows)

    def _type(self, name: str) -> str:
        """A type, with a link to it if it is one of the schema's own."""
        shown = f"<code>{e(name.removeprefix('public.'))}</code>"
        for enum in self.schema.enums:
            if name.removesuffix("[]") == qualified(*enum.key):
                return f'<a href="#{self.anchors["type", enum.key]}">{shown}</a>'
        return shown

    def _keys(self, sheet: Sheet, table: m.Table) -> Iterator[str]:
        rows = [
            (
                f"<code>{e(c.name)}</code>",
                f"<code>{e(c.definition)}</code>"
                + (f" to {self._link(c.target)}" if c.target else "")
                + ("" if c.validated else " <i>not validated</i>"),
                _lines(c.comment or ""),
            )
            for c in table.constraints
        ]
        yield from _table("Constraints", ("Name", "Definition", "Comment"), rows)
        if sheet.references:
            yield '<p class="references"><b>Referenced by</b> '
            yield ", ".join(self._reference(r) for r in sheet.references)
            yield "</p>"
        if table.partition_by:
            yield f"<p><b>Partitioned by</b> <code>{e(table.partition_by)}</code></p>"
        parts = [
            (f"<code>{e(title(t.key))}</code>", f"<code>{e(t.bound)}</code>")
            for t in sheet.partitions
        ]
        yield from _table("Partitions", ("Name", "Bounds"), parts)

    def _reference(self, reference: Reference) -> str:
        columns = ", ".join(f"<code>{e(name)}</code>" for name in reference.key.columns)
        return f"{self._link(reference.table)} ({columns})"

    def _link(self, key: m.Key) -> str:
        anchor = self.anchors.get(("table", key))
        return f'<a href="#{anchor}">{e(title(key))}</a>' if anchor else e(title(key))

    def _indexes(self, indexes: Iterable[m.Index]) -> Iterator[str]:
        rows = [
            (
                f"<code>{e(i.name)}</code>",
                ("unique " if i.unique else "")
                + f"<code>{e(index_text(i, self.schema.engine))}</code>",
                _lines(i.comment or ""),
            )
            for i in indexes
        ]
        yield from _table("Indexes", ("Name", "On", "Comment"), rows)

    # --- the rest ---------------------------------------------------------------------------

    def _types(self) -> Iterator[str]:
        objects = [p for p in self.schema.objects if p.kind in ("domain", "type")]
        if self.schema.enums or objects:
            yield "<h2>Types</h2>"
        for enum in self.schema.enums:
            words = " ".join([title(enum.key), *enum.labels, enum.comment or ""]).lower()
            yield (
                f'<section class="object" id="{self.anchors["type", enum.key]}"'
                f' data-name="{e(title(enum.key).lower())}" data-text="{e(words)}">'
            )
            yield f"<h3>{_title(enum.key)}</h3>"
            if enum.comment:
                yield f'<p class="comment">{_lines(enum.comment)}</p>'
            yield '<ol class="labels">'
            yield "".join(f"<li><code>{e(label)}</code></li>" for label in enum.labels)
            yield "</ol></section>"
        for thing in objects:
            yield from self._object(thing)
        rows = [
            (f"<code>{e(title(s.key))}</code>", e(s.type), e(s.options), _lines(s.comment or ""))
            for s in self.schema.sequences
        ]
        if rows:
            yield "<h2>Sequences</h2>"
            words = " ".join(title(s.key) for s in self.schema.sequences).lower()
            yield f'<section class="object" data-name="" data-text="{e(words)}">'
            yield from _table("", ("Name", "Type", "Options", "Comment"), rows)
            yield "</section>"

    def _routines(self) -> Iterator[str]:
        routines = [p for p in self.schema.objects if p.kind in ("function", "procedure")]
        if routines:
            yield "<h2>Routines</h2>"
        for thing in routines:
            yield from self._object(thing)

    def _object(self, thing: m.SchemaObject) -> Iterator[str]:
        name = title(thing.key)
        yield (
            f'<section class="object" id="{self.anchors[thing.kind, thing.key]}"'
            f' data-name="{e(name.lower())}"'
            f' data-text="{e((name + " " + (thing.comment or "")).lower())}">'
        )
        yield f"<h3>{_title(thing.key)}</h3>"
        if thing.comment:
            yield f'<p class="comment">{_lines(thing.comment)}</p>'
        yield from _sql("", thing.definition)
        yield "</section>"

    def _timeline(self) -> Iterator[str]:
        if not self.document.entries:
            return
        yield '<section id="migrations"><h2>Migrations</h2><ol class="timeline">'
        there = {s.relation.key for s in self.sheets}
        for entry in reversed(self.document.entries):
            titles = [title(t.table) for t in entry.touches]
            words = f"{entry.version} {entry.description} {' '.join(titles)}".lower()
            yield f'<li id="v{entry.version}" class="entry" data-text="{e(words)}">'
            yield f'<span class="version">{entry.version}</span>'
            yield f"<b>{e(entry.description)}</b>"
            if entry.applied_at is not None:
                at = f"{entry.applied_at:%Y-%m-%d %H:%M}"
                yield f'<time datetime="{e(entry.applied_at.isoformat())}">{at}</time>'
            chips = [
                f"<li>{self._link(t.table)} <i>{e(', '.join(t.done))}</i></li>"
                for t in entry.touches
                if t.table in there
            ]
            if chips:
                yield f'<ul class="chips">{"".join(chips)}</ul>'
            yield "</li>"
        yield "</ol></section>"


# --- objects of HTML -------------------------------------------------------------------------


def _links(heading: str, links: list[tuple[str, str]]) -> Iterator[str]:
    if not links:
        return
    yield f"<h2>{heading}</h2><ul>"
    for anchor, name in links:
        yield f'<li><a href="#{anchor}" title="{e(name)}">{e(name)}</a></li>'
    yield "</ul>"


def _title(key: m.Key) -> str:
    schema = "" if key[0] == "public" else f'<span class="schema">{e(key[0])}.</span>'
    return f"{schema}{e(key[1])}"


def _lines(text: str) -> str:
    return "<br>".join(e(line) for line in text.splitlines())


_MARKS = {"PK": "primary key", "FK": "foreign key", "U": "unique"}


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table, without the columns that are empty in every row."""
    if not rows:
        return
    shown = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    yield '<div class="wide" tabindex="0"><table>'
    if caption:
        yield f"<caption>{caption}</caption>"
    yield (
        "<thead><tr>" + "".join(f'<th scope="col">{heads[i]}</th>' for i in shown) + "</tr></thead>"
    )
    yield "<tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{row[i]}</td>" for i in shown) + "</tr>"
    yield "</tbody></table></div>"


def _sql(caption: str, text: str) -> Iterator[str]:
    yield '<figure class="sql">'
    if caption:
        yield f"<figcaption>{e(caption)}</figcaption>"
    yield f'<pre tabindex="0"><code>{e(text)}</code></pre></figure>'
