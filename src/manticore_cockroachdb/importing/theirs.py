"""A catalog without what the old tool has made for itself: its history, its locks, its schemas."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..schema import model as m


def without_theirs(
    schema: m.Schema, home: str, tables: Collection[str], schemas: Collection[str]
) -> m.Schema:
    """The catalog without ``tables`` of the schema ``home``, with their sequences, and without
    everything in ``schemas``. Names are compared whatever their case."""
    names = {name.lower() for name in tables}

    def theirs(key: m.Key) -> bool:
        return key[0] in schemas or (key[0] == home and key[1].lower() in names)

    def of_theirs(one: m.Sequence) -> bool:
        return theirs(one.key) or (one.owned_by is not None and theirs(one.owned_by[:2]))

    # A SERIAL on CockroachDB may have a sequence that nothing owns; its name says whose it is.
    orphans = {f"{name}_id_seq" for name in names}
    return replace(
        schema,
        namespaces=tuple(n for n in schema.namespaces if n.name not in schemas),
        tables=tuple(t for t in schema.tables if not theirs(t.key)),
        views=tuple(v for v in schema.views if v.schema not in schemas),
        enums=tuple(e for e in schema.enums if e.schema not in schemas),
        objects=tuple(
            o
            for o in schema.objects
            if o.schema not in schemas and not theirs((o.schema, o.table or ""))
        ),
        sequences=tuple(
            s
            for s in schema.sequences
            if not of_theirs(s) and not (s.schema == home and s.name.lower() in orphans)
        ),
    )
