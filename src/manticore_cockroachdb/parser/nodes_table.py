"""The parts that statements about tables are made of: names, columns, constraints, actions.

See `nodes` for the rules that all of the model follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .record import Record

# Written as what they are not: a range up to U+10FFFF is slow to compile.
_SIMPLE_NAME = re.compile(r"[^\x00-^`{-\x7f][^\x00-#%-/:-^`{-\x7f]*")

# Words that neither server takes as the name of a table or a column without quotes.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create current_catalog current_date current_role current_time current_timestamp
    current_user default deferrable desc distinct do else end except false fetch for foreign from
    grant group having in initially intersect into lateral leading limit localtime localtimestamp
    not null offset on only or order placing primary references returning select session_user some
    symmetric table then to trailing true union unique user using variadic when where window with
"""
RESERVED = frozenset(_RESERVED.split())


@dataclass(frozen=True, slots=True)
class QName:
    """A name of one to three parts, the object's own last."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def schema(self) -> str | None:
        return self.parts[-2] if len(self.parts) > 1 else None

    def __str__(self) -> str:
        """The name as SQL, quoted where it has to be."""
        return ".".join(quote(part) for part in self.parts)


def quote(name: str) -> str:
    """``name`` as an SQL identifier, quoted where it has to be."""
    if _SIMPLE_NAME.fullmatch(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


class Column(Record):
    """A column as CREATE TABLE or ADD COLUMN defines it; ``type`` is "" where none is given."""

    name: str
    type: str
    not_null: bool = False
    null: bool = False
    default: str | None = None
    generated: Literal["stored", "virtual"] | None = None
    generated_as: str | None = None
    identity: Literal["always", "by default"] | None = None
    primary_key: bool = False
    using_hash: bool = False
    unique: bool = False
    without_index: bool = False
    check: str | None = None
    references: QName | None = None
    on_delete: str | None = None
    not_visible: bool = False
    on_update: str | None = None
    collation: str | None = None
    family: str | None = None
    start: int = 0


ConstraintKind = Literal["primary key", "unique", "foreign key", "check", "exclude", "not null"]


class Constraint(Record):
    """A table constraint. ``columns`` are plain names or expressions, as text.

    ``on_update`` and ``on_delete`` are upper-case words such as "CASCADE"; ``using_index`` is
    the existing index that ADD CONSTRAINT takes over.
    """

    kind: ConstraintKind
    name: str | None = None
    columns: tuple[str, ...] = ()
    references: QName | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: str | None = None
    on_update: str | None = None
    expression: str | None = None
    not_valid: bool = False
    not_enforced: bool = False
    using_index: str | None = None
    without_index: bool = False
    using_hash: bool = False
    deferrable: bool = False
    start: int = 0


class IndexColumn(Record):
    """A key of an index: ``name`` for a plain column, else None; ``direction`` "" or ASC, DESC."""

    expression: str
    name: str | None = None
    direction: str = ""
    opclass: str | None = None
    start: int = 0


class InlineIndex(Record):
    """An index defined inside CREATE TABLE, as CockroachDB allows."""

    name: str | None
    columns: tuple[IndexColumn, ...]
    unique: bool = False
    inverted: bool = False
    vector: bool = False
    using_hash: bool = False
    storing: tuple[str, ...] = ()
    where: str | None = None
    not_visible: bool = False
    start: int = 0


class Action(Record):
    """One action of ALTER TABLE; ``start`` is where it begins."""

    start: int = 0


class AddColumn(Action):
    """ADD COLUMN."""

    column: Column
    if_not_exists: bool = False


class DropColumn(Action):
    """DROP COLUMN."""

    name: str
    if_exists: bool = False
    cascade: bool = False


class AlterColumnType(Action):
    """ALTER COLUMN … TYPE; ``using`` is an expression's text."""

    column: str
    type: str
    using: str | None = None
    collation: str | None = None


class SetDefault(Action):
    """ALTER COLUMN … SET DEFAULT."""

    column: str
    expression: str


class DropDefault(Action):
    """ALTER COLUMN … DROP DEFAULT."""

    column: str


class SetNotNull(Action):
    """ALTER COLUMN … SET NOT NULL."""

    column: str


class DropNotNull(Action):
    """ALTER COLUMN … DROP NOT NULL."""

    column: str


class DropExpression(Action):
    """DROP EXPRESSION of PostgreSQL, DROP STORED of CockroachDB."""

    column: str
    if_exists: bool = False


class AddConstraint(Action):
    """ADD of a table constraint."""

    constraint: Constraint
    if_not_exists: bool = False


class DropConstraint(Action):
    """DROP CONSTRAINT."""

    name: str
    if_exists: bool = False
    cascade: bool = False


class ValidateConstraint(Action):
    """VALIDATE CONSTRAINT."""

    name: str


class RenameColumn(Action):
    """RENAME COLUMN."""

    old: str
    new: str


class RenameConstraint(Action):
    """RENAME CONSTRAINT."""

    old: str
    new: str


class RenameTo(Action):
    """RENAME TO, of the table itself."""

    new: QName


class AlterPrimaryKey(Action):
    """CockroachDB's ALTER PRIMARY KEY USING COLUMNS."""

    columns: tuple[str, ...]
    using_hash: bool = False


class SetSchema(Action):
    """SET SCHEMA."""

    schema: str


class SetLocality(Action):
    """``text`` in upper case up to a name: "GLOBAL", "REGIONAL BY ROW"."""

    text: str


class SetOptions(Action):
    """SET (…) of storage parameters, as in `CreateTable`."""

    options: tuple[tuple[str, str], ...]


class ResetOptions(Action):
    """RESET (…) of storage parameters."""

    names: tuple[str, ...]


class AttachPartition(Action):
    """ATTACH PARTITION; ``bounds`` from FOR VALUES or DEFAULT on, as text."""

    partition: QName
    bounds: str


class DetachPartition(Action):
    """DETACH PARTITION."""

    partition: QName
    concurrently: bool = False
    finalize: bool = False


class OtherAction(Action):
    """An action that is known but has no node of its own: its text, keywords in upper case."""

    text: str
    column: str | None = None
