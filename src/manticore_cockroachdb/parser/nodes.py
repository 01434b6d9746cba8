"""What a statement says, as frozen values: the model that planner and linter read.

The rule: a field is filled from the statement's own text and means what it says on both servers;
what a server would add by itself is not here. A statement that `parse` is not sure about is
`Unparsed`, never a node with a guess in it. Offsets (``start``) count characters from the
beginning of the statement's text. Names are folded as the servers fold them; expressions and
types are text, with blanks and comments made single spaces. ``functions`` holds the names called
anywhere in the statement, in lower case and without their schema; it may name a type or a
keyword that takes parentheses too, but never misses a call that is written out.

``verb`` is the upper-case words that a person would call the statement by: "CREATE TABLE",
"ALTER TABLE", "INSERT".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .quoting import quote
from .record import Record

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


class Node(Record):
    """Any statement."""

    verb: str
    functions: frozenset[str] = frozenset()


class Unparsed(Node):
    """A statement that was not understood for sure: why, and from which offset on."""

    verb: str = ""
    reason: str
    start: int = 0


# Tables


class CreateTable(Node):
    """``columns`` of a CREATE TABLE … AS have no type; ``like`` names tables copied from.

    ``options`` are those of WITH (…), names in lower case, values as written without quotes.
    ``partitioned`` is the text after PARTITION BY or PARTITION ALL BY.
    """

    verb: str = "CREATE TABLE"
    name: QName
    if_not_exists: bool = False
    temporary: bool = False
    unlogged: bool = False
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[InlineIndex, ...] = ()
    like: tuple[QName, ...] = ()
    as_query: bool = False
    partition_of: QName | None = None
    of_type: QName | None = None
    inherits: tuple[QName, ...] = ()
    interleaved: QName | None = None
    partitioned: str | None = None
    locality: str | None = None
    options: tuple[tuple[str, str], ...] = ()


class CreateIndex(Node):
    """``start`` is where CREATE begins; ``storing`` is what the index holds beside its keys."""

    verb: str = "CREATE INDEX"
    name: str | None
    table: QName
    columns: tuple[IndexColumn, ...]
    unique: bool = False
    concurrently: bool = False
    if_not_exists: bool = False
    only: bool = False
    method: str | None = None
    inverted: bool = False
    vector: bool = False
    using_hash: bool = False
    storing: tuple[str, ...] = ()
    where: str | None = None
    not_visible: bool = False
    options: tuple[tuple[str, str], ...] = ()
    start: int = 0


AlteredKind = Literal["table", "index", "view", "sequence", "materialized view", "foreign table"]


class AlterTable(Node):
    """ALTER of a table or of what behaves like one; ``index`` for CockroachDB's `table@index`."""

    verb: str = "ALTER TABLE"
    object: AlteredKind = "table"
    name: QName
    index: str | None = None
    if_exists: bool = False
    only: bool = False
    actions: tuple[Action, ...]


# Everything else that defines something


class CreateObject(Node):
    """CREATE of anything but tables and indexes; ``kind`` is in lower case.

    ``table`` is what a trigger, policy or rule is on. ``body`` is a view's query or a routine's
    body, without its quotes.
    """

    kind: str
    name: QName | None
    if_not_exists: bool = False
    or_replace: bool = False
    temporary: bool = False
    table: QName | None = None
    enum_values: tuple[str, ...] = ()
    body: str | None = None
    query_selects_star: bool = False
    language: str | None = None


class AlterType(Node):
    """``action`` is "add value", "drop value", "rename value", "rename to" or other words."""

    verb: str = "ALTER TYPE"
    name: QName
    action: str
    value: str | None = None
    new_value: str | None = None
    if_exists: bool = False
    if_not_exists: bool = False


class AlterObject(Node):
    """ALTER of anything else: ``action`` is what follows the name, keywords in upper case.

    Strings in it are replaced by `'…'`: one may be a password.
    """

    kind: str
    name: QName | None
    action: str
    if_exists: bool = False


class RenameObject(Node):
    """ALTER … RENAME TO of what is no table: an index of a table, a type, a database …"""

    kind: str
    name: QName
    new: QName
    table: QName | None = None
    if_exists: bool = False


