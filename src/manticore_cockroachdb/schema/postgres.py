"""A catalog from PostgreSQL's answers: rows in, `model.Schema` out.

Most definitions are the server's own text, from ``pg_get_…def``, since it alone knows all of its
syntax. What it has no function for (domains, types, policies) is put together here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from ..parser.quoting import qualified, quote
from ..parser.types import canonical_type
from . import model as m
from .printed import bare, index_of, items, stable

Rows: TypeAlias = Sequence[tuple[Any, ...]]
Answers: TypeAlias = Mapping[str, Rows]

_KINDS: dict[str, m.ConstraintKind] = {
    "p": "primary key",
    "u": "unique",
    "c": "check",
    "f": "foreign key",
    "x": "exclude",
}
_IDENTITY = {"a": "ALWAYS", "d": "BY DEFAULT"}
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}
_ENABLED = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
PUBLIC_COMMENT = "standard public schema"


def build(answers: Answers) -> m.Schema:
    """The catalog that these rows describe; the keys are those of `postgres_queries.QUERIES`."""
    columns = _columns(answers["columns"])
    constraints = _grouped((row[0], _constraint(row)) for row in answers["constraints"])
    indexes = _grouped(
        (row[0], index_of(stable(row[2]), valid=row[3], comment=row[4]))
        for row in answers["indexes"]
    )
    tables: list[m.Table] = []
    views: list[m.View] = []
    for row in answers["relations"]:
        parts = columns[row[0]], constraints[row[0]], indexes[row[0]]
        if row[3] in "vm":
            views.append(_view(row, *parts))
        else:
            tables.append(_table(row, *parts))
    return m.Schema(
        engine="postgresql",
        namespaces=tuple(sorted(_namespaces(answers["namespaces"]), key=lambda n: n.name)),
        extensions=tuple(m.Extension(*row) for row in sorted(answers["extensions"])),
        enums=_by_key(m.Enum(s, n, tuple(labels), c) for s, n, labels, c in answers["enums"]),
        sequences=_by_key(map(_sequence, answers["sequences"])),
        tables=_by_key(map(_like_parent({t.key: t for t in tables}), tables)),
        views=_by_key(views),
        objects=tuple(sorted(_objects(answers), key=lambda p: (p.kind, p.key))),
        left_out=tuple(sorted(row[0] for row in answers["left out"])),
    )


def _by_key(objects: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(objects, key=lambda o: o.key))


def _like_parent(tables: Mapping[m.Key, m.Table]) -> Callable[[m.Table], m.Table]:
    """A partition's columns in the order of its table's: how it came to be one is past."""

    def arranged(table: m.Table) -> m.Table:
        parent = tables.get(table.partition_of) if table.partition_of else None
        if parent is None:
            return table
        places = {c.name: i for i, c in enumerate(arranged(parent).columns)}
        columns = sorted(table.columns, key=lambda c: places.get(c.name, len(places)))
        return replace(table, columns=tuple(columns))

    return arranged


def _grouped(pairs: Iterable[tuple[int, Any]]) -> defaultdict[int, tuple[Any, ...]]:
    found: defaultdict[int, tuple[Any, ...]] = defaultdict(tuple)
    for oid, value in sorted(pairs, key=lambda pair: pair[1].name):
        found[oid] += (value,)
    return found


def _namespaces(rows: Rows) -> Iterable[m.Namespace]:
    for name, comment in rows:
        if name != "public" or comment not in (None, PUBLIC_COMMENT):
            yield m.Namespace(name, comment)


# --- relations ------------------------------------------------------------------------------


def _columns(rows: Rows) -> defaultdict[int, tuple[tuple[m.Column, bool], ...]]:
    """Columns by relation, in their order, each with whether it is the relation's own."""
    found: defaultdict[int, tuple[tuple[m.Column, bool], ...]] = defaultdict(tuple)
    for row in rows:
        oid, name, kind, nullable, default, identity, generated, collation, own, comment = row[:10]
        default = default and stable(default)
        column = m.Column(
            name=name,
            type=canonical_type(kind),
            nullable=nullable,
            default=None if generated else default,
            generated=bare(default) if generated else None,
            stored=generated != "v",
            identity=_identity(identity, canonical_type(kind), row[10:]),
            collation=collation,
            comment=comment,
        )
        found[oid] += ((column, own),)
    return found


def _identity(kind: str, column_type: str, options: tuple[Any, ...]) -> str | None:
    if not kind:
        return None
    text = _IDENTITY[kind]
    if options[0] is not None:
        sequence = m.Sequence("", "", column_type, *options)
        if sequence.options:
            text += f" ({sequence.options})"
    return text


def _constraint(row: tuple[Any, ...]) -> m.Constraint:
    _, name, kind, definition, columns, schema, table, targets, validated, comment = row
    return m.Constraint(
        name=name,
        kind=_KINDS[kind],
        definition=stable(definition.removesuffix(" NOT VALID")),
        columns=tuple(columns),
        target=(schema, table) if table else None,
        target_columns=tuple(targets),
        validated=validated,
        comment=comment,
    )


