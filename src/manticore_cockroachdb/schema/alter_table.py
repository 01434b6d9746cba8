"""From one table to another: the statements of ALTER TABLE for columns, constraints and indexes.

`alter` decides when each of them has its turn among those of the whole catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..dialect import Engine
from ..parser.quoting import qualified, quote
from . import ddl
from . import model as m
from .diff import wider
from .touched import Touched


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a drafted migration, without its semicolon, and what to know about it.

    ``sql`` is empty where only a person can say what to write.
    """

    sql: str
    notes: tuple[str, ...] = ()


EXPERIMENTAL = Step(
    "SET enable_experimental_alter_column_type_general = true", ("needed before CockroachDB 25.1",)
)


class Parts:
    """The parts of the tables that are in both catalogs, and the foreign keys of all.

    ``fresh`` collects what comments can be on and was dropped to be made again.
    """

    def __init__(self, a: m.Schema, b: m.Schema, touched: Touched) -> None:
        self.a, self.b = a, b
        self.engine: Engine = a.engine
        self.touched = touched
        self.old = {t.key: t for t in a.tables}
        self.new = {t.key: t for t in b.tables}
        self.fresh: set[str] = set()

    # --- dropping ---------------------------------------------------------------------------

    def drop_constraint(self, table: m.Key, constraint: m.Constraint) -> Step:
        """ALTER TABLE … DROP CONSTRAINT."""
        self.fresh.add(ddl.constraint_subject(table, constraint.name))
        return Step(f"ALTER TABLE {qualified(*table)} DROP CONSTRAINT {quote(constraint.name)}")

    def drop_foreign_keys(self) -> Iterator[Step]:
        """The foreign keys of tables that stay."""
        for table in self._kept():
            for constraint in table.foreign_keys:
                if (table.key, constraint.name) in self.touched.constraints:
                    yield self.drop_constraint(table.key, constraint)

    def drop_indexes_and_constraints(self) -> Iterator[Step]:
        """Indexes and other constraints of tables that stay, and indexes of views that do."""
        relations: list[m.Table | m.View] = [*self._kept()]
        relations += [v for v in self.a.views if v.key not in self.touched.views]
        for relation in relations:
            for index in relation.indexes:
                if (relation.key, index.name) in self.touched.indexes:
                    yield self._drop_index(relation, index)
        for table in self._kept():
            for constraint in table.constraints:
                if constraint.kind == "foreign key" or self._key_changes_at_once(table, constraint):
                    continue
                if (table.key, constraint.name) in self.touched.constraints:
                    yield self.drop_constraint(table.key, constraint)

    def _drop_index(self, relation: m.Table | m.View, index: m.Index) -> Step:
        self.fresh.add(ddl.index_subject(relation.key, index.name, self.engine))
        if self.engine == "postgresql":
            return Step(f"DROP INDEX {qualified(relation.schema, index.name)}")
        cascade = " CASCADE" if index.unique else ""
        return Step(f"DROP INDEX {qualified(*relation.key)}@{quote(index.name)}{cascade}")

    def _kept(self) -> list[m.Table]:
        """The tables that are in both catalogs, as they were."""
        return [t for t in self.a.tables if t.key in self.new]

    def _key_changes_at_once(self, table: m.Table, constraint: m.Constraint) -> bool:
        """Whether a primary key goes in the statement that makes the next one: a table of
        CockroachDB is never without."""
        return constraint.kind == "primary key" and self.engine == "cockroachdb"

    # --- making -----------------------------------------------------------------------------

    def make_constraints_and_indexes(self) -> Iterator[Step]:
        """What tables that stay get, or get back, but for foreign keys."""
        kept_views = {v.key for v in self.a.views} - self.touched.views
        for table in self.b.tables:
            if table.key in self.old:
                yield from self._constraints(table, self.old[table.key])
        relations: list[m.Table | m.View] = [t for t in self.b.tables if t.key in self.old]
        relations += [v for v in self.b.views if v.key in kept_views]
        before: list[m.Table | m.View] = [*self.a.tables, *self.a.views]
        there = {(r.key, i.name) for r in before for i in r.indexes}
        for relation in relations:
            for index in relation.indexes:
                key = relation.key, index.name
                if key not in there or key in self.touched.indexes:
                    text = ddl.create_index(relation.key, index, self.engine)
                    notes = ("fails while rows are alike in it",) if index.unique else ()
                    yield Step(text, notes)

    def _constraints(self, table: m.Table, old: m.Table) -> Iterator[Step]:
        if self.engine == "cockroachdb":
            yield from self._primary_key(table, old)
        for constraint in table.constraints:
            if constraint.kind != "foreign key" and not self._key_changes_at_once(
                table, constraint
            ):
                yield from self._make(table, constraint, old)

    def _make(self, table: m.Table, constraint: m.Constraint, old: m.Table) -> Iterator[Step]:
        was = next((c for c in old.constraints if c.name == constraint.name), None)
        if was is None or (table.key, constraint.name) in self.touched.constraints:
            yield Step(ddl.add_constraint(table.key, constraint))
        elif constraint.validated and not was.validated:
            name = quote(constraint.name)
            yield Step(f"ALTER TABLE {qualified(*table.key)} VALIDATE CONSTRAINT {name}")

    def _primary_key(self, table: m.Table, old: m.Table) -> Iterator[Step]:
        """A new primary key in the place of the old one, in one statement."""
        was, new = old.primary_key, table.primary_key
        going = was is not None and (table.key, was.name) in self.touched.constraints
        if not going and (was is not None or new is None):
            return
        name = qualified(*table.key)
        if new is None:
            yield Step("", (f"{name} keeps its primary key: CockroachDB has no table without",))
            return
        drop = f"DROP CONSTRAINT {quote(was.name)}, " if was is not None else ""
        self.fresh.add(ddl.constraint_subject(table.key, new.name))
        yield Step(f"ALTER TABLE {name} {drop}ADD {ddl.constraint(new)}")

    def make_foreign_keys(self) -> Iterator[Step]:
        """All foreign keys that are new, or had to make way; and checks of new tables that do
        not stand in CREATE TABLE."""
        for table in self.b.tables:
            old = self.old.get(table.key)
            waiting = ddl.later(table, self.engine) if old is None else ()
            for constraint in table.constraints:
                if constraint in waiting:
                    yield from map(Step, ddl.add_later(table.key, constraint, self.engine))
                elif old is not None and constraint.kind == "foreign key":
                    yield from self._make(table, constraint, old)

    # --- the table itself -------------------------------------------------------------------

    def change_table(self, old: m.Table, new: m.Table) -> Iterator[Step]:
        """What is not about columns, constraints, indexes or comments."""
        head = f"ALTER TABLE {qualified(*new.key)}"
        if old.unlogged != new.unlogged:
            yield Step(f"{head} SET {'UNLOGGED' if new.unlogged else 'LOGGED'}")
        before, after = dict(old.options), dict(new.options)
        if lost := [name for name in before if name not in after]:
            yield Step(f"{head} RESET ({', '.join(lost)})")
        if more := [(n, v) for n, v in new.options if before.get(n) != v]:
            yield Step(f"{head} SET ({ddl.options(more)})")
        if old.locality != new.locality and new.locality:
            yield Step(f"{head} SET LOCALITY {new.locality}")
        yield from map(Step, ddl.row_security(new, old.row_security))
        yield from self._partition(old, new)
        for what, was, wanted in (
            ("the key of its partitions", old.partition_by, new.partition_by),
            ("the tables that it inherits from", old.inherits, new.inherits),
            ("its column families", sorted(old.families), sorted(new.families)),
        ):
            if was != wanted:
                yield Step("", (f"{qualified(*new.key)} changes {what}: make a new table",))

    def _partition(self, old: m.Table, new: m.Table) -> Iterator[Step]:
        if (old.partition_of, old.bound) == (new.partition_of, new.bound):
            return
        name = qualified(*new.key)
        if old.partition_of is not None:
            yield Step(f"ALTER TABLE {qualified(*old.partition_of)} DETACH PARTITION {name}")
        if new.partition_of is not None:
            above = qualified(*new.partition_of)
            yield Step(f"ALTER TABLE {above} ATTACH PARTITION {name} {new.bound}")


