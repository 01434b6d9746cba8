"""What documentation says of a schema: the same facts for Markdown and for the page.

A `Document` is everything; `Sheet` is one table or view with what is asked of it: who points to
it, what is on it, which migrations had to do with it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..dialect import Engine
from ..parser.quoting import quote
from ..schema import ddl
from ..schema import model as m
from .er import title
from .timeline import Entry, of_table


@dataclass(frozen=True, slots=True)
class Document:
    """``name`` is what it is about: the database's name."""

    name: str
    schema: m.Schema
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of another table that points here."""

    table: m.Key
    key: m.Constraint


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table or view with everything about it."""

    relation: m.Table | m.View
    references: tuple[Reference, ...]
    partitions: tuple[m.Table, ...]
    objects: tuple[m.SchemaObject, ...]
    history: tuple[tuple[Entry, tuple[str, ...]], ...]

    @property
    def title(self) -> str:
        """Its name, as people say it."""
        return title(self.relation.key)

    @property
    def kind(self) -> str:
        """What it is."""
        if isinstance(self.relation, m.Table):
            return "table"
        return "materialized view" if self.relation.materialized else "view"

    def marks(self, column: m.Column) -> tuple[str, ...]:
        """Which keys a column is in: "PK", "FK", "U"."""
        if isinstance(self.relation, m.View):
            return ()
        found = []
        for constraint in self.relation.constraints:
            if column.name in constraint.columns:
                found += [_MARKS.get(constraint.kind, "")]
        quoted = quote(column.name)
        if any(i.unique and quoted in i.keys for i in self.relation.indexes):
            found.append("U")
        return tuple(mark for mark in _MARKS.values() if mark in found)


_MARKS = {"primary key": "PK", "foreign key": "FK", "unique": "U"}


def sheets(document: Document) -> tuple[Sheet, ...]:
    """A sheet for each table but partitions, then for each view."""
    schema = document.schema
    tables = [t for t in schema.tables if t.partition_of is None]
    references: dict[m.Key, list[Reference]] = defaultdict(list)
    for table in tables:
        for constraint in table.foreign_keys:
            if constraint.target is not None:
                references[constraint.target].append(Reference(table.key, constraint))
    relations: list[m.Table | m.View] = [*tables, *schema.views]
    return tuple(
        Sheet(
            relation,
            tuple(references[relation.key]),
            tuple(t for t in schema.tables if t.partition_of == relation.key),
            tuple(p for p in schema.objects if (p.schema, p.table) == relation.key),
            tuple(of_table(document.entries, relation.key)),
        )
        for relation in relations
    )


def value(column: m.Column) -> str | None:
    """What a column holds when nothing is given, or what it is computed from."""
    if column.generated is not None:
        return f"= {column.generated}"
    if column.identity is not None:
        return f"identity, {column.identity.lower()}"
    return column.default


def index_text(index: m.Index, engine: Engine) -> str:
    """What an index is on: its definition without what stands around it anyway."""
    return ddl.create_index(("", ""), index, engine).partition(' ON ""."" ')[2]


def anchors(document: Document) -> Mapping[tuple[str, m.Key], str]:
    """An address within the page for each object, from its kind and key; each only once."""
    found: dict[tuple[str, m.Key], str] = {}
    taken: set[str] = set()
    schema = document.schema
    things: list[tuple[str, m.Key]] = [("table", t.key) for t in schema.tables]
    things += [("table", v.key) for v in schema.views]
    things += [("type", e.key) for e in schema.enums]
    things += [("sequence", s.key) for s in schema.sequences]
    things += [(p.kind, p.key) for p in schema.objects]
    for kind, key in things:
        words = re.sub(r"[^a-z0-9]+", "-", title(key).lower()).strip("-")
        base = f"{kind}-{words or 'x'}"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        found[kind, key] = name
    return found
