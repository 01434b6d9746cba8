"""Which transaction each migration gets, decided before anything runs.

    (files, history, journal, target, capabilities) -> Plan

A migration runs in one of two modes:

* **transaction**: the whole part and its history row in one transaction, where the server
  really makes that atomic. A failure leaves nothing; a second run starts from the beginning.
* **steps**: one step after another, each journalled before and after. A step is either
  *atomic* (statements that a transaction covers, committed together with their journal row)
  or *alone* (a statement that no transaction covers; its effect is looked up in the catalog).

or it is refused, with the split to make. PostgreSQL covers everything except what it forbids in
a transaction block. CockroachDB covers data changes, CREATE TABLE, and changes to a table made
in the same transaction; everything else lives on as a job after COMMIT and runs alone
(CockroachDB docs, "Online schema changes", known limitations).

Only verbs that can matter are parsed, so that a file of a million INSERTs is planned at the
speed of the splitter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ..dialect import Capabilities
from ..errors import Refused
from . import nodes as n
from .file import MigrationFile, statements
from .parse import parse
from .split import excerpt, line_column

Direction = Literal["up", "down"]


class Mode(StrEnum):
    """How a migration runs."""

    TRANSACTION = "transaction"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Script:
    """One part of a migration as it will run: `text[start:end]`, found in the file `path`."""

    version: int
    description: str
    direction: Direction
    path: str | None
    text: str
    spans: Sequence[tuple[int, int]]
    wish: bool | None
    checksum: str
    undo: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """Statements `first` to `last` (exclusive) of a script, run together.

    `atomic`: a transaction covers them and their journal row. Otherwise there is exactly one
    statement, run alone, and `node` is what it means.
    """

    ordinal: int
    first: int
    last: int
    atomic: bool
    reason: str
    node: n.Node | None = None


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """One migration, decided: its mode, why, and its steps in order.

    `sociable`: others may share its transaction (`migrations.fresh`).
    """

    script: Script
    mode: Mode
    reason: str
    steps: tuple[Step, ...]
    changes_session: bool
    sociable: bool = False

    @property
    def version(self) -> int:
        return self.script.version

    def step_sql(self, step: Step) -> str:
        """The text of one step, from its first statement to its last, without the final `;`."""
        spans = self.script.spans
        return self.script.text[spans[step.first][0] : spans[step.last - 1][1]]

    def step_hash(self, step: Step) -> str:
        """Identifies the step's text in the journal."""
        return hashlib.sha256(self.step_sql(step).encode()).hexdigest()[:16]


def script_of(file: MigrationFile, *, down: bool = False) -> Script:
    """One part of `file`, split. Raises FileError when it cannot be."""
    return Script(
        version=file.version,
        description=file.description,
        direction="down" if down else "up",
        path=file.path,
        text=file.text,
        spans=statements(file, down=down),
        wish=file.transaction,
        checksum=file.checksum,
        undo=file.down_sql,
    )