# --- columns ------------------------------------------------------------------------------


def alter_columns(
    old: m.Table,
    new: m.Table,
    retyped: frozenset[str],
    rebuilt: frozenset[str],
    engine: Engine,
) -> Iterator[Step]:
    """The steps from the old columns to the new ones, constraints and indexes aside.

    Computed columns go first and come last, since they hold on to the others.
    """
    head = f"ALTER TABLE {qualified(*new.key)}"
    for column in old.columns:
        if column.name in rebuilt:
            yield Step(f"{head} DROP COLUMN {quote(column.name)}", _rebuilding(column, new))
    both = [(was, c) for c in new.columns if (was := old.column(c.name)) and c.name not in rebuilt]
    for was, column in both:
        yield from _change(head, was, column, column.name in retyped, engine)
    added = [c for c in new.columns if c.name in rebuilt or old.column(c.name) is None]
    for column in sorted(added, key=lambda c: c.generated is not None):
        yield Step(f"{head} ADD COLUMN {ddl.column(column, engine)}", _adding(column, old, new))
    for column in old.columns:
        if new.column(column.name) is None:
            notes = () if column.generated else (f"destroys what {column.name} holds",)
            yield Step(f"{head} DROP COLUMN {quote(column.name)}", notes)


def _rebuilding(column: m.Column, new: m.Table) -> tuple[str, ...]:
    goal = new.column(column.name)
    if goal is not None and goal.generated is not None and column.generated is None:
        return (f"destroys what {column.name} holds: it is computed from now on",)
    return ()


