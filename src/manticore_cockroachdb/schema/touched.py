"""What a change takes with it: the objects to drop before it and to make again after it.

Servers refuse to change what something else is built on. A view holds on to the columns that it
reads, a foreign key to the key that it points to, a computed column to those that it is computed
from, nearly everything to the labels of an enum. Who wants to get from one catalog to another
has to know these, and `touched` finds them, from the text of the definitions (`order.references`
for qualified names, `words` for columns). It may find too many, which costs a rebuild, never
too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..parser.lex import tokens
from . import model as m
from .order import references

PartKey = tuple[m.Key, str]


@dataclass(frozen=True, slots=True)
class Touched:
    """What is in both catalogs, wholly or by name, and cannot stay as it is.

    ``enums`` are made anew under their names, columns of ``retyped`` change their type,
    those of ``rebuilt`` are dropped and added. ``constraints`` and ``indexes`` (table and name),
    ``views`` and ``objects`` (kind and key) are dropped, and made again where they are wanted.
    """

    enums: frozenset[m.Key]
    retyped: Mapping[m.Key, frozenset[str]]
    rebuilt: Mapping[m.Key, frozenset[str]]
    constraints: frozenset[PartKey]
    indexes: frozenset[PartKey]
    views: frozenset[m.Key]
    objects: frozenset[tuple[str, m.Key]]


def words(text: str) -> set[str]:
    """Every name in a text."""
    return {t.value for t in tokens(text) if t.kind in ("word", "quoted")}


def touched(a: m.Schema, b: m.Schema) -> Touched:
    """What has to go on the way from one catalog to the other."""
    enums = frozenset(_rebuilt_enums(a, b))
    before = {t.key: t for t in a.tables}
    both = [(before[t.key], t) for t in b.tables if t.key in before]
    retyped = {new.key: frozenset(_retyped(old, new, enums)) for old, new in both}
    rebuilt = {new.key: frozenset(_rebuilt(old, new, retyped[new.key], enums)) for old, new in both}
    indexes = frozenset(_indexes(a, b, both, retyped, rebuilt, enums))
    constraints = _constraints(both, retyped, rebuilt, enums)
    constraints |= _pointing(both, constraints, indexes)
    views, objects = _dependents(a, b, both, retyped, rebuilt, enums, constraints)
    return Touched(enums, retyped, rebuilt, constraints, indexes, views, objects)


# --- enums and columns ----------------------------------------------------------------------


def _rebuilt_enums(a: m.Schema, b: m.Schema) -> Iterator[m.Key]:
    if a.engine == "cockroachdb":
        return  # takes a label away in place
    before = {e.key: e for e in a.enums}
    for enum in b.enums:
        old = before.get(enum.key)
        if old is not None and not only_more(old.labels, enum.labels):
            yield enum.key


def only_more(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Whether the old labels are among the new ones, in the same order."""
    rest = iter(new)
    return all(label in rest for label in old)


def _retyped(old: m.Table, new: m.Table, enums: frozenset[m.Key]) -> Iterator[str]:
    for column in new.columns:
        was = old.column(column.name)
        if was is None or was.generated or column.generated:
            continue
        kind = (was.type, was.collation) != (column.type, column.collation)
        if kind or references(column.type) & enums:
            yield column.name


def _rebuilt(
    old: m.Table, new: m.Table, retyped: frozenset[str], enums: frozenset[m.Key]
) -> Iterator[str]:
    """Computed columns that change, and what is computed from what changes."""
    for column in new.columns:
        was = old.column(column.name)
        if was is None or (was.generated is None and column.generated is None):
            continue
        same_type = (was.type, was.collation) == (column.type, column.collation)
        if column.generated is None and was.stored and same_type:
            continue  # it keeps its values and is no longer computed
        same = (was.generated, was.stored) == (column.generated, column.stored)
        text = f"{was.type} {was.generated}"
        if not (same and same_type) or words(text) & retyped or references(text) & enums:
            yield column.name


# --- constraints and indexes ----------------------------------------------------------------


def _constraints(
    both: Iterable[tuple[m.Table, m.Table]],
    retyped: Mapping[m.Key, frozenset[str]],
    rebuilt: Mapping[m.Key, frozenset[str]],
    enums: frozenset[m.Key],
) -> frozenset[PartKey]:
    found: set[PartKey] = set()
    for old, new in both:
        wanted = {c.name: c for c in new.constraints}
        for constraint in old.constraints:
            goal = wanted.get(constraint.name)
            changed = goal is None or not stays(constraint, goal)
            mentioned = {*constraint.columns, *words(constraint.definition)}
            moved = rebuilt[new.key]
            if constraint.kind not in ("primary key", "unique"):
                moved = moved | retyped[new.key]
            target = constraint.target
            there = retyped.get(target, frozenset()) | rebuilt.get(target, frozenset()) if (
                target
            ) else frozenset()  # fmt: skip
            if (
                changed
                or mentioned & moved
                or set(constraint.target_columns) & there
                or references(constraint.definition) & enums
            ):
                found.add((new.key, constraint.name))
    return frozenset(found)


def stays(old: m.Constraint, new: m.Constraint) -> bool:
    """Whether a constraint can stay: validating it later and a comment need no other."""
    return (old.kind, old.definition) == (new.kind, new.definition) and (
        old.validated <= new.validated
    )


