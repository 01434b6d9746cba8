"""One CREATE TABLE as CockroachDB prints it, as a `model.Table`.

What the server adds by itself is left out again: the column ``rowid`` and the key on it, the
columns of hash-sharded and expression indexes and of regions, the lock on the schema.

This is a second reader of CREATE TABLE beside `parser`, and has to be: a `model.Table` keeps
constraints, options of identities, partitions and localities as the server spells them, since
that text is what is compared and printed again, while the parser makes values of them (a key's
directions, the order of clauses and what it has no field for are gone then).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from ..parser.types import canonical_type
from . import model as m
from .printed import Text, index_keys, index_of, items, name_list

T = TypeVar("T", m.Constraint, m.Index)

_ROWID = re.compile(r"rowid(_\d+)?")
_BUCKETS = re.compile(r"bucket_count\s*=\s*(\d+)", re.IGNORECASE)
_AFTER_TYPE = ("collate", "not", "null", "default", "as", "on", "generated", "family")
_AFTER_VALUE = ("on", "as", "generated")
_NOT_OURS = ("schema_locked",)


def table_of(
    text: str, unvalidated: Iterable[str] = (), hidden: Iterable[str] = ()
) -> tuple[m.Table, str | None]:
    """The table, and what of it has no place in a catalog, in words.

    ``unvalidated`` are its constraints that were not validated, ``hidden`` its hidden columns,
    which old versions do not print.
    """
    source = Text(text)
    source.take("create")
    unlogged = source.take("unlogged")
    source.take("table")
    schema, name = source.key()
    columns: list[m.Column] = []
    constraints: list[m.Constraint] = []
    indexes: list[m.Index] = []
    families: list[tuple[str, tuple[str, ...]]] = []
    for item in items(source.group()):
        part = Text(item)
        if part.take("constraint"):
            constraints.append(_constraint(part))
        elif part.take("family"):
            families.append((part.name(), name_list(part.group())))
        elif _is_index(part):
            indexes.append(index_of(item))
        else:
            columns.append(_column(part))
    key, more, rest = _tail(source)
    locality = more.pop("locality", None)
    gone = _added(columns, locality) | {h for h in hidden if _ROWID.fullmatch(h)}
    gone |= {h for h in hidden if h.startswith("crdb_internal_")}
    constraints = [c for c in constraints if not (c.columns and set(c.columns) <= gone)]
    families = [(n, tuple(c for c in those if c not in gone)) for n, those in families]
    late = set(unvalidated)
    return m.Table(
        schema=schema,
        name=name,
        columns=tuple(c for c in columns if c.name not in gone),
        constraints=sorted_by_name(
            replace(c, validated=False) if c.name in late else c for c in constraints
        ),
        indexes=sorted_by_name(i for i in indexes if not gone & set(i.keys)),
        unlogged=unlogged,
        partition_by=key,
        options=tuple(sorted(more.items())),
        locality=locality,
        families=tuple(families) if len(families) > 1 else (),
    ), rest


def sorted_by_name(things: Iterable[T]) -> tuple[T, ...]:
    """Constraints, or indexes, by their names."""
    return tuple(sorted(things, key=lambda thing: thing.name))


def _is_index(part: Text) -> bool:
    first, second = part.peek(), part.peek(1)
    return first == "index" or (first in ("unique", "inverted", "vector") and second == "index")


def _column(part: Text) -> m.Column:
    name = part.name()
    kind = part.until(*_AFTER_TYPE)
    nullable = visible = stored = True
    default = on_update = generated = identity = collation = None
    while not part.end:
        if part.take("not", "visible"):
            visible = False
        elif part.take("not", "null"):
            nullable = False
        elif part.take("null"):
            pass
        elif part.take("collate"):
            collation = part.until(*_AFTER_TYPE)
        elif part.take("default"):
            default = part.until(*_AFTER_VALUE)
        elif part.take("on", "update"):
            on_update = part.until(*_AFTER_VALUE)
        elif part.take("generated"):
            identity = "ALWAYS" if part.take("always") else "BY DEFAULT"
            part.until("as")
            part.take("as", "identity")
            if part.peek() == "(":
                identity += _identity(part.group())
        elif part.take("as"):
            generated = part.group()
            stored = part.name() == "stored"
        else:
            part.at += 1
    return m.Column(
        name=name,
        type=canonical_type(kind),
        nullable=nullable,
        default=default,
        generated=generated,
        stored=stored,
        identity=identity,
        collation=collation,
        on_update=on_update,
        visible=visible,
    )


def _identity(options: str) -> str:
    more = sequence_of(f"CREATE SEQUENCE s.s {options}").options
    return f" ({more})" if more else ""


def _constraint(part: Text) -> m.Constraint:
    name = part.name()
    first = part.at
    if part.take("primary", "key"):
        keys = index_keys(part.group())
        definition = f"PRIMARY KEY ({', '.join(keys)})" + _hash(part)
        columns = tuple(Text(key).name() for key in keys)
        return m.Constraint(name, "primary key", definition, columns)
    if part.take("foreign", "key"):
        columns = name_list(part.group())
        part.take("references")
        schema, table = part.key()
        targets = name_list(part.group())
        valid = not part.ends("not", "valid")
        part.at = len(part.tokens)
        text = part.since(first)
        return m.Constraint(name, "foreign key", text, columns, (schema, table), targets, valid)
    valid = not part.ends("not", "valid")
    part.at = len(part.tokens)
    kind: m.ConstraintKind = "check" if part.tokens[first].value == "check" else "unique"
    text = part.since(first)
    columns = ()
    if kind == "unique":
        part.at = first + 1
        part.take("without", "index")
        columns = name_list(part.group())
    return m.Constraint(name, kind, text, columns, validated=valid)


def constraint_of(text: str) -> m.Constraint:
    """The constraint that stands behind CONSTRAINT in a text."""
    return _constraint(Text(text))


def _hash(part: Text) -> str:
    if not part.take("using", "hash"):
        return ""
    found = _BUCKETS.search(part.text)
    return f" USING HASH WITH BUCKET_COUNT = {found[1]}" if found else " USING HASH"


def _tail(source: Text) -> tuple[str | None, dict[str, str], str | None]:
    """What stands behind the columns: the partitions' key, options with the locality, the rest."""
    key = rest = None
    options: dict[str, str] = {}
    while not source.end:
        if source.take("partition"):
            every = source.take("all")
            source.take("by")
            key = ("ALL BY " if every else "") + source.until("with", "locality")
        elif source.take("with"):
            for item in items(source.group()):
                name, _, value = item.partition("=")
                if name.strip() not in _NOT_OURS:
                    options[name.strip()] = _plain(value.strip())
        elif source.take("locality"):
            options["locality"] = source.until("with")
        else:
            rest = source.until("with", "locality", "partition")
            source.at += not rest
    return key, options, rest or None