def _adding(column: m.Column, old: m.Table, new: m.Table) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    given = column.default or column.generated or column.identity
    if not column.nullable and not given and old.column(column.name) is None:
        notes += ("fails while the table has rows: give it a default, or add it NULL and fill it",)
    gone = [c for c in old.columns if new.column(c.name) is None and c.type == column.type]
    come = [c for c in new.columns if old.column(c.name) is None and c.type == column.type]
    if len(gone) == len(come) == 1:
        table = qualified(*new.key)
        names = f"{quote(gone[0].name)} TO {quote(column.name)}"
        notes += (f"if this is a rename: ALTER TABLE {table} RENAME COLUMN {names}",)
    return notes


def _change(
    head: str, was: m.Column, column: m.Column, retyped: bool, engine: Engine
) -> Iterator[Step]:
    name = quote(column.name)
    here = f"{head} ALTER COLUMN {name}"
    if was.generated is not None and column.generated is None:
        word = "EXPRESSION" if engine == "postgresql" else "STORED"
        yield Step(f"{here} DROP {word}")
    if was.identity is not None and _kind(was) != _kind(column):
        yield Step(f"{here} DROP IDENTITY")
    default = was.default
    if default is not None and (retyped or column.default is None):
        yield Step(f"{here} DROP DEFAULT")
        default = None
    if was.on_update is not None and column.on_update is None:
        yield Step(f"{here} DROP ON UPDATE")
    if retyped:
        yield from _retype(here, was, column, engine)
    if column.default is not None and column.default != default:
        yield Step(f"{here} SET DEFAULT {column.default}")
    if column.on_update is not None and column.on_update != was.on_update:
        yield Step(f"{here} SET ON UPDATE {column.on_update}")
    if was.nullable and not column.nullable:
        yield Step(f"{here} SET NOT NULL", (f"fails while {name} is NULL in any row",))
    if column.identity != was.identity:
        yield from _identity(here, was, column)
    if column.nullable and not was.nullable:
        yield Step(f"{here} DROP NOT NULL")
    if was.visible != column.visible:
        yield Step(f"{here} SET {'VISIBLE' if column.visible else 'NOT VISIBLE'}")


def _kind(column: m.Column) -> bool:
    return column.identity is not None


def _retype(here: str, was: m.Column, column: m.Column, engine: Engine) -> Iterator[Step]:
    safe = wider(was.type, column.type)
    only_size = was.type.partition("(")[0] == column.type.partition("(")[0]
    if engine == "cockroachdb" and not (safe and only_size):
        yield EXPERIMENTAL
    collation = f" COLLATE {column.collation}" if column.collation else ""
    using = "" if safe or only_size else f" USING {quote(column.name)}::{column.type}"
    if _through_text(was.type, column.type):
        text = "TEXT[]" if column.type.endswith("[]") else "TEXT"
        using = f" USING {quote(column.name)}::{text}::{column.type}"
    notes = () if safe else (f"fails for values that are no {column.type}, or shortens them",)
    yield Step(f"{here} TYPE {column.type}{collation}{using}", notes)


_FAMILIES = (
    {"INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "NUMERIC", "OID", "MONEY"},
    {"DATE", "TIMESTAMP", "TIMESTAMPTZ"},
    {"TIME", "TIMETZ", "INTERVAL"},
    {"JSON", "JSONB"},
    {"BIT", "VARBIT"},
)
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "BPCHAR", "NAME", "STRING"}


def _through_text(old: str, new: str) -> bool:
    """Whether types know each other only as text: what is not akin, and types of one's own."""
    one, two = (kind.partition("(")[0].removesuffix("[]") for kind in (old, new))
    if "." in one or "." in two:
        return True
    akin = one == two or any({one, two} <= family for family in _FAMILIES)
    return not (akin or one in _TEXTS or two in _TEXTS)


def _identity(here: str, was: m.Column, column: m.Column) -> Iterator[Step]:
    if column.identity is None:
        return
    kind, _, options = column.identity.partition(" (")
    more = f" ({options}" if options else ""
    if was.identity is None:
        yield Step(f"{here} ADD GENERATED {kind} AS IDENTITY{more}")
        return
    yield Step(f"{here} DROP IDENTITY")
    yield Step(f"{here} ADD GENERATED {kind} AS IDENTITY{more}", ("its numbers begin anew",))