def _indexes(
    a: m.Schema,
    b: m.Schema,
    both: Iterable[tuple[m.Table, m.Table]],
    retyped: Mapping[m.Key, frozenset[str]],
    rebuilt: Mapping[m.Key, frozenset[str]],
    enums: frozenset[m.Key],
) -> Iterator[PartKey]:
    for old, new in both:
        wanted = {i.name: replace(i, comment=None) for i in new.indexes}
        for index in old.indexes:
            text = " ".join((*index.keys, index.where or "true"))
            mentioned = words(text) | set(index.storing)
            plain = all(len(tokens(key)) == 1 for key in index.keys) and index.where is None
            moved = rebuilt[new.key]
            if not plain or a.engine == "cockroachdb":
                moved = moved | retyped[new.key]
            if (
                wanted.get(index.name) != replace(index, comment=None)
                or mentioned & moved
                or references(text) & enums
            ):
                yield new.key, index.name
    views = {v.key: {i.name: replace(i, comment=None) for i in v.indexes} for v in b.views}
    for view in a.views:
        for index in view.indexes:
            if views.get(view.key, {}).get(index.name) != replace(index, comment=None):
                yield view.key, index.name


def _pointing(
    both: Iterable[tuple[m.Table, m.Table]],
    constraints: frozenset[PartKey],
    indexes: frozenset[PartKey],
) -> frozenset[PartKey]:
    """Foreign keys to tables of which a unique constraint or index goes."""
    losing: set[m.Key] = set()
    for old, _ in both:
        once = {c.name for c in old.constraints if c.kind in ("primary key", "unique")}
        once_index = {i.name for i in old.indexes if i.unique}
        if any((old.key, name) in constraints for name in once):
            losing.add(old.key)
        if any((old.key, name) in indexes for name in once_index):
            losing.add(old.key)
    return frozenset(
        (old.key, c.name) for old, _ in both for c in old.foreign_keys if c.target in losing
    )


# --- views, routines and what is on tables --------------------------------------------------


def _dependents(
    a: m.Schema,
    b: m.Schema,
    both: Iterable[tuple[m.Table, m.Table]],
    retyped: Mapping[m.Key, frozenset[str]],
    rebuilt: Mapping[m.Key, frozenset[str]],
    enums: frozenset[m.Key],
    constraints: frozenset[PartKey],
) -> tuple[frozenset[m.Key], frozenset[tuple[str, m.Key]]]:
    kept = {t.key for t in b.tables}
    moved = {t.key: _moved(t, new, retyped, rebuilt) for t, new in both}
    gone = {t.key for t in a.tables if t.key not in kept} | enums
    gone |= {key for key, columns in moved.items() if columns}
    gone |= {
        old.key
        for old, _ in both
        if old.primary_key and (old.key, old.primary_key.name) in constraints
    }
    views = {v.key: v for v in b.views}
    objects = {(p.kind, p.key): p for p in b.objects}
    gone_views: set[m.Key] = set()
    gone_objects: set[tuple[str, m.Key]] = set()
    while True:
        count = len(gone_views) + len(gone_objects)
        for view in a.views:
            wanted = views.get(view.key)
            if wanted is None or not _same_view(view, wanted) or (
                references(view.definition) & gone
            ):  # fmt: skip
                gone_views.add(view.key)
                gone.add(view.key)
        for thing in a.objects:
            goal = objects.get((thing.kind, thing.key))
            if _object_goes(thing, goal, gone, moved):
                gone_objects.add((thing.kind, thing.key))
                if thing.table is None:
                    gone.add((thing.schema, thing.name.partition("(")[0]))
        if len(gone_views) + len(gone_objects) == count:
            return frozenset(gone_views), frozenset(gone_objects)


def _moved(
    old: m.Table,
    new: m.Table,
    retyped: Mapping[m.Key, frozenset[str]],
    rebuilt: Mapping[m.Key, frozenset[str]],
) -> set[str]:
    dropped = {c.name for c in old.columns} - {c.name for c in new.columns}
    return dropped | retyped[new.key] | rebuilt[new.key]


def _same_view(old: m.View, new: m.View) -> bool:
    return (old.definition, old.materialized, old.options) == (
        new.definition,
        new.materialized,
        new.options,
    ) and [c.name for c in old.columns] == [c.name for c in new.columns]


def _object_goes(
    thing: m.SchemaObject,
    goal: m.SchemaObject | None,
    gone: set[m.Key],
    moved: Mapping[m.Key, set[str]],
) -> bool:
    if goal is None or not (thing.definition == goal.definition or replaces(thing, goal)):
        return True
    if thing.table is not None:
        on = (thing.schema, thing.table)
        if on in moved:
            others = references(thing.definition) - {on}
            return bool(words(thing.definition) & moved[on]) or bool(others & gone)
    return bool(references(thing.definition) & gone)


def replaces(old: m.SchemaObject, new: m.SchemaObject) -> bool:
    """Whether CREATE OR REPLACE can make one routine of the other: only the body differs."""
    return old.kind in ("function", "procedure") and _head(old) == _head(new)


def _head(thing: m.SchemaObject) -> str:
    return thing.definition.partition("\n LANGUAGE ")[0]
