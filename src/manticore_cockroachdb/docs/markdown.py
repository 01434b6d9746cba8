"""Documentation as Markdown: one file with a section for each table, and the diagram as Mermaid.

It has no dates and no version of a server, so that it changes only when the schema or the
history of migrations does. Whatever comes from the schema is escaped: names and SQL stand in code
spans, comments as text that cannot become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..schema import model as m
from .document import Document, Sheet, anchors, index_text, sheets, value
from .er import title
from .mermaid import left_out, mermaid
from .timeline import Entry

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")
_PLURALS = {"table": "Tables", "view": "Views", "materialized view": "Materialized views"}
Anchors = Mapping[tuple[str, m.Key], str]


def markdown(document: Document) -> str:
    """The whole text."""
    return "\n".join(_lines(document)).rstrip("\n") + "\n"


def _lines(document: Document) -> Iterator[str]:
    schema, found, names = document.schema, sheets(document), anchors(document)
    yield f"# {text(document.name)}"
    yield ""
    yield f"<!-- Written by `manticore docs` from a {_ENGINES[schema.engine]} database. -->"
    yield ""
    for kind, heading in _PLURALS.items():
        if some := [s for s in found if s.kind == kind]:
            links = [f"[{text(s.title)}](#{names['table', s.relation.key]})" for s in some]
            yield f"**{heading}:** {', '.join(links)}"
            yield ""
    if schema.tables:
        diagram = mermaid(schema)
        yield from ("## Diagram", "")
        if note := left_out(diagram):
            yield from (f"*This diagram is {note}; schema.svg has everything.*", "")
        yield from ("```mermaid", diagram.rstrip("\n"), "```", "")
    for kind, heading in _PLURALS.items():
        if some := [s for s in found if s.kind == kind]:
            yield from (f"## {heading}", "")
            for sheet in some:
                yield from _sheet(sheet, names, schema)
    yield from _types(schema, names)
    yield from _routines(schema, names)
    yield from _migrations(document.entries, found, names)


_ENGINES = {"cockroachdb": "CockroachDB", "postgresql": "PostgreSQL"}


def _sheet(sheet: Sheet, names: Anchors, schema: m.Schema) -> Iterator[str]:
    relation = sheet.relation
    yield f'<a id="{names["table", relation.key]}"></a>'
    yield ""
    yield f"### {code(sheet.title)}"
    yield ""
    if relation.comment:
        yield from (text(relation.comment), "")
    if relation.columns:
        yield from table(
            ("Column", "Type", "Null", "Default", "Key", "Comment"),
            (
                (
                    code(c.name),
                    code(c.type),
                    "yes" if c.nullable else "no",
                    code(value(c)),
                    ", ".join(sheet.marks(c)),
                    text(c.comment),
                )
                for c in relation.columns
            ),
        )
    if isinstance(relation, m.Table):
        yield from _keys(sheet, relation, names)
    if relation.indexes:
        yield from table(
            ("Index", "On", "Comment"),
            (
                (
                    code(i.name) + (" unique" if i.unique else ""),
                    code(index_text(i, schema.engine)),
                    text(i.comment),
                )
                for i in relation.indexes
            ),
        )
    if isinstance(relation, m.View):
        yield from block(relation.definition)
    for thing in sheet.objects:
        yield from (f"{thing.kind.capitalize()} {code(thing.name)}:", "")
        yield from block(thing.definition)
    if sheet.history:
        done = [f"{entry.version} {text(entry.description)} ({', '.join(words)})"
                for entry, words in sheet.history]  # fmt: skip
        yield from ("Migrations: " + "; ".join(done), "")


def _keys(sheet: Sheet, relation: m.Table, names: Anchors) -> Iterator[str]:
    if relation.partition_by:
        yield from (f"Partitioned by {code(relation.partition_by)}", "")
    for part in sheet.partitions:
        yield f"- partition {code(title(part.key))} {code(part.bound)}"
    if sheet.partitions:
        yield ""
    if relation.constraints:
        yield from table(
            ("Constraint", "Definition", "Comment"),
            ((code(c.name), _definition(c, names), text(c.comment)) for c in relation.constraints),
        )
    if sheet.references:
        links = [
            f"{_link(r.table, names)} ({', '.join(code(name) for name in r.key.columns)})"
            for r in sheet.references
        ]
        yield from ("Referenced by " + ", ".join(links), "")


def _definition(constraint: m.Constraint, names: Anchors) -> str:
    found = code(constraint.definition)
    if constraint.target is not None:
        found += f" to {_link(constraint.target, names)}"
    return found if constraint.validated else f"{found}, not validated"


def _link(key: m.Key, names: Anchors) -> str:
    name = names.get(("table", key))
    return f"[{text(title(key))}](#{name})" if name else text(title(key))


def _types(schema: m.Schema, names: Anchors) -> Iterator[str]:
    objects = [p for p in schema.objects if p.kind in ("domain", "type")]
    if schema.enums or objects:
        yield from ("## Types", "")
    for enum in schema.enums:
        yield f'<a id="{names["type", enum.key]}"></a>'
        yield ""
        labels = ", ".join(code(label) for label in enum.labels)
        yield f"**{code(title(enum.key))}**: {labels}"
        yield ""
        if enum.comment:
            yield from (text(enum.comment), "")
    for thing in objects:
        yield from block(thing.definition)
    if schema.sequences:
        yield from ("## Sequences", "")
        yield from table(
            ("Sequence", "Type", "Options", "Comment"),
            (
                (code(title(s.key)), code(s.type), code(s.options), text(s.comment))
                for s in schema.sequences
            ),
        )


def _routines(schema: m.Schema, names: Anchors) -> Iterator[str]:
    routines = [p for p in schema.objects if p.kind in ("function", "procedure")]
    if routines:
        yield from ("## Routines", "")
    for thing in routines:
        yield from (f"### {thing.kind.capitalize()} {code(title(thing.key))}", "")
        if thing.comment:
            yield from (text(thing.comment), "")
        yield from block(thing.definition)


def _migrations(entries: Sequence[Entry], found: Sequence[Sheet], names: Anchors) -> Iterator[str]:
    if not entries:
        return
    there = {s.relation.key for s in found}
    yield from ("## Migrations", "")
    yield from table(
        ("Version", "Description", "Tables"),
        (
            (
                str(entry.version),
                text(entry.description),
                ", ".join(
                    f"{_link(t.table, names)} {', '.join(t.done)}"
                    for t in entry.touches
                    if t.table in there
                ),
            )
            for entry in entries
        ),
    )


# --- the parts of Markdown ------------------------------------------------------------------


def text(words: str | None) -> str:
    """Plain text: no character of it is markup, and it stays on one line."""
    if not words:
        return ""
    lines = (" ".join(line.split()) for line in words.splitlines())
    return "<br>".join(_escaped(line) for line in lines if line)


def _escaped(line: str) -> str:
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    line = _MARKUP.sub(r"\\\1", line)
    line = re.sub(r"^(\d+)\.", r"\1\\.", line)
    return re.sub(r"(?i)(https?|ftp|www|mailto|javascript)(:|\.)", r"\1&#8203;\2", line)


def code(words: str | None) -> str:
    """A code span on one line."""
    if not words:
        return ""
    words = " ".join(words.split()) or " "
    longest = max((len(run) for run in re.findall(r"`+", words)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if words[0] == "`" or words[-1] == "`" else ""
    return f"{fence}{pad}{words}{pad}{fence}"


def block(sql: str) -> Iterator[str]:
    """A block of SQL."""
    longest = max((len(run) for run in re.findall(r"`+", sql)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}sql", sql, fence, "")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table without the columns that are empty in all rows."""
    cells = [[re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row] for row in rows]
    shown = [i for i in range(len(heads)) if any(row[i] for row in cells)]
    for line in (heads, ["---"] * len(heads), *cells):
        yield "| " + " | ".join(line[i] for i in shown) + " |"
    yield ""
