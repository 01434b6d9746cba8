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

from typing import Literal

from .nodes_table import (
    RESERVED,
    Action,
    AddColumn,
    AddConstraint,
    AlterColumnType,
    AlterPrimaryKey,
    AttachPartition,
    Column,
    Constraint,
    ConstraintKind,
    DetachPartition,
    DropColumn,
    DropConstraint,
    DropDefault,
    DropExpression,
    DropNotNull,
    IndexColumn,
    InlineIndex,
    OtherAction,
    QName,
    RenameColumn,
    RenameConstraint,
    RenameTo,
    ResetOptions,
    SetDefault,
    SetLocality,
    SetNotNull,
    SetOptions,
    SetSchema,
    ValidateConstraint,
    quote,
)
from .record import Record

__all__ = [
    "RESERVED",
    "Action",
    "AddColumn",
    "AddConstraint",
    "AlterColumnType",
    "AlterObject",
    "AlterPrimaryKey",
    "AlterTable",
    "AlterType",
    "AlteredKind",
    "AttachPartition",
    "Call",
    "Column",
    "Comment",
    "Constraint",
    "ConstraintKind",
    "CreateIndex",
    "CreateObject",
    "CreateTable",
    "DetachPartition",
    "Dml",
    "Do",
    "Drop",
    "DropColumn",
    "DropConstraint",
    "DropDefault",
    "DropExpression",
    "DropNotNull",
    "Grant",
    "IndexColumn",
    "InlineIndex",
    "Maintenance",
    "Node",
    "OtherAction",
    "QName",
    "Query",
    "RenameColumn",
    "RenameConstraint",
    "RenameObject",
    "RenameTo",
    "Reset",
    "ResetOptions",
    "Revoke",
    "SessionCommand",
    "SetDefault",
    "SetLocality",
    "SetNotNull",
    "SetOptions",
    "SetSchema",
    "SetVar",
    "TransactionControl",
    "Truncate",
    "Unparsed",
    "ValidateConstraint",
    "quote",
]


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


class Maintenance(Node):
    """VACUUM, ANALYZE, REINDEX, BACKUP, jobs and the like; ``name`` of the table, if one.

    ``text`` is what follows the first word, like `AlterObject.action`.
    """

    name: QName | None = None
    concurrently: bool = False
    text: str = ""


class SessionCommand(Node):
    """DISCARD, LISTEN, NOTIFY, PREPARE, DEALLOCATE, LOCK TABLE, USE and the like."""

    names: tuple[QName, ...] = ()
