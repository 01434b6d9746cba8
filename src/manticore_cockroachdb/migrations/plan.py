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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal

from ..dialect import Capabilities
from ..errors import Refused
from ..parser.lex import parentheses
from ..parser.split import excerpt, line_column
from .file import MigrationFile, statements

if TYPE_CHECKING:
    from ..parser.nodes import Node

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
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """One migration, decided: its mode, why, and its steps in order.

    `sociable`: others may share its transaction (`migrations.fresh`). `settings` are the
    statements that set up the session for later ones: a session that takes over half way needs
    those of the steps before.
    """

    script: Script
    mode: Mode
    reason: str
    steps: tuple[Step, ...]
    changes_session: bool
    sociable: bool = False
    settings: tuple[int, ...] = ()

    @property
    def version(self) -> int:
        return self.script.version

    @property
    def self_contained(self) -> bool:
        """Whether one transaction covers it and leaves the session as it was."""
        return self.mode is Mode.TRANSACTION and not self.changes_session

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


_HEAD = re.compile(r"[A-Za-z_]+|\\|\(")
# What PostgreSQL covers whatever follows.
_COVERED = re.compile(
    r"(?:create\s+(?:table|view|function|or\s+replace)|drop\s+(?:table|view)|comment|grant)\b",
    re.IGNORECASE,
)
# What CockroachDB covers only if it is looked at closely, in the parentheses of a new table.
_MORE = ("references", "interleave", "like", "as")
# Verbs that always stay inside a transaction and are never worth parsing.
_PLAIN = frozenset({"insert", "update", "delete", "upsert", "values", "with", "merge"})


def plan_script(script: Script, caps: Capabilities) -> MigrationPlan:
    """Decide mode and steps of one script. Raises Refused when no way is safe."""
    spans = script.spans
    if script.wish is not False and _is_simple(script, caps):
        return _in_one_transaction(script, caps, changes_session=False, sociable=True)
    from .grouping import group  # the statement model, which many runs do not need

    groups, sociable = group(script, caps)
    alone = [g for g in groups if not g.atomic]
    changes_session = any(g.session for g in groups)
    if script.wish is True and (alone or len(groups) > 1):
        culprit = alone[0] if alone else groups[1]
        raise refused(
            script,
            spans[culprit.first][0],
            f"-- @transaction on asks for one transaction, but {culprit.reason}.",
            "move this statement into a migration of its own, or drop the directive",
        )
    if script.wish is not False and len(groups) <= 1 and not alone:
        return _in_one_transaction(script, caps, changes_session=changes_session, sociable=sociable)
    if script.wish is False:
        groups = [part for g in groups for part in g.split()]
    reason = alone[0].reason if alone else "the file asks for it"
    if not alone and script.wish is not False:
        reason = groups[1].reason
    steps = tuple(
        Step(i, g.first, g.last, g.atomic, g.reason, g.node) for i, g in enumerate(groups)
    )
    settings = tuple(i for g in groups for i in g.settings)
    return MigrationPlan(script, Mode.STEPS, reason, steps, changes_session, settings=settings)


def _is_simple(script: Script, caps: Capabilities) -> bool:
    """Whether it is seen without reading closely that a transaction covers all of a script."""
    spans = script.spans
    if caps.transactional_ddl:
        return all(is_plain(script, i, caps) for i in range(len(spans)))
    if len(spans) != 1:
        return False
    start, end = spans[0]
    found = _new_table().match(script.text, start, end)
    if found is None:
        return False
    inside = found[1].lower()
    return not any(word in inside and re.search(rf"\b{word}\b", inside) for word in _MORE)


def _in_one_transaction(
    script: Script, caps: Capabilities, *, changes_session: bool, sociable: bool
) -> MigrationPlan:
    reason = (
        "every statement commits and rolls back with the transaction"
        if caps.transactional_ddl
        else "data changes and new tables only"
    )
    step = Step(0, 0, len(script.spans), True, reason)
    return MigrationPlan(script, Mode.TRANSACTION, reason, (step,), changes_session, sociable)


@cache
def _new_table() -> re.Pattern[str]:
    """CREATE TABLE, a name and what is in parentheses, group 1, and nothing else."""
    return re.compile(
        rf"create\s+table\s+[a-z_][a-z0-9_]*\s*({parentheses(4)})\Z", re.IGNORECASE | re.DOTALL
    )


def is_plain(script: Script, i: int, caps: Capabilities) -> bool:
    """Whether a transaction covers statement `i` whatever it says in detail.

    Raises Refused for a line that is meant for psql.
    """
    start, end = script.spans[i]
    head = _HEAD.match(script.text, start, end)
    word = head[0].lower() if head else ""
    if word == "\\":
        raise refused(
            script,
            start,
            "a line that begins with a backslash is a psql command, not SQL",
            "remove it, and put the SQL it would run into this file",
        )
    return word in _PLAIN or bool(
        caps.transactional_ddl and _COVERED.match(script.text, start, end)
    )


def refused(script: Script, offset: int, reason: str, hint: str) -> Refused:
    """The error that says why a script cannot run here, pointing at `offset` of its text."""
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
