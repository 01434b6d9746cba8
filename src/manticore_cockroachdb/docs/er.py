"""Entities and relations: what a diagram of a schema shows, however it is drawn.

Partitions are left out: they are parts of a table, not tables of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..schema import model as m


@dataclass(frozen=True, slots=True)
class Field:
    """A column: part of the primary key, of a foreign key, or neither."""

    name: str
    type: str
    primary: bool = False
    foreign: bool = False
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Entity:
    """A table."""

    key: m.Key
    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key. ``optional``: a row of the child may have no parent; ``single``: a row of
    the parent has at most one child."""

    name: str
    child: m.Key
    parent: m.Key
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    optional: bool
    single: bool


def title(key: m.Key) -> str:
    """A table's name as people say it: without the schema, if that is ``public``."""
    return key[1] if key[0] == "public" else f"{key[0]}.{key[1]}"


def entities(schema: m.Schema) -> tuple[tuple[Entity, ...], tuple[Relation, ...]]:
    """The tables of a schema and what connects them."""
    tables = [t for t in schema.tables if t.partition_of is None]
    there = {t.key for t in tables}
    relations = tuple(
        _relation(table, constraint)
        for table in tables
        for constraint in table.foreign_keys
        if constraint.target in there
    )
    return tuple(_entity(t) for t in tables), relations


def _entity(table: m.Table) -> Entity:
    primary = set(table.primary_key.columns) if table.primary_key else set()
    foreign = {name for key in table.foreign_keys for name in key.columns}
    return Entity(
        table.key,
        title(table.key),
        tuple(
            Field(
                c.name,
                c.type.removeprefix("public."),
                c.name in primary,
                c.name in foreign,
                c.nullable,
            )
            for c in table.columns
        ),
    )


def _relation(table: m.Table, key: m.Constraint) -> Relation:
    assert key.target is not None
    columns = [table.column(name) for name in key.columns]
    return Relation(
        key.name,
        table.key,
        key.target,
        key.columns,
        key.target_columns,
        optional=any(c is not None and c.nullable for c in columns),
        single=_unique(table, key.columns),
    )


def _unique(table: m.Table, columns: tuple[str, ...]) -> bool:
    """Whether rows of a table cannot be alike in these columns."""
    keys = [set(c.columns) for c in table.constraints if c.kind in ("primary key", "unique")]
    keys += [
        {key.split(" ")[0].strip('"') for key in i.keys}
        for i in table.indexes
        if i.unique and i.where is None
    ]
    return any(key and key <= set(columns) for key in keys)
