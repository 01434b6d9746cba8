"""What a database consists of, as frozen values: the catalog that everything here works on.

The rule: a catalog says what somebody decided, not what a server added. Hidden columns
(CockroachDB's ``rowid`` and shard columns), indexes that only carry a constraint, the sequence
behind an identity column, members of extensions and our own tables are left out. So are
ownership and privileges, which belong to a cluster and its people rather than to a schema.

Values are engine-neutral where the engines agree: types have one spelling (`names`), keys of
indexes are written without what is the default. Expressions and definitions are SQL as the
server prints it, with every name qualified. Two catalogs are equal if and only if their values
are; everything is sorted, columns excepted, whose order is the table's own.

How catalogs are made: `async_read` asks a server, `postgres` and `cockroach` turn its answers
into these values. What is done with them: `render` (SQL), `diff`, `alter`, `docs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from ..dialect import Engine

Key: TypeAlias = tuple[str, str]
"""Schema and name."""

ConstraintKind = Literal["primary key", "unique", "check", "foreign key", "exclude"]
_LIMITS = {"INT2": 2**15, "INT4": 2**31, "INT8": 2**63}

ObjectKind = Literal[
    "domain",
    "type",
    "function",
    "procedure",
    "statistics",
    "trigger",
    "policy",
    "rule",
]

OBJECT_KINDS: tuple[ObjectKind, ...] = get_args(ObjectKind)


@dataclass(frozen=True, slots=True)
class Column:
    """``generated`` is the expression of a computed column; ``identity`` is "ALWAYS" or
    "BY DEFAULT", with the options of its sequence behind it in parentheses, if it has any."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    generated: str | None = None
    stored: bool = True
    identity: str | None = None
    collation: str | None = None
    on_update: str | None = None
    visible: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """``definition`` is what stands behind ``CONSTRAINT name`` in SQL, and says it all but
    whether it was validated; the other fields are there for those who want to know a part."""

    name: str
    kind: ConstraintKind
    definition: str
    columns: tuple[str, ...] = ()
    target: Key | None = None
    target_columns: tuple[str, ...] = ()
    validated: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """``keys`` are columns or expressions with what is not the default: "name", "name DESC",
    "lower(name)". ``buckets`` are those of a hash-sharded index, ``options`` what WITH holds."""

    name: str
    keys: tuple[str, ...]
    unique: bool = False
    method: str = "btree"
    storing: tuple[str, ...] = ()
    where: str | None = None
    buckets: int | None = None
    nulls_distinct: bool = True
    options: str | None = None
    valid: bool = True
    visible: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """``partition_by`` is the key of a partitioned table, ``partition_of`` the table that this
    one is a partition of and ``bound`` which part. ``inherits`` are PostgreSQL's parents.
    ``options`` are storage parameters, ``locality`` and ``families`` CockroachDB's."""

    schema: str
    name: str
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    unlogged: bool = False
    partition_by: str | None = None
    partition_of: Key | None = None
    bound: str | None = None
    inherits: tuple[Key, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    locality: str | None = None
    families: tuple[tuple[str, tuple[str, ...]], ...] = ()
    row_security: Literal["off", "on", "forced"] = "off"
    comment: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.schema, self.name

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((c for c in self.columns if c.name == name), None)

    @property
    def primary_key(self) -> Constraint | None:
        """The primary key, if there is one."""
        return next((c for c in self.constraints if c.kind == "primary key"), None)

    @property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """The constraints that point to a table."""
        return tuple(c for c in self.constraints if c.kind == "foreign key")


@dataclass(frozen=True, slots=True)
class View:
    """A view, or a materialized one with its indexes. ``options`` are text in parentheses."""

    schema: str
    name: str
    definition: str
    columns: tuple[Column, ...] = ()
    materialized: bool = False
    indexes: tuple[Index, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    comment: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, slots=True)
class Sequence:
    """``owned_by`` is schema, table and column of the column whose end is the sequence's."""

    schema: str
    name: str
    type: str = "INT8"
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 2**63 - 1
    cache: int = 1
    cycle: bool = False
    owned_by: tuple[str, str, str] | None = None
    comment: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.schema, self.name

    @property
    def options(self) -> str:
        """As SQL, what is not the default for its type and direction."""
        limit = _LIMITS.get(self.type, 2**63)
        up = self.increment > 0
        least, most = (1, limit - 1) if up else (-limit, -1)
        first = self.minimum if up else self.maximum
        parts = (
            (self.increment != 1, f"INCREMENT BY {self.increment}"),
            (self.minimum != least, f"MINVALUE {self.minimum}"),
            (self.maximum != most, f"MAXVALUE {self.maximum}"),
            (self.start != first, f"START WITH {self.start}"),
            (self.cache != 1, f"CACHE {self.cache}"),
            (self.cycle, "CYCLE"),
        )
        return " ".join(text for wanted, text in parts if wanted)


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration; its labels in order."""

    schema: str
    name: str
    labels: tuple[str, ...]
    comment: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """Whatever else has a definition and is known by that alone.

    ``name`` of a routine holds its argument types: ``add(integer, integer)``. ``table`` is the
    name of the table that a trigger, policy or rule is on; it is in the same schema.
    ``definition`` is the statement that makes it, ``drop`` what stands behind DROP.
    """

    kind: ObjectKind
    schema: str
    name: str
    definition: str
    drop: str
    table: str | None = None
    comment: str | None = None

    @property
    def key(self) -> Key:
        """Schema and name, the latter with the table that it is on."""
        return self.schema, f"{self.table}.{self.name}" if self.table else self.name


@dataclass(frozen=True, slots=True)
class Namespace:
    """A schema in the sense of SQL; ``public`` is listed only if it has a comment of its own."""

    name: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of PostgreSQL. Its version is the server's business."""

    name: str
    schema: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole database. ``left_out`` names what is there and not described here."""

    engine: Engine
    namespaces: tuple[Namespace, ...] = ()
    extensions: tuple[Extension, ...] = ()
    enums: tuple[Enum, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    objects: tuple[SchemaObject, ...] = ()
    left_out: tuple[str, ...] = ()

    def table(self, name: str, schema: str = "public") -> Table | None:
        """The table of that name."""
        return next((t for t in self.tables if t.key == (schema, name)), None)

    def view(self, name: str, schema: str = "public") -> View | None:
        """The view of that name."""
        return next((v for v in self.views if v.key == (schema, name)), None)

    def parent(self, table: Table) -> Table | None:
        """The table that this one is a partition of."""
        above = table.partition_of
        return None if above is None else self.table(above[1], above[0])

    def within(self, schemas: Collection[str]) -> Schema:
        """What of it is in these schemas."""
        return replace(
            self,
            namespaces=tuple(one for one in self.namespaces if one.name in schemas),
            extensions=tuple(one for one in self.extensions if one.schema in schemas),
            enums=tuple(one for one in self.enums if one.schema in schemas),
            sequences=tuple(one for one in self.sequences if one.schema in schemas),
            tables=tuple(one for one in self.tables if one.schema in schemas),
            views=tuple(one for one in self.views if one.schema in schemas),
            objects=tuple(one for one in self.objects if one.schema in schemas),
            left_out=(),
        )

    def everything(self) -> Iterator[Enum | Sequence | Table | View | SchemaObject]:
        """Everything that has a schema and a name."""
        yield from self.enums
        yield from self.sequences
        yield from self.tables
        yield from self.views
        yield from self.objects
