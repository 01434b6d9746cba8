"""A catalog as SQL: the same catalog gives the same text, and running it gives the catalog.

The order is schemas, extensions, types, sequences, tables, indexes, views, routines, with what
others need moved before them (`order`), then foreign keys, owners of sequences, triggers and the
like, comments. The text names no version of a server, so that it changes only when the schema
does. It is meant to be committed, and to be run on an empty database.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import ddl
from . import model as m
from .order import Block, ordered

_TITLES = {"cockroachdb": "CockroachDB", "postgresql": "PostgreSQL"}
_TYPES, _SEQUENCES, _TABLES, _INDEXES, _VIEWS, _ROUTINES = range(6)
_LATE = ("trigger", "policy", "rule")


def render(schema: m.Schema) -> str:
    """The dump: SQL that makes this catalog in an empty database."""
    lines = [f"-- The schema of a {_TITLES[schema.engine]} database, as `manticore dump` wrote it."]
    lines += [f"-- Not in it: {' '.join(thing.split())}" for thing in schema.left_out]
    routines = any(p.kind in ("function", "procedure") for p in schema.objects)
    if routines and schema.engine == "postgresql":
        lines.append("SET check_function_bodies = off;")
    return "\n".join(lines) + "\n" + "".join(f"\n{s};\n" for s in statements(schema))


def statements(schema: m.Schema) -> Iterator[str]:
    """The statements of the dump, in order, without semicolons."""
    for namespace in schema.namespaces:
        if namespace.name != "public":
            yield ddl.create_namespace(namespace)
    yield from map(ddl.create_extension, schema.extensions)
    for block in ordered(_blocks(schema)):
        yield from block.statements
    yield from _afterwards(schema)
    yield from ddl.comments(schema)


def _blocks(schema: m.Schema) -> Iterator[Block]:
    engine = schema.engine
    for enum in schema.enums:
        yield Block(_TYPES, enum.key, (ddl.create_enum(enum),), (enum.key,))
    for sequence in schema.sequences:
        text = ddl.create_sequence(sequence)
        yield Block(_SEQUENCES, sequence.key, (text,), (sequence.key,))
    for table in schema.tables:
        texts = tuple(ddl.create_table(table, engine, schema.parent(table)))
        yield Block(_TABLES, table.key, texts, (table.key,))
    for view in schema.views:
        yield Block(_VIEWS, view.key, (ddl.create_view(view, engine),), (view.key,))
    relations: tuple[m.Table | m.View, ...] = (*schema.tables, *schema.views)
    for relation in relations:
        for index in relation.indexes:
            text = ddl.create_index(relation.key, index, engine)
            yield Block(_INDEXES, (relation.schema, f"{relation.name}.{index.name}"), (text,))
    for thing in schema.objects:
        if thing.kind not in _LATE:
            rank = _TYPES if thing.kind in ("domain", "type") else _ROUTINES
            bare = (thing.schema, thing.name.partition("(")[0])
            yield Block(rank, thing.key, (thing.definition,), (bare,))


def _afterwards(schema: m.Schema) -> Iterator[str]:
    """What connects objects with each other."""
    for sequence in schema.sequences:
        if sequence.owned_by is not None:
            yield ddl.own_sequence(sequence)
    for table in schema.tables:
        for constraint in ddl.later(table, schema.engine):
            yield from ddl.add_later(table.key, constraint, schema.engine)
    for kind in _LATE:
        for thing in schema.objects:
            if thing.kind == kind:
                yield thing.definition