def _plain(value: str) -> str:
    """A value without its quotes and the type that the server puts behind it."""
    token = Text(value).tokens[0]
    return token.value if token.kind == "string" else value


def _added(columns: Iterable[m.Column], locality: str | None) -> set[str]:
    """The names of the columns that the server added."""
    return {
        c.name
        for c in columns
        if not c.visible
        and (
            (_ROWID.fullmatch(c.name) and c.default == "unique_rowid()")
            or c.name.startswith("crdb_internal_")
            or (c.name == "crdb_region" and locality == "REGIONAL BY ROW")
        )
    }


def sequence_of(text: str) -> m.Sequence:
    """The sequence that a CREATE SEQUENCE makes."""
    source = Text(text)
    source.take("create", "sequence")
    schema, name = source.key()
    kind, numbers, cycle = "INT8", {}, False
    while not source.end:
        word = source.name()
        if word == "as":
            kind = canonical_type(source.name())
        elif word in ("minvalue", "maxvalue", "increment", "start", "cache"):
            source.take("by")
            source.take("with")
            sign = "-" if source.take("-") else ""
            numbers[word] = int(sign + source.name())
        elif word == "cycle":
            cycle = True
        elif word == "no":
            source.at += 1
    up = numbers.get("increment", 1) > 0
    limit = {"INT2": 2**15, "INT4": 2**31}.get(kind, 2**63)
    minimum = numbers.get("minvalue", 1 if up else -limit)
    maximum = numbers.get("maxvalue", limit - 1 if up else -1)
    return m.Sequence(
        schema=schema,
        name=name,
        type=kind,
        start=numbers.get("start", minimum if up else maximum),
        increment=numbers.get("increment", 1),
        minimum=minimum,
        maximum=maximum,
        cache=numbers.get("cache", 1),
        cycle=cycle,
    )
