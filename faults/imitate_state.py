"""What an imitated session knows, and what a quirk may say about a statement. Values, no I/O.

A session's transaction is the server's own, with one addition: while a message of several
statements runs outside a transaction, the imitation opens a transaction on the server that the
client does not know of (``implicit``), since it sends the statements one by one and they must
stand or fall together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from faults.imitate_jobs import Jobs
from faults.imitate_sql import Kind, Statement
from faults.wire import Message

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Setting:
    """A session setting that only CockroachDB has, from which version on, and its default.

    ``on_from`` is the version from which the default is "on" rather than ``default``.
    """

    since: Version
    default: str = "off"
    on_from: Version | None = None

    def value(self, version: Version) -> str:
        """The default on this version."""
        if self.on_from is not None and version >= self.on_from:
            return "on"
        return self.default


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "allow_unsafe_internals": Setting((25, 4)),
        "autocommit_before_ddl": Setting((24, 1), on_from=(25, 1)),
        "copy_from_atomic_enabled": Setting((22, 2), "on"),
        "create_table_with_schema_locked": Setting((25, 3), on_from=(26, 1)),
        "default_int_size": Setting((20, 1), "8"),
        "default_transaction_quality_of_service": Setting((22, 1), "regular"),
        "default_transaction_use_follower_reads": Setting((21, 1)),
        "disallow_full_table_scans": Setting((21, 1)),
        "enable_durable_locking_for_serializable": Setting((23, 2)),
        "enable_experimental_alter_column_type_general": Setting((20, 2)),
        "enable_implicit_transaction_for_batch_statements": Setting((22, 1), on_from=(22, 2)),
        "enable_shared_locking_for_serializable": Setting((23, 2)),
        "force_savepoint_restart": Setting((19, 1)),
        "idle_in_session_timeout": Setting((21, 1), "0"),
        "inject_retry_errors_enabled": Setting((21, 1)),
        "serial_normalization": Setting((2, 1), "rowid"),
        "sql_safe_updates": Setting((2, 0)),
        "transaction_timeout": Setting((23, 1), "0"),
        "strict_ddl_atomicity": Setting((23, 2)),
        "transaction_rows_written_err": Setting((21, 2), "0"),
        "use_declarative_schema_changer": Setting((22, 1), "on"),
    }
)
"""From "Session variables" of the documentation, and §0 of the research notes; `use_declarative…`,
`sql_safe_updates`, `force_…` and the like are accepted and change nothing here."""


@dataclass(slots=True)
class State:
    """One session as it is now. Quirks read it; only the session and `Say.effect` write it."""

    version: Version
    jobs: Jobs
    locked: dict[tuple[str, str], bool]
    """Of every imitated cluster's tables, by database and name, whether they are schema_locked."""
    user: str = ""
    database: str = ""
    native: bool = False
    """Whether the server behind is a CockroachDB itself."""
    defaults: dict[str, str] = field(default_factory=dict)
    """What RESET goes back to where that is not the version's own default."""
    settings: dict[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    status: str = "I"
    """I, T or E, as the client sees it."""
    implicit: bool = False
    alone: bool = True
    """Whether the statement is the only one of its message."""
    created: set[str] = field(default_factory=set)
    """Tables made in the open transaction."""
    waiting: list[Statement] = field(default_factory=list)
    """Schema changes of the open transaction that will be jobs after its COMMIT."""
    savepoints: dict[str, int] = field(default_factory=dict)

    def setting(self, name: str) -> str:
        """The value of one of `SETTINGS` in this session."""
        for values in (self.local, self.settings, self.defaults):
            if name in values:
                return values[name]
        return SETTINGS[name].value(self.version)

    def on(self, name: str) -> bool:
        """Whether a setting is known to this version and on."""
        known = SETTINGS[name].since <= self.version
        return known and self.setting(name).lower() in ("on", "true", "1", "yes", "t")

    @property
    def open(self) -> bool:
        """Whether a transaction is open on the server, known to the client or not."""
        return self.status == "T" or self.implicit

    def ended(self) -> None:
        """The transaction is over."""
        self.created.clear()
        self.waiting.clear()
        self.savepoints.clear()
        self.local.clear()
        self.implicit = False


@dataclass(frozen=True, slots=True)
class Say:
    """The proxy answers the statement itself; an ErrorResponse among ``messages`` comes last."""

    messages: tuple[Message, ...]
    effect: Callable[[State], None] | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The server gets this instead; with ``tag``, its rows are dropped and its tag replaced."""

    sql: str
    tag: str | None = None


class Course(Enum):
    """How a statement is run when not simply sent."""

    COMMIT_FIRST = auto()
    """Commit what is open, then look at the statement again."""
    AFTER_COMMIT = auto()
    """Accept it now, do it after COMMIT."""
    JOB = auto()
    """Do it as a job that the statement waits for."""


class Quirk:
    """One difference between CockroachDB and the server behind.

    It holds from version ``since`` on and concerns statements in whose text ``mentions`` is
    found, or schema changes where there is no such pattern. `answer` is asked first, then
    `rewrite`; the `course` is COMMIT_FIRST before both and the others after.
    """

    since: Version = (0, 0)
    mentions: re.Pattern[str] | None = None

    def concerns(self, statement: Statement, state: State) -> bool:
        """Whether it may have anything to say about the statement."""
        if self.mentions is None:
            return statement.kind is Kind.SCHEMA
        return self.mentions.search(statement.sql) is not None

    def answer(self, statement: Statement, state: State) -> Say | None:
        """An answer that never reaches the server."""
        return None

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        """Another text for the server."""
        return None

    def course(self, statement: Statement, state: State) -> Course | None:
        """Another way to run it."""
        return None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one statement: say something, or send ``sql``, on a course of its own."""

    sql: str = ""
    tag: str | None = None
    say: Say | None = None
    course: Course | None = None


def decide(quirks: tuple[Quirk, ...], statement: Statement, state: State) -> Decision:
    """What becomes of a statement, given the quirks of this version."""
    concerned = [one for one in quirks if one.concerns(statement, state)]
    courses = [one.course(statement, state) for one in concerned]
    if Course.COMMIT_FIRST in courses:
        return Decision(course=Course.COMMIT_FIRST)
    for one in concerned:
        if (say := one.answer(statement, state)) is not None:
            return Decision(say=say)
    sql, tag = statement.sql, None
    for one in concerned:
        if (other := one.rewrite(Statement(sql), state)) is not None:
            sql, tag = other.sql, other.tag or tag
    return Decision(sql, tag, None, next((one for one in courses if one is not None), None))
