"""What two catalogs differ in: two values in, a tuple of changes out.

``before`` is the first catalog, ``after`` the second; each change is one aspect of one object,
in words that a person would use. Whether a change is *destructive* is asked of the way from the
first to the second: whether data, or the room for some of it, would be gone.

The order of columns does not count. It depends on when a column was added, so a database that
went through an undo and a redo has another one, and nothing that names its columns can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ..parser.quoting import qualified, quote
from . import ddl
from . import model as m

Kind = Literal["added", "removed", "changed"]

# Types whose every value the other type can hold.
_WIDER = {
    "INT2": {"INT4", "INT8", "NUMERIC", "FLOAT8", "TEXT"},
    "INT4": {"INT8", "NUMERIC", "FLOAT8", "TEXT"},
    "INT8": {"NUMERIC", "TEXT"},
    "FLOAT4": {"FLOAT8", "TEXT"},
    "FLOAT8": {"TEXT"},
    "NUMERIC": {"TEXT"},
    "DATE": {"TIMESTAMP", "TIMESTAMPTZ", "TEXT"},
    "UUID": {"TEXT"},
    "BOOL": {"TEXT"},
    "VARCHAR": {"TEXT"},
    "CHAR": {"TEXT", "VARCHAR"},
    "TIMESTAMP": {"TIMESTAMPTZ"},
    "JSON": {"TEXT"},
    "JSONB": {"TEXT"},
}
_WORDS = {
    "nullable": "nullability",
    "where": "condition",
    "keys": "columns",
    "target": "target",
    "unique": "uniqueness",
    "options": "options",
    "labels": "labels",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    ``what`` is the kind of object ("table", "column", "index", "foreign key" …), ``path`` its
    name with those above it, ``aspect`` what of it changed ("type", "default" …; None when all
    of it was added or removed). ``before`` and ``after`` are SQL or a value as text, None where
    there is none. ``table`` is the table or view that it is a part of.
    """

    kind: Kind
    what: str
    path: str
    aspect: str | None
    before: str | None
    after: str | None
    destructive: bool
    table: str | None = None


def compare(before: m.Schema, after: m.Schema) -> tuple[Change, ...]:
    """Every difference between two catalogs; none when they mean the same."""
    if before.engine != after.engine:
        from .neutral import neutral

        before, after = neutral(before), neutral(after)
    return tuple(_changes(before, after))


def _changes(a: m.Schema, b: m.Schema) -> Iterator[Change]:
    yield from _simple(
        "schema",
        {quote(n.name): n for n in a.namespaces if n.name != "public"},
        {quote(n.name): n for n in b.namespaces if n.name != "public"},
        ddl.create_namespace,
    )
    yield from _simple(
        "extension",
        {quote(e.name): e for e in a.extensions},
        {quote(e.name): e for e in b.extensions},
        ddl.create_extension,
    )
    yield from _simple("enum", _by_path(a.enums), _by_path(b.enums), ddl.create_enum)
    yield from _simple("sequence", _by_path(a.sequences), _by_path(b.sequences), _sequence)
    yield from _relations(a, b, a.tables, b.tables)
    yield from _relations(a, b, a.views, b.views)
    for thing in m.OBJECT_KINDS:
        yield from _simple(
            thing,
            {_object_path(p): p for p in a.objects if p.kind == thing},
            {_object_path(p): p for p in b.objects if p.kind == thing},
            lambda p: p.definition,
        )
    for name in sorted(set(a.left_out) ^ set(b.left_out)):
        what, _, path = name.rpartition(" ")
        gone = name in a.left_out
        kind: Kind = "removed" if gone else "added"
        yield Change(kind, what, path, None, name if gone else None, None if gone else name, gone)


def _by_path(objects: Iterable[Any]) -> dict[str, Any]:
    return {qualified(*o.key): o for o in objects}


def _object_path(thing: m.SchemaObject) -> str:
    if thing.table is not None:
        return f"{qualified(thing.schema, thing.table)}.{quote(thing.name)}"
    name, bracket, arguments = thing.name.partition("(")
    return qualified(thing.schema, name) + bracket + arguments


def _sequence(sequence: m.Sequence) -> str:
    text = ddl.create_sequence(sequence)
    if sequence.owned_by is not None:
        text += ddl.own_sequence(sequence).partition(qualified(*sequence.key))[2]
    return text


def _simple(
    what: str, a: Mapping[str, Any], b: Mapping[str, Any], text: Any, table: str | None = None
) -> Iterator[Change]:
    """Objects without parts: each added, removed, or changed in some of its fields."""
    for path in sorted({*a, *b}):
        if path not in b:
            lost = what in _LOSE_DATA
            yield Change("removed", what, path, None, text(a[path]), None, lost, table)
        elif path not in a:
            yield Change("added", what, path, None, None, text(b[path]), False, table)
        elif a[path] != b[path]:
            yield from _aspects(what, path, a[path], b[path], table)


_LOSE_DATA = ("schema", "enum", "sequence", "table", "column", "extension")
# What says the same again in other words, or is a part with changes of its own.
_NO_ASPECT = {"drop", "columns", "constraints", "indexes", "kind"}


