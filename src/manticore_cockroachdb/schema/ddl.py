"""The statements that make one object each, and what is said about it afterwards.

`render` puts them in order for a whole database, `alter` uses them for what is new. Nothing here
ends with a semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..dialect import Engine
from ..parser.quoting import listed, literal, qualified, quote
from . import model as m


def create_namespace(namespace: m.Namespace) -> str:
    """CREATE SCHEMA."""
    return f"CREATE SCHEMA {quote(namespace.name)}"


def create_extension(extension: m.Extension) -> str:
    """CREATE EXTENSION, in its schema."""
    place = (
        "" if extension.schema in ("public", "pg_catalog") else f" SCHEMA {quote(extension.schema)}"
    )
    return f"CREATE EXTENSION IF NOT EXISTS {quote(extension.name)}{place}"


def create_enum(enum: m.Enum) -> str:
    """CREATE TYPE … AS ENUM."""
    labels = ", ".join(map(literal, enum.labels))
    return f"CREATE TYPE {qualified(*enum.key)} AS ENUM ({labels})"


def create_sequence(sequence: m.Sequence) -> str:
    """CREATE SEQUENCE; whose it is is said once its table is there."""
    kind = "" if sequence.type == "INT8" else f" AS {sequence.type}"
    more = f" {sequence.options}" if sequence.options else ""
    return f"CREATE SEQUENCE {qualified(*sequence.key)}{kind}{more}"


def own_sequence(sequence: m.Sequence) -> str:
    """ALTER SEQUENCE … OWNED BY."""
    owner = sequence.owned_by
    column = f"{qualified(*owner[:2])}.{quote(owner[2])}" if owner else "NONE"
    return f"ALTER SEQUENCE {qualified(*sequence.key)} OWNED BY {column}"


def column(column: m.Column, engine: Engine) -> str:
    """A column as CREATE TABLE and ADD COLUMN take it."""
    parts = [quote(column.name), column.type]
    if column.collation:
        parts.append(f"COLLATE {column.collation}")
    if not column.visible:
        parts.append("NOT VISIBLE")
    if not column.nullable:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.on_update is not None:
        parts.append(f"ON UPDATE {column.on_update}")
    if column.identity is not None:
        kind, _, more = column.identity.partition(" (")
        parts.append(f"GENERATED {kind} AS IDENTITY" + (f" ({more}" if more else ""))
    if column.generated is not None:
        parts.append(generated(column, engine))
    return " ".join(parts)


def generated(column: m.Column, engine: Engine) -> str:
    """What makes a column a computed one."""
    before = "GENERATED ALWAYS AS" if engine == "postgresql" else "AS"
    return f"{before} ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"


def constraint(constraint: m.Constraint) -> str:
    """A constraint as CREATE TABLE and ADD take it."""
    text = f"CONSTRAINT {quote(constraint.name)} {constraint.definition}"
    return text if constraint.validated else f"{text} NOT VALID"


def add_constraint(table: m.Key, added: m.Constraint) -> str:
    """ALTER TABLE … ADD CONSTRAINT."""
    return f"ALTER TABLE {qualified(*table)} ADD {constraint(added)}"


def add_later(table: m.Key, added: m.Constraint, engine: Engine) -> Iterator[str]:
    """What adds a constraint to a table made just before.

    CockroachDB v20.2 takes one added in the transaction that made the table for not validated.
    """
    yield add_constraint(table, added)
    if engine == "cockroachdb" and added.validated:
        yield f"ALTER TABLE {qualified(*table)} VALIDATE CONSTRAINT {quote(added.name)}"


def inline(table: m.Table, engine: Engine) -> tuple[m.Constraint, ...]:
    """The constraints that stand in CREATE TABLE.

    Foreign keys wait for the other table, and what was not validated for its rows. A second key
    with the same columns waits as well: inside CREATE TABLE, PostgreSQL makes one of the two.
    """
    keys: set[str] = set()
    found = []
    for one in sorted(table.constraints, key=lambda c: c.kind != "primary key"):
        if one.kind == "foreign key" or not one.validated:
            continue
        if engine == "postgresql" and one.kind in ("primary key", "unique"):
            definition = one.definition.removeprefix(one.kind.upper()).strip()
            if definition in keys:
                continue
            keys.add(definition)
        found.append(one)
    return tuple(one for one in table.constraints if one in found)


def later(table: m.Table, engine: Engine) -> tuple[m.Constraint, ...]:
    """The constraints that are added once all tables are there."""
    there = inline(table, engine)
    return tuple(one for one in table.constraints if one not in there)


def create_table(table: m.Table, engine: Engine, parent: m.Table | None = None) -> Iterator[str]:
    """CREATE TABLE without indexes and foreign keys, and what cannot stand in it.

    ``parent`` is the table that this one is a partition of.
    """
    name = qualified(*table.key)
    lines = [constraint(c) for c in inline(table, engine)]
    if table.partition_of is None:
        lines = [column(c, engine) for c in table.columns] + lines
    lines += [f"FAMILY {quote(name)} ({listed(columns)})" for name, columns in table.families]
    body = " (\n    " + ",\n    ".join(lines) + "\n)" if lines else " ()"
    head = f"CREATE {'UNLOGGED ' if table.unlogged else ''}TABLE {name}"
    if table.partition_of is not None:
        text = f"{head} PARTITION OF {qualified(*table.partition_of)}"
        text += (body if lines else "") + f" {table.bound}"
    else:
        text = head + body
    if table.inherits:
        text += f" INHERITS ({', '.join(qualified(*k) for k in table.inherits)})"
    if table.partition_by:
        text += f" PARTITION BY {table.partition_by}"
    if table.options:
        text += f" WITH ({options(table.options)})"
    if table.locality:
        text += f" LOCALITY {table.locality}"
    yield text
    if parent is not None:
        yield from _differences(table, parent)
    yield from row_security(table, "off")


def _differences(table: m.Table, parent: m.Table) -> Iterator[str]:
    """What a partition has otherwise than its table."""
    for own in table.columns:
        above = parent.column(own.name)
        if above is None:
            continue
        where = f"ALTER TABLE {qualified(*table.key)} ALTER COLUMN {quote(own.name)}"
        if own.default != above.default and own.generated is None:
            action = "DROP DEFAULT" if own.default is None else f"SET DEFAULT {own.default}"
            yield f"{where} {action}"
        if above.nullable and not own.nullable:
            yield f"{where} SET NOT NULL"


def row_security(table: m.Table, before: str) -> Iterator[str]:
    """What turns row security from one state to the table's."""
    head = f"ALTER TABLE {qualified(*table.key)}"
    if (table.row_security == "off") != (before == "off"):
        yield f"{head} {'DISABLE' if table.row_security == 'off' else 'ENABLE'} ROW LEVEL SECURITY"
    if (table.row_security == "forced") != (before == "forced"):
        force = "FORCE" if table.row_security == "forced" else "NO FORCE"
        yield f"{head} {force} ROW LEVEL SECURITY"