def _table(
    row: tuple[Any, ...],
    columns: tuple[tuple[m.Column, bool], ...],
    constraints: tuple[m.Constraint, ...],
    indexes: tuple[m.Index, ...],
) -> m.Table:
    _, schema, name, _, unlogged, options, secured, forced, key, bound, parents, _, comment = row
    security: Literal["off", "on", "forced"] = "off"
    if secured:
        security = "forced" if forced else "on"
    above = tuple((s, n) for s, n in parents)
    return m.Table(
        schema=schema,
        name=name,
        columns=tuple(c for c, own in columns if own or bound is not None),
        constraints=constraints,
        indexes=indexes,
        unlogged=unlogged,
        partition_by=key,
        partition_of=above[0] if bound is not None else None,
        bound=bound,
        inherits=above if bound is None else (),
        options=_options(options),
        row_security=security,
        comment=comment,
    )


def _view(
    row: tuple[Any, ...],
    columns: tuple[tuple[m.Column, bool], ...],
    _: tuple[m.Constraint, ...],
    indexes: tuple[m.Index, ...],
) -> m.View:
    return m.View(
        schema=row[1],
        name=row[2],
        definition=stable(row[11].strip().removesuffix(";")),
        columns=tuple(c for c, _ in columns),
        materialized=row[3] == "m",
        indexes=indexes,
        options=_options(row[5]),
        comment=row[12],
    )


def _options(options: Iterable[str] | None) -> tuple[tuple[str, str], ...]:
    pairs = (option.partition("=") for option in options or ())
    return tuple(sorted((name, value) for name, _, value in pairs))


def _sequence(row: tuple[Any, ...]) -> m.Sequence:
    schema, name, kind, start, step, least, most, cache, cycle, *owner, comment = row
    return m.Sequence(
        schema=schema,
        name=name,
        type=canonical_type(kind),
        start=start,
        increment=step,
        minimum=least,
        maximum=most,
        cache=cache,
        cycle=cycle,
        owned_by=(owner[0], owner[1], owner[2]) if owner[2] else None,
        comment=comment,
    )


# --- everything else ------------------------------------------------------------------------


def _objects(answers: Answers) -> Iterable[m.SchemaObject]:
    for schema, name, base, collation, default, required, checks, comment in answers["domains"]:
        parts = [f"CREATE DOMAIN {qualified(schema, name)} AS {canonical_type(base)}"]
        parts += [f"COLLATE {collation}"] if collation else []
        parts += [f"DEFAULT {default}"] if default else []
        parts += ["NOT NULL"] if required else []
        yield _object("domain", schema, name, " ".join([*parts, *map(stable, checks)]), comment)
    for schema, name, attributes, comment in answers["composites"]:
        text = f"CREATE TYPE {qualified(schema, name)} AS ({', '.join(attributes)})"
        yield _object("type", schema, name, text, comment)
    for schema, name, subtype, collation, difference, canonical, comment in answers["ranges"]:
        parts = [f"SUBTYPE = {subtype}"]
        parts += [f"COLLATION = {collation}"] if collation else []
        parts += [f"CANONICAL = {canonical}"] if canonical else []
        parts += [f"SUBTYPE_DIFF = {difference}"] if difference else []
        text = f"CREATE TYPE {qualified(schema, name)} AS RANGE ({', '.join(parts)})"
        yield _object("type", schema, name, text, comment)
    for schema, name, kind, arguments, definition, comment in answers["routines"]:
        word: m.ObjectKind = "procedure" if kind == "p" else "function"
        drop = f"{word.upper()} {qualified(schema, name)}({arguments})"
        full = f"{name}({', '.join(items(arguments))})"
        yield m.SchemaObject(word, schema, full, definition.strip(), drop, comment=comment)
    for schema, name, definition, comment in answers["statistics"]:
        yield _object("statistics", schema, name, definition, comment)
    yield from _on_tables(answers)


def _object(
    kind: m.ObjectKind, schema: str, name: str, definition: str, comment: str | None
) -> m.SchemaObject:
    return m.SchemaObject(
        kind, schema, name, definition, f"{kind.upper()} {qualified(schema, name)}", None, comment
    )


def _on_tables(answers: Answers) -> Iterable[m.SchemaObject]:
    for schema, table, name, definition, enabled, comment in answers["triggers"]:
        text = stable(definition)
        if enabled in _ENABLED:
            relation = qualified(schema, table)
            text += f";\nALTER TABLE {relation} {_ENABLED[enabled]} TRIGGER {quote(name)}"
        yield _on_table("trigger", schema, table, name, text, comment)
    for row in answers["policies"]:
        schema, table, name, permissive, command, roles, using, check, comment = row
        text = (
            f"CREATE POLICY {quote(name)} ON {qualified(schema, table)}"
            f" AS {'PERMISSIVE' if permissive else 'RESTRICTIVE'}"
            f" FOR {_COMMANDS[command]} TO {', '.join(roles)}"
        )
        text += f" USING ({stable(using)})" if using else ""
        text += f" WITH CHECK ({stable(check)})" if check else ""
        yield _on_table("policy", schema, table, name, text, comment)
    for schema, table, name, definition, comment in answers["rules"]:
        text = stable(definition.strip().removesuffix(";"))
        yield _on_table("rule", schema, table, name, text, comment)


def _on_table(
    kind: m.ObjectKind, schema: str, table: str, name: str, definition: str, comment: str | None
) -> m.SchemaObject:
    drop = f"{kind.upper()} {quote(name)} ON {qualified(schema, table)}"
    return m.SchemaObject(kind, schema, name, definition, drop, table, comment)
