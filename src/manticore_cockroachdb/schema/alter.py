"""The way from one catalog to another: the statements of a migration, for a person to review.

Dropping comes first and in reverse, making comes last, so that nothing is ever built on what is
no longer there (`touched` says what has to make way for a while). In order:

1. what is on tables, foreign keys, views and routines, indexes, constraints, tables: dropped;
2. schemas, types, sequences, and the routines that columns need: made;
3. the tables that stay: columns, then constraints and indexes;
4. new tables, views and routines, as they need each other; foreign keys; what is on tables;
5. what nothing uses any more: dropped; comments.

The way back is the same function with the catalogs exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..dialect import Engine
from ..errors import SchemaError
from ..parser.quoting import literal, qualified, quote
from . import ddl
from . import model as m
from .alter_table import Parts, Step, alter_columns
from .order import Block, ordered, references
from .touched import Touched, only_more, touched

_LATE = ("trigger", "policy", "rule", "statistics")
_TYPES = ("domain", "type")


def alter(a: m.Schema, b: m.Schema) -> tuple[Step, ...]:
    """The steps that make ``b`` of ``a``. Raises SchemaError for catalogs of two engines."""
    if a.engine != b.engine:
        raise SchemaError(
            "A migration cannot lead from one engine to the other.",
            hint="compare two databases of the same engine",
        )
    return tuple(_Way(a, b).steps())


class _Way:
    """Everything that is known about the way, and its parts in order."""

    def __init__(self, a: m.Schema, b: m.Schema) -> None:
        self.a, self.b = a, b
        self.engine: Engine = a.engine
        self.touched: Touched = touched(a, b)
        self.parts = Parts(a, b, self.touched)
        self.old = {t.key: t for t in a.tables}
        self.new = {t.key: t for t in b.tables}
        self.fresh: set[str] = set()  # what comments are on that was dropped and made again

    def steps(self) -> Iterator[Step]:
        """All steps, in order."""
        yield from self._drop()
        yield from self._make_first()
        yield from self._change_tables()
        yield from self._make_last()
        yield from self._drop_last()
        yield from self._comments()

    # --- 1. dropping ------------------------------------------------------------------------

    def _drop(self) -> Iterator[Step]:
        for sequence in self.b.sequences:
            old = self._sequence(self.a, sequence.key)
            if old is not None and old.owned_by and old.owned_by != sequence.owned_by:
                yield Step(f"ALTER SEQUENCE {qualified(*old.key)} OWNED BY NONE")
        for thing in self.a.objects:
            if thing.kind in _LATE and self._goes(thing) and self._has_table(thing):
                yield self._dropped(thing)
        yield from self.parts.drop_foreign_keys()
        blocks = [
            Block(0, v.key, (v.definition,), (v.key,))
            for v in self.a.views
            if v.key in self.touched.views
        ]
        blocks += [_routine_block(p) for p in self.a.objects if self._drops_early(p)]
        by_key = {v.key: v for v in self.a.views} | {p.key: p for p in self.a.objects}
        for block in reversed(ordered(blocks)):
            found = by_key[block.key]
            if isinstance(found, m.View):
                yield from self._drop_view(found)
            else:
                yield self._dropped(found)
        yield from self.parts.drop_indexes_and_constraints()
        yield from self._drop_tables()

    def _drop_view(self, view: m.View) -> Iterator[Step]:
        subject = ddl.subject(view)
        self.fresh |= {subject, *(ddl.column_subject(view.key, c.name) for c in view.columns)}
        self.fresh |= {ddl.index_subject(view.key, i.name, self.engine) for i in view.indexes}
        yield Step(f"DROP {subject}")

    def _dropped(self, thing: m.SchemaObject) -> Step:
        self.fresh.add(ddl.subject(thing))
        return Step(f"DROP {thing.drop}")

    def _goes(self, thing: m.SchemaObject) -> bool:
        return (thing.kind, thing.key) in self.touched.objects

    def _has_table(self, thing: m.SchemaObject) -> bool:
        """Whether what a thing is on stays; otherwise it goes with that by itself."""
        if thing.table is None:
            return True
        on = (thing.schema, thing.table)
        views = {v.key for v in self.a.views} - self.touched.views
        return on in views or (on in self.old and on in self.new)

    def _drops_early(self, thing: m.SchemaObject) -> bool:
        """Whether a routine goes before tables change: it comes again, or uses what goes."""
        if thing.kind not in ("function", "procedure") or not self._goes(thing):
            return False
        wanted = any(p.key == thing.key for p in self.b.objects)
        return wanted or bool(references(thing.definition) & self._leaving())

    def _leaving(self) -> set[m.Key]:
        return (set(self.old) - set(self.new)) | self.touched.views

    def _drop_tables(self) -> Iterator[Step]:
        leaving = [t for t in self.a.tables if t.key not in self.new]
        blocks = []
        for table in leaving:
            above = [*table.inherits, *([table.partition_of] if table.partition_of else [])]
            needs = [c.target for c in table.foreign_keys if c.target] + above
            text = " ".join(qualified(*key) for key in needs)
            blocks.append(Block(0, table.key, (text,), (table.key,)))
        order = [block.key for block in reversed(ordered(blocks))]
        gone: set[m.Key] = set()
        for key in order:
            for other in leaving:
                for constraint in other.foreign_keys:
                    if constraint.target == key != other.key and other.key not in gone:
                        yield self.parts.drop_constraint(other.key, constraint)
            gone.add(key)
            yield Step(f"DROP TABLE {qualified(*key)}", (f"destroys what {key[1]} holds",))

    # --- 2. making what others need ---------------------------------------------------------

    def _make_first(self) -> Iterator[Step]:
        there = {n.name for n in self.a.namespaces} | {"public"}
        for namespace in self.b.namespaces:
            if namespace.name not in there:
                yield Step(ddl.create_namespace(namespace))
        for extension in self.b.extensions:
            if extension not in self.a.extensions:
                yield Step(ddl.create_extension(extension))
        for enum in self.b.enums:
            yield from self._enum(enum)
        for sequence in self.b.sequences:
            yield from self._sequence_steps(sequence)
        blocks = [Block(0, p.key, (p.definition,), (p.key,)) for p in self._new_objects(_TYPES)]
        blocks += [_routine_block(p) for p in self._early_routines()]
        for block in ordered(blocks):
            yield from map(Step, block.statements)

    def _enum(self, enum: m.Enum) -> Iterator[Step]:
        name = qualified(*enum.key)
        old = next((e for e in self.a.enums if e.key == enum.key), None)
        if old is None:
            yield Step(ddl.create_enum(enum))
        elif enum.key in self.touched.enums:
            self.fresh.add(ddl.subject(enum))
            lost = [label for label in old.labels if label not in enum.labels]
            notes = tuple(f"fails while a row holds {literal(label)}" for label in lost)
            yield Step(f"ALTER TYPE {name} RENAME TO {quote(_aside(enum))}", notes)
            yield Step(ddl.create_enum(enum))
        elif old.labels != enum.labels:
            yield from self._labels(name, old.labels, enum.labels)

    def _labels(self, name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Step]:
        for label in old:
            if label not in new:
                note = f"fails while a row holds {literal(label)}"
                yield Step(f"ALTER TYPE {name} DROP VALUE {literal(label)}", (note,))
        kept = tuple(label for label in old if label in new)
        if not only_more(kept, new):
            yield Step("", (f"the labels of {name} are in another order: make a new type",))
            return
        for i, label in enumerate(new):
            if label in old:
                continue
            place = f" AFTER {literal(new[i - 1])}" if i else f" BEFORE {literal(kept[0])}"
            last = i == len(new) - 1 or not any(later in old for later in new[i + 1 :])
            yield Step(f"ALTER TYPE {name} ADD VALUE {literal(label)}{'' if last else place}")

    def _sequence(self, schema: m.Schema, key: m.Key) -> m.Sequence | None:
        return next((s for s in schema.sequences if s.key == key), None)

    def _sequence_steps(self, sequence: m.Sequence) -> Iterator[Step]:
        old = self._sequence(self.a, sequence.key)
        if old is None:
            yield Step(ddl.create_sequence(sequence))
        elif (old.type, old.options) != (sequence.type, sequence.options):
            kind = f" AS {sequence.type}" if old.type != sequence.type else ""
            yield Step(
                f"ALTER SEQUENCE {qualified(*sequence.key)}{kind}"
                f" INCREMENT BY {sequence.increment} MINVALUE {sequence.minimum}"
                f" MAXVALUE {sequence.maximum} START WITH {sequence.start}"
                f" CACHE {sequence.cache}" + (" CYCLE" if sequence.cycle else " NO CYCLE")
            )

    def _new_objects(self, kinds: Iterable[str]) -> list[m.SchemaObject]:
        """Objects to be made: new ones, changed ones, and those that had to make way."""
        before = {(p.kind, p.key): p for p in self.a.objects}
        return [
            thing
            for thing in self.b.objects
            if thing.kind in kinds
            and (
                self._goes(thing)
                or (was := before.get((thing.kind, thing.key))) is None
                or was.definition != thing.definition
            )
        ]

    def _early_routines(self) -> list[m.SchemaObject]:
        """Routines that the columns, constraints and indexes of tables that stay refer to."""
        candidates = self._new_objects(("function", "procedure"))
        if not candidates:
            return []
        used: set[m.Key] = set()
        for table in self.b.tables:
            if table.key in self.old:
                used |= references(" ".join(ddl.create_table(table, self.engine)))
                used |= references(" ; ".join(" , ".join(i.keys) for i in table.indexes))
        later = (set(self.new) - set(self.old)) | {v.key for v in self.b.views}
        return [
            thing
            for thing in candidates
            if (thing.schema, thing.name.partition("(")[0]) in used
            and not references(thing.definition) & later
        ]

    # --- 3. tables that stay ----------------------------------------------------------------

    def _change_tables(self) -> Iterator[Step]:
        both = [(self.old[t.key], t) for t in self.b.tables if t.key in self.old]
        for old, new in sorted(both, key=lambda pair: self._depth(pair[1])):
            rebuilt = self.touched.rebuilt[new.key]
            self.fresh |= {ddl.column_subject(new.key, name) for name in rebuilt}
            if new.partition_of is not None and old.partition_of is not None:
                yield from self._partition(old, new)
            else:
                yield from alter_columns(
                    old, new, self.touched.retyped[new.key], rebuilt, self.engine
                )
            yield from self.parts.change_table(old, new)
        yield from self.parts.make_constraints_and_indexes()

    def _depth(self, table: m.Table) -> tuple[int, m.Key]:
        depth, above = 0, self.b.parent(table)
        while above is not None:
            depth, above = depth + 1, self.b.parent(above)
        return depth, table.key

    def _partition(self, old: m.Table, new: m.Table) -> Iterator[Step]:
        """A partition's own defaults; all else it has from its table."""
        parent = self.b.parent(new)
        for column in new.columns:
            was = old.column(column.name)
            above = None if parent is None else parent.column(column.name)
            if was is None or above is None:
                continue
            here = f"ALTER TABLE {qualified(*new.key)} ALTER COLUMN {quote(column.name)}"
            if column.generated is None and {was.default, above.default} != {column.default}:
                action = f"SET DEFAULT {column.default}" if column.default else "DROP DEFAULT"
                yield Step(f"{here} {action}")
            if column.nullable != was.nullable and above.nullable:
                yield Step(f"{here} {'DROP' if column.nullable else 'SET'} NOT NULL")

    # --- 4. making the rest -----------------------------------------------------------------

    def _make_last(self) -> Iterator[Step]:
        early = {p.key for p in self._early_routines()}
        blocks: list[Block] = []
        for table in self.b.tables:
            if table.key not in self.old:
                texts = tuple(ddl.create_table(table, self.engine, self.b.parent(table)))
                blocks.append(Block(1, table.key, texts, (table.key,)))
                blocks += self._index_blocks(table)
        for thing in self._new_objects(("function", "procedure")):
            if thing.key not in early:
                blocks.append(_routine_block(thing))
        kept = {v.key for v in self.a.views} - self.touched.views
        for view in self.b.views:
            if view.key not in kept:
                text = ddl.create_view(view, self.engine)
                blocks.append(Block(3, view.key, (text,), (view.key,)))
                blocks += self._index_blocks(view)
        for block in ordered(blocks):
            yield from map(Step, block.statements)
        yield from self.parts.make_foreign_keys()
        for sequence in self.b.sequences:
            old = self._sequence(self.a, sequence.key)
            if sequence.owned_by and (old is None or old.owned_by != sequence.owned_by):
                yield Step(ddl.own_sequence(sequence))
        late = self._new_objects(_LATE)
        for thing in self.b.objects:
            if thing.kind in _LATE and (thing in late or self._lost_on(thing)):
                self.fresh.add(ddl.subject(thing))
                yield Step(thing.definition)

    def _index_blocks(self, relation: m.Table | m.View) -> list[Block]:
        return [
            Block(
                2,
                (relation.schema, f"{relation.name}.{index.name}"),
                (ddl.create_index(relation.key, index, self.engine),),
            )
            for index in relation.indexes
        ]

    def _lost_on(self, thing: m.SchemaObject) -> bool:
        """Whether a thing went with the view that it is on."""
        return (thing.schema, thing.table) in self.touched.views

    # --- 5. dropping what is left -----------------------------------------------------------

    def _drop_last(self) -> Iterator[Step]:
        wanted = {(p.kind, p.key) for p in self.b.objects}
        routines = [
            _routine_block(p)
            for p in self.a.objects
            if p.kind not in _LATE and (p.kind, p.key) not in wanted and not self._drops_early(p)
        ]
        objects = {p.key: p for p in self.a.objects if p.kind not in _LATE}
        for block in reversed(ordered(routines)):
            yield Step(f"DROP {objects[block.key].drop}")
        kept = {s.key for s in self.b.sequences}
        for sequence in self.a.sequences:
            if sequence.key not in kept and not self._goes_with_owner(sequence):
                yield Step(f"DROP SEQUENCE {qualified(*sequence.key)}")
        enums = {e.key for e in self.b.enums}
        for enum in self.a.enums:
            if enum.key not in enums:
                yield Step(f"DROP TYPE {qualified(*enum.key)}")
            elif enum.key in self.touched.enums:
                yield Step(f"DROP TYPE {qualified(enum.schema, _aside(enum))}")
        for extension in self.a.extensions:
            if extension not in self.b.extensions:
                yield Step(f"DROP EXTENSION {quote(extension.name)}")
        names = {n.name for n in self.b.namespaces} | {"public"}
        for namespace in self.a.namespaces:
            if namespace.name not in names:
                yield Step(f"DROP SCHEMA {quote(namespace.name)}")

    def _goes_with_owner(self, sequence: m.Sequence) -> bool:
        if sequence.owned_by is None:
            return False
        schema, table, column = sequence.owned_by
        owner = self.new.get((schema, table))
        return owner is None or owner.column(column) is None

    # --- comments ---------------------------------------------------------------------------

    def _comments(self) -> Iterator[Step]:
        before = dict(ddl.remarks(self.a))
        self.fresh |= self.parts.fresh
        for subject, text in ddl.remarks(self.b):
            there = None if subject in self.fresh else before.get(subject)
            if text != there:
                yield Step(ddl.comment(subject, text))


def _routine_block(thing: m.SchemaObject) -> Block:
    bare = (thing.schema, thing.name.partition("(")[0])
    return Block(2, thing.key, (thing.definition,), (bare,))


def _aside(enum: m.Enum) -> str:
    return f"{enum.name}__old"