def create_index(relation: m.Key, index: m.Index, engine: Engine) -> str:
    """CREATE INDEX."""
    unique = "UNIQUE " if index.unique else ""
    text = f"CREATE {unique}INDEX {quote(index.name)} ON {qualified(*relation)}"
    if index.method != "btree":
        text += f" USING {index.method}"
    text += f" ({', '.join(index.keys)})"
    if index.buckets is not None:
        text += " USING HASH" + (f" WITH BUCKET_COUNT = {index.buckets}" if index.buckets else "")
    if index.storing:
        word = "INCLUDE" if engine == "postgresql" else "STORING"
        text += f" {word} ({listed(index.storing)})"
    if not index.nulls_distinct:
        text += " NULLS NOT DISTINCT"
    if index.options:
        text += f" WITH ({index.options})"
    if index.where:
        text += f" WHERE {index.where}"
    return text if index.visible else f"{text} NOT VISIBLE"


def create_view(view: m.View, engine: Engine) -> str:
    """CREATE [MATERIALIZED] VIEW."""
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    text = f"CREATE {kind} {qualified(*view.key)}"
    if engine == "cockroachdb" and view.columns:
        text += f" ({listed(tuple(c.name for c in view.columns))})"
    if view.options:
        text += f" WITH ({options(view.options)})"
    return f"{text} AS\n{view.definition}"


# --- comments -------------------------------------------------------------------------------


def comment(subject: str, text: str | None) -> str:
    """COMMENT ON something that has one now, or no longer."""
    return f"COMMENT ON {subject} IS {'NULL' if text is None else literal(text)}"


def column_subject(relation: m.Key, name: str) -> str:
    """What a comment on a column is on."""
    return f"COLUMN {qualified(*relation)}.{quote(name)}"


def constraint_subject(table: m.Key, name: str) -> str:
    """What a comment on a constraint is on."""
    return f"CONSTRAINT {quote(name)} ON {qualified(*table)}"


def index_subject(relation: m.Key, name: str, engine: Engine) -> str:
    """What a comment on an index is on."""
    if engine == "cockroachdb":
        return f"INDEX {qualified(*relation)}@{quote(name)}"
    return f"INDEX {qualified(relation[0], name)}"


def subject(thing: m.Enum | m.Sequence | m.Table | m.View | m.SchemaObject) -> str:
    """What a comment on an object is on."""
    match thing:
        case m.Enum():
            return f"TYPE {qualified(*thing.key)}"
        case m.Sequence():
            return f"SEQUENCE {qualified(*thing.key)}"
        case m.Table():
            return f"TABLE {qualified(*thing.key)}"
        case m.View():
            return f"{'MATERIALIZED VIEW' if thing.materialized else 'VIEW'} {_name(thing)}"
        case m.SchemaObject():
            return thing.drop


def _name(view: m.View) -> str:
    return qualified(*view.key)


def remarks(schema: m.Schema) -> Iterator[tuple[str, str | None]]:
    """Everything that a comment can be on, with its comment."""
    for namespace in schema.namespaces:
        yield f"SCHEMA {quote(namespace.name)}", namespace.comment
    for thing in schema.everything():
        yield subject(thing), thing.comment
        if isinstance(thing, m.Table | m.View):
            yield from ((column_subject(thing.key, c.name), c.comment) for c in thing.columns)
            for index in thing.indexes:
                yield index_subject(thing.key, index.name, schema.engine), index.comment
        if isinstance(thing, m.Table):
            for held in thing.constraints:
                yield constraint_subject(thing.key, held.name), held.comment


def comments(schema: m.Schema) -> Iterator[str]:
    """Every comment of a database."""
    for where, text in remarks(schema):
        if text is not None:
            yield comment(where, text)


_BARE = re.compile(r"true|false|-?\d+(?:\.\d+)?")


def options(pairs: Iterable[tuple[str, str]]) -> str:
    """Storage parameters as they stand in WITH (…)."""
    return ", ".join(f"{name} = {_value(value)}" for name, value in pairs)


def _value(value: str) -> str:
    return value if _BARE.fullmatch(value) else literal(value)