class Drop(Node):
    """``table`` is that of DROP TRIGGER … ON, or of CockroachDB's DROP INDEX table@index.

    ``tables`` holds those of every `table@index`, in order; ``table`` is then the first.
    """

    kind: str
    names: tuple[QName, ...]
    if_exists: bool = False
    cascade: bool = False
    concurrently: bool = False
    table: QName | None = None
    tables: tuple[QName, ...] = ()


class Truncate(Node):
    """TRUNCATE of one table or several."""

    verb: str = "TRUNCATE"
    names: tuple[QName, ...]
    cascade: bool = False


class Comment(Node):
    """COMMENT ON: ``object_kind`` in lower case, ``name`` as text, ``text`` None for NULL."""

    verb: str = "COMMENT"
    object_kind: str
    name: str
    text: str | None


class Grant(Node):
    """``privileges`` in upper case, or the roles granted; ``target`` the text after ON."""

    verb: str = "GRANT"
    privileges: tuple[str, ...]
    target: str | None
    grantees: tuple[str, ...]


class Revoke(Node):
    """See `Grant`."""

    verb: str = "REVOKE"
    privileges: tuple[str, ...]
    target: str | None
    grantees: tuple[str, ...]
    cascade: bool = False


# Data


class Dml(Node):
    """INSERT, UPSERT, UPDATE, DELETE, MERGE or COPY.

    ``rows`` counts the tuples of VALUES, and is None for a query or when they were too many to
    count; ``on_conflict`` is then None too, and ``functions`` holds the head's only.
    ``writes_more`` tells of writes in the WITH before it. ``table`` is None for COPY (query) TO.
    """

    table: QName | None
    has_where: bool = False
    has_limit: bool = False
    on_conflict: bool | None = False
    rows: int | None = None
    from_stdin: bool = False
    to: bool = False
    returning: bool = False
    writes_more: bool = False


class Query(Node):
    """SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN.

    ``into`` for SELECT INTO; ``writes`` if a part of WITH or an explained and executed statement
    changes data; ``selects_star`` for a bare or qualified `*` in an outermost select list.
    """

    into: bool = False
    writes: bool = False
    selects_star: bool = False
    locks: bool = False


# The session


class SetVar(Node):
    """SET: ``value`` as written without quotes, None for DEFAULT."""

    verb: str = "SET"
    name: str
    value: str | None
    scope: Literal["session", "local", "cluster", "role", "database"] = "session"


class Reset(Node):
    """RESET of a setting; ``name`` is "all" for RESET ALL."""

    verb: str = "RESET"
    name: str
    scope: Literal["session", "cluster"] = "session"


class Do(Node):
    """DO: ``body`` without its quotes."""

    verb: str = "DO"
    language: str
    body: str


class Call(Node):
    """CALL of a procedure."""

    verb: str = "CALL"
    name: QName


class TransactionControl(Node):
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK TO, SET TRANSACTION and the like."""

    name: str | None = None


MaintenanceVerb = Literal[
    "ANALYZE",
    "BACKUP",
    "CANCEL",
    "CHECKPOINT",
    "CLUSTER",
    "EXPERIMENTAL",
    "EXPORT",
    "IMPORT",
    "IMPORT FOREIGN SCHEMA",
    "INSPECT",
    "PAUSE",
    "REASSIGN OWNED",
    "REFRESH MATERIALIZED VIEW",
    "REINDEX",
    "RESTORE",
    "RESUME",
    "SECURITY LABEL",
    "VACUUM",
]


class Maintenance(Node):
    """VACUUM, ANALYZE, REINDEX, BACKUP, jobs and the like; ``name`` of the table, if one.

    ``text`` is what follows the first word, like `AlterObject.action`.
    """

    verb: MaintenanceVerb
    name: QName | None = None
    concurrently: bool = False
    text: str = ""


class SessionCommand(Node):
    """DISCARD, LISTEN, NOTIFY, PREPARE, DEALLOCATE, LOCK TABLE, USE and the like."""

    names: tuple[QName, ...] = ()