def _aspects(what: str, path: str, a: Any, b: Any, table: str | None = None) -> Iterator[Change]:
    for field in fields(a):
        before, after = getattr(a, field.name), getattr(b, field.name)
        if before == after or field.name in _NO_ASPECT:
            continue
        if isinstance(a, m.Constraint) and field.name in ("target", "target_columns"):
            continue
        lost = _loses(what, field.name, before, after)
        aspect = _WORDS.get(field.name, field.name.replace("_", " "))
        yield Change(
            "changed",
            what,
            path,
            aspect,
            _text(field.name, before),
            _text(field.name, after),
            lost,
            table,
        )


def _loses(what: str, field: str, before: Any, after: Any) -> bool:
    if what == "column" and field == "type":
        return not wider(before, after)
    if what == "column" and field == "generated":
        return before is None
    if what == "enum" and field == "labels":
        return not set(before) <= set(after)
    return False


def wider(before: str, after: str) -> bool:
    """Whether the second type holds every value of the first; not known counts as no."""
    if before == after:
        return True
    old, _, old_size = before.partition("(")
    new, _, new_size = after.partition("(")
    if old == new:
        return not new_size or (bool(old_size) and _fits(old_size, new_size))
    if new == "VARCHAR" and old in ("CHAR", "TEXT"):
        return not new_size
    return new in _WIDER.get(old, ()) and not new_size


def _fits(old: str, new: str) -> bool:
    """Whether neither the digits before the point nor those after it become fewer."""
    return all(few <= many for few, many in zip(_digits(old), _digits(new), strict=True))


def _digits(size: str) -> tuple[int, int]:
    parts = size.rstrip(")[]").split(",")
    if not all(part.strip().isdigit() for part in parts):
        return (0, 0)
    scale = int(parts[1]) if len(parts) > 1 else 0
    return int(parts[0]) - scale, scale


def _text(field: str, value: Any) -> str | None:
    match value:
        case None | () | "":
            return None
        case bool() if field == "nullable":
            return "NULL" if value else "NOT NULL"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(_text("", part) or "" for part in value)
        case _:
            return str(value)


# --- tables and views -----------------------------------------------------------------------


def _relations(
    a: m.Schema,
    b: m.Schema,
    before: Iterable[m.Table | m.View],
    after: Iterable[m.Table | m.View],
) -> Iterator[Change]:
    old, new = _by_path(before), _by_path(after)
    for path in sorted({*old, *new}):
        if path not in new:
            lost = isinstance(old[path], m.Table)
            text = relation_text(old[path], a)
            yield Change("removed", kind_of(old[path]), path, None, text, None, lost)
        elif path not in old:
            text = relation_text(new[path], b)
            yield Change("added", kind_of(new[path]), path, None, None, text, False)
        elif old[path] != new[path]:
            yield from _relation(path, old[path], new[path], a, b)


def kind_of(relation: m.Table | m.View) -> str:
    """What a person calls it."""
    if isinstance(relation, m.Table):
        return "table"
    return "materialized view" if relation.materialized else "view"


def relation_text(relation: m.Table | m.View, schema: m.Schema) -> str:
    """The SQL of a table or view with its indexes and foreign keys."""
    if isinstance(relation, m.View):
        texts = [ddl.create_view(relation, schema.engine)]
    else:
        texts = list(ddl.create_table(relation, schema.engine, schema.parent(relation)))
        texts += [ddl.add_constraint(relation.key, c) for c in ddl.later(relation, schema.engine)]
    texts += [ddl.create_index(relation.key, i, schema.engine) for i in relation.indexes]
    return ";\n".join(texts)


def _relation(path: str, old: Any, new: Any, a: m.Schema, b: m.Schema) -> Iterator[Change]:
    what = kind_of(new)
    if isinstance(old, m.Table):
        old = replace(old, families=tuple(sorted(old.families)))
        new = replace(new, families=tuple(sorted(new.families)))
    yield from _aspects(what, path, old, new)
    if isinstance(old, m.Table) or old.definition == new.definition:
        yield from _columns(path, old, new, a, b)
    if isinstance(old, m.Table):
        for kind in ("primary key", "unique", "check", "exclude", "foreign key"):
            yield from _simple(
                kind,
                {f"{path}.{quote(c.name)}": c for c in old.constraints if c.kind == kind},
                {f"{path}.{quote(c.name)}": c for c in new.constraints if c.kind == kind},
                ddl.constraint,
                path,
            )
    yield from _simple(
        "index",
        {f"{path}.{quote(i.name)}": i for i in old.indexes},
        {f"{path}.{quote(i.name)}": i for i in new.indexes},
        lambda i: ddl.create_index(new.key, i, b.engine),
        path,
    )


def _columns(path: str, old: Any, new: Any, a: m.Schema, b: m.Schema) -> Iterator[Change]:
    yield from _simple(
        "column",
        {f"{path}.{quote(c.name)}": c for c in old.columns},
        {f"{path}.{quote(c.name)}": c for c in new.columns},
        lambda c: ddl.column(c, b.engine),
        path,
    )
