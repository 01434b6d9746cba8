"""Statements into steps: which neighbours share a transaction.

`judge` says what a statement allows by itself; this module adds what its neighbours make of it.
On CockroachDB a change to a table is covered in the transaction that made the table; a table made
with foreign keys may not be mentioned again in its transaction; older versions want every schema
change before the first write. Where a COMMIT has to come between two statements, a new step
begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..analysis.changes import references
from ..analysis.transactions import Unusable, changes_session, judge, refers_to, sets_session
from ..dialect import Capabilities
from ..parser import nodes as n
from .script import Script, is_plain, refused


@dataclass(slots=True)
class Group:
    """A step while it grows. ``settings``: those of its statements that set up the session."""

    first: int
    last: int
    atomic: bool
    reason: str
    node: n.Node | None = None
    session: bool = False
    settings: tuple[int, ...] = ()

    def split(self) -> Iterator[Group]:
        """One step for each statement."""
        for i in range(self.first, self.last):
            settings = (i,) if i in self.settings else ()
            yield Group(i, i + 1, self.atomic, self.reason, self.node, self.session, settings)


def group(script: Script, caps: Capabilities) -> tuple[list[Group], bool]:
    """The steps, and whether a script of one step may share its transaction with others.

    On CockroachDB it may not if it writes, since older versions want all schema changes first,
    or has foreign keys, whose table cannot be mentioned again in the same transaction.
    """
    groups: list[Group] = []
    covered = Covered(caps)
    for i, (start, end) in enumerate(script.spans):
        node = _read(script, i, caps)
        verdict = None if node is None else judge(node, caps)
        if isinstance(verdict, Unusable):
            raise refused(script, start, verdict.reason, verdict.hint)
        safe = verdict is None or covered.makes_safe(node)
        joins = safe and covered.take(node, script.text, start, end)
        if safe and not joins:
            # A COMMIT has to come first, and then the statement has lost its company.
            covered = Covered(caps)
            safe = verdict is None
            covered.take(node, script.text, start, end)
        session = node is not None and changes_session(node)
        if not safe:
            covered = Covered(caps)
            reason = verdict.reason if verdict is not None else ""
            groups.append(Group(i, i + 1, False, reason, node, session))
        elif joins and groups and groups[-1].atomic:
            groups[-1].last = i + 1
            groups[-1].session |= session
        else:
            reason = "a transaction covers it" if joins else "CockroachDB needs a COMMIT before it"
            groups.append(Group(i, i + 1, True, reason, None, session))
        if node is not None and sets_session(node):
            groups[-1].settings += (i,)
    return groups, caps.transactional_ddl or not (covered.wrote or covered.fenced)


def _read(script: Script, i: int, caps: Capabilities) -> n.Node | None:
    """What statement `i` means; None where a transaction covers it whatever it says in detail."""
    if is_plain(script, i, caps):
        return None
    return script.node(i)


class Covered:
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
            case n.CreateTable(as_query=False):
                return refers_to(node) <= self.created
            case n.CreateIndex(table=table, concurrently=False):
                return _key(table) in self.created
            case n.AlterTable(object="table", name=name, actions=actions):
                return _key(name) in self.created and all(map(self._in_place, actions))
            case _:
                return False

    def _in_place(self, action: n.Action) -> bool:
        """Whether a new table takes this change at once."""
        match action:
            case n.AddColumn(column=column):
                other = column.references
            case n.AddConstraint(constraint=constraint):
                other = constraint.references
            case _:
                return isinstance(action, n.SetDefault | n.DropDefault)
        return other is None or _key(other) in self.created

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
        if references(node):
            self.fenced.add(_key(node.name))

    def _mentions(self, sql: str) -> bool:
        lowered = sql.lower()
        return any(name in lowered for name in self.fenced)


def _key(name: n.QName) -> str:
    return name.name.lower()