# --- what one statement allows ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alone:
    """No transaction covers this statement, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """This statement cannot be in a migration, why, and what to do instead."""

    reason: str
    hint: str


Verdict = Alone | Unusable | None
"""None: a transaction covers the statement."""

_HEAD = re.compile(r"[A-Za-z_]+|\\|\(")
# What PostgreSQL covers whatever follows.
_COVERED = re.compile(
    r"(?:create\s+(?:table|view|function|or\s+replace)|drop\s+(?:table|view)|comment|grant)\b",
    re.IGNORECASE,
)
# Verbs that always stay inside a transaction and are never worth parsing.
_PLAIN = frozenset({"insert", "update", "delete", "upsert", "values", "with", "merge"})


def plan_script(script: Script, caps: Capabilities) -> MigrationPlan:
    """Decide mode and steps of one script. Raises Refused when no way is safe."""
    groups, sociable = _groups(script, caps)
    spans = script.spans
    alone = [g for g in groups if not g.atomic]
    changes_session = any(g.session for g in groups)
    if script.wish is True and (alone or len(groups) > 1):
        culprit = alone[0] if alone else groups[1]
        raise _refused(
            script,
            spans[culprit.first][0],
            f"-- @transaction on asks for one transaction, but {culprit.reason}.",
            "move this statement into a migration of its own, or drop the directive",
        )
    if script.wish is not False and len(groups) <= 1 and not alone:
        reason = (
            "every statement commits and rolls back with the transaction"
            if caps.transactional_ddl
            else "data changes and new tables only"
        )
        return MigrationPlan(
            script,
            Mode.TRANSACTION,
            reason,
            (Step(0, 0, len(spans), True, reason),),
            changes_session,
            sociable,
        )
    if script.wish is False:
        groups = [part for g in groups for part in g.split()]
    reason = alone[0].reason if alone else "the file asks for it"
    if not alone and script.wish is not False:
        reason = groups[1].reason
    steps = tuple(
        Step(i, g.first, g.last, g.atomic, g.reason, g.node) for i, g in enumerate(groups)
    )
    return MigrationPlan(script, Mode.STEPS, reason, steps, changes_session)


@dataclass(slots=True)
class _Group:
    """A step while it grows."""

    first: int
    last: int
    atomic: bool
    reason: str
    node: n.Node | None = None
    session: bool = False

    def split(self) -> Iterator[_Group]:
        for i in range(self.first, self.last):
            yield _Group(i, i + 1, self.atomic, self.reason, self.node, self.session)


def _groups(script: Script, caps: Capabilities) -> tuple[list[_Group], bool]:
    """The steps, and whether a script of one step may share its transaction with others.

    On CockroachDB it may not if it writes, since older versions want all schema changes first,
    or has foreign keys, whose table cannot be mentioned again in the same transaction.
    """
    groups: list[_Group] = []
    covered = _Covered(caps)
    for i, (start, end) in enumerate(script.spans):
        node = _read(script, i, caps)
        verdict = None if node is None else _judge(node, caps)
        if isinstance(verdict, Unusable):
            raise _refused(script, start, verdict.reason, verdict.hint)
        safe = verdict is None or covered.makes_safe(node)
        joins = safe and covered.take(node, script.text, start, end)
        if safe and not joins:
            # A COMMIT has to come first, and then the statement has lost its company.
            covered = _Covered(caps)
            safe = verdict is None
            covered.take(node, script.text, start, end)
        session = node is not None and _changes_session(node)
        if not safe:
            covered = _Covered(caps)
            reason = verdict.reason if verdict is not None else ""
            groups.append(_Group(i, i + 1, False, reason, node, session))
        elif joins and groups and groups[-1].atomic:
            groups[-1].last = i + 1
            groups[-1].session |= session
        else:
            reason = "a transaction covers it" if joins else "CockroachDB needs a COMMIT before it"
            groups.append(_Group(i, i + 1, True, reason, None, session))
    return groups, caps.transactional_ddl or not (covered.wrote or covered.fenced)


def _read(script: Script, i: int, caps: Capabilities) -> n.Node | None:
    """What statement `i` means; None where a transaction covers it whatever it says in detail."""
    start, end = script.spans[i]
    head = _HEAD.match(script.text, start, end)
    word = head[0].lower() if head else ""
    if word == "\\":
        raise _refused(
            script,
            start,
            "a line that begins with a backslash is a psql command, not SQL",
            "remove it, and put the SQL it would run into this file",
        )
    if word in _PLAIN or (caps.transactional_ddl and _COVERED.match(script.text, start, end)):
        return None
    return parse(script.text[start:end])


class _Covered:
    """What the transaction being gathered has done so far, as far as CockroachDB minds."""

    __slots__ = ("caps", "created", "ddl", "fenced", "wrote")

    def __init__(self, caps: Capabilities) -> None:
        self.caps = caps
        self.created: set[str] = set()
        self.fenced: set[str] = set()  # tables that this transaction may not mention again
        self.wrote = False
        self.ddl = False

    def makes_safe(self, node: n.Node | None) -> bool:
        """Whether the change is covered because its table was made in this transaction."""
        if self.caps.transactional_ddl or self.caps.schema_locked or not self.created:
            return False
        match node:
            case n.CreateIndex(table=table, concurrently=False):
                return _key(table) in self.created
            case n.AlterTable(object="table", name=name, actions=actions):
                return _key(name) in self.created and all(
                    isinstance(a, n.AddColumn | n.AddConstraint | n.SetDefault | n.DropDefault)
                    for a in actions
                )
            case _:
                return False

    def take(self, node: n.Node | None, text: str, start: int, end: int) -> bool:
        """Note a covered statement (None: a data change); False when it cannot join."""
        if self.caps.transactional_ddl:
            return True
        if self.fenced and self._mentions(text[start:end]):
            return False
        match node:
            case n.CreateTable() | n.CreateIndex() | n.AlterTable():
                if self.wrote and not self.ddl and not self.caps.ddl_after_write:
                    return False
                self.ddl = True
                if isinstance(node, n.CreateTable):
                    self._created(node)
            case None | n.Dml() | n.Query(writes=True):
                self.wrote = True
            case _:
                pass
        return True

    def _created(self, node: n.CreateTable) -> None:
        self.created.add(_key(node.name))
        # CockroachDB docs, known limitations: a table made with foreign keys cannot be
        # referenced again in the transaction that made it.
        if any(c.references for c in node.columns) or any(
            c.kind == "foreign key" for c in node.constraints
        ):
            self.fenced.add(_key(node.name))

    def _mentions(self, sql: str) -> bool:
        lowered = sql.lower()
        return any(name in lowered for name in self.fenced)


def _key(name: n.QName) -> str:
    return name.name.lower()


# --- the verdicts -------------------------------------------------------------------------


def _judge(node: n.Node, caps: Capabilities) -> Verdict:
    match node:
        case n.TransactionControl(verb=verb) if verb in _SAVEPOINTS:
            if not caps.transactional_ddl:
                return Unusable(
                    "a savepoint around schema changes is not safe on CockroachDB",
                    "remove the savepoint: the migration is atomic or resumable without it",
                )
            return None
        case n.TransactionControl(verb=verb):
            return Unusable(
                f"{verb} in a migration would end its transaction half way",
                "remove it: a migration already runs in a transaction where the server allows"
                " one; write -- @transaction off for one statement at a time",
            )
        case n.Dml(verb="COPY") if node.from_stdin or node.to:
            return Unusable(
                "COPY … FROM STDIN and COPY … TO need a client that moves the data",
                "write INSERT … VALUES, or COPY from a file the server can read",
            )
        case _:
            pass
    return _judge_postgresql(node) if caps.transactional_ddl else _judge_cockroachdb(node, caps)


_SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")
_NO_BLOCK = "PostgreSQL refuses it inside a transaction"


def _judge_postgresql(node: n.Node) -> Verdict:
    match node:
        case n.CreateIndex(concurrently=True):
            return Alone(f"{_NO_BLOCK}: CREATE INDEX CONCURRENTLY")
        case n.Drop(concurrently=True):
            return Alone(f"{_NO_BLOCK}: DROP INDEX CONCURRENTLY")
        case n.Maintenance(verb=verb) if verb == "VACUUM" or node.concurrently:
            if verb.startswith("REFRESH"):
                return None
            return Alone(f"{_NO_BLOCK}: {verb}")
        case n.CreateObject(kind=kind) | n.Drop(kind=kind) if kind in (
            "database",
            "tablespace",
            "subscription",
        ):
            return Alone(f"{_NO_BLOCK}: {node.verb}")
        case n.AlterObject(kind="system"):
            return Alone(f"{_NO_BLOCK}: ALTER SYSTEM")
        case n.AlterTable(actions=actions) if any(
            isinstance(a, n.DetachPartition) and a.concurrently for a in actions
        ):
            return Alone(f"{_NO_BLOCK}: DETACH PARTITION CONCURRENTLY")
        case _:
            return None


def _judge_cockroachdb(node: n.Node, caps: Capabilities) -> Verdict:
    match node:
        case n.CreateTable(as_query=False):
            return None
        case n.Dml() | n.Query() | n.Call() | n.SessionCommand() | n.Reset():
            return None
        case n.SetVar(scope="session" | "local"):
            return None
        case n.Do() if caps.do_blocks:
            return None
        case n.Do():
            return Unusable(
                "this CockroachDB has no DO blocks",
                "write plain SQL, or limit the migration with -- @environments",
            )
        case n.AlterTable(actions=actions) if len(actions) > 1 and any(
            isinstance(a, n.DropColumn) for a in actions
        ):
            return Unusable(
                "DROP COLUMN together with other changes can lose data on CockroachDB"
                " (cockroachdb/cockroach#46541)",
                "put DROP COLUMN into a statement, better a migration, of its own",
            )
        case n.Unparsed():
            return Alone("it could not be parsed, so nothing says that a transaction covers it")
        case _:
            return Alone(f"on CockroachDB {node.verb} goes on as a job after COMMIT")


def _changes_session(node: n.Node) -> bool:
    match node:
        case n.SetVar(scope="session") | n.Reset():
            return True
        case n.SessionCommand():
            return True
        case n.Query(functions=functions) if "set_config" in functions:
            return True
        case _:
            return False


def _refused(script: Script, offset: int, reason: str, hint: str) -> Refused:
    line, column = line_column(script.text, offset)
    return Refused(
        reason[0].upper() + reason[1:] + ("" if reason.endswith(".") else "."),
        version=script.version,
        path=script.path,
        line=line,
        column=column,
        excerpt=excerpt(script.text, offset),
        hint=hint,
    )


def plan_all(scripts: Iterable[Script], caps: Capabilities) -> tuple[MigrationPlan, ...]:
    """Decide every script, so that a refusal comes before the first statement runs."""
    return tuple(plan_script(script, caps) for script in scripts)
