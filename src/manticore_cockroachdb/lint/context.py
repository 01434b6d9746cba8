"""What a rule sees: one file, what came before it, and the server it is meant for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from ..analysis.catalog import SimulatedCatalog
from ..analysis.undo import UndoReport, undo_of
from ..dialect import Capabilities, Server
from ..errors import Refused
from ..migrations.plan import plan_script
from ..migrations.script import MigrationPlan
from ..parser import nodes as n
from ..parser.split import line_column
from .model import SMALL, Finding, Fix, Level, Rule, ServerFacts
from .read import STAND_IN, Allow, LintedFile, Statement, table_key

_STAND_IN = re.compile(rf"{STAND_IN}_+|\b{STAND_IN}\b")

N = TypeVar("N", bound=n.Node)
A = TypeVar("A", bound=n.Action)

# Statements that change what is stored rather than what is in it.
SCHEMA_CHANGES = (
    *(n.CreateTable, n.CreateIndex, n.AlterTable, n.CreateObject, n.AlterType, n.AlterObject),
    *(n.RenameObject, n.Drop, n.Truncate),
)


@dataclass(frozen=True)
class Context:
    """A file among its elders. Everything is decided from these values alone."""

    file: LintedFile
    catalog: SimulatedCatalog
    server: Server
    caps: Capabilities
    facts: ServerFacts | None = None
    twin: str | None = None
    """The path of an earlier file with the same version."""
    unused: tuple[Allow, ...] = ()
    """Allowances that covered nothing; known when every other rule has looked."""

    @property
    def on_cockroachdb(self) -> bool:
        """Whether the target is CockroachDB."""
        return self.caps.engine == "cockroachdb"

    @property
    def is_beside(self) -> bool:
        """Whether this is a repeatable file or a hook: it runs again and again, and what it works
        on is as the migrations left it."""
        return self.file.role != "migration"

    # Walking

    def on(self, kind: type[N], *, undo: bool = False) -> Iterator[tuple[Statement, N]]:
        """Statements of a kind, in the forward part; with ``undo`` in both."""
        for statement in self.file.statements if undo else self.file.up:
            if isinstance(statement.node, kind):
                yield statement, statement.node

    def actions(
        self, kind: type[A], *, undo: bool = False
    ) -> Iterator[tuple[Statement, n.AlterTable, A]]:
        """Actions of ALTER TABLE of a kind."""
        for statement, alter in self.on(n.AlterTable, undo=undo):
            if alter.object == "table":
                for action in alter.actions:
                    if isinstance(action, kind):
                        yield statement, alter, action

    def actions_on_existing(self, kind: type[A]) -> Iterator[tuple[Statement, n.AlterTable, A]]:
        """The same, for tables that may already have rows."""
        for statement, alter, action in self.actions(kind):
            if self.existing(statement, alter.name):
                yield statement, alter, action

    def new_columns(self) -> Iterator[tuple[Statement, n.QName, n.Column]]:
        """Every column that CREATE TABLE or ADD COLUMN defines."""
        for statement, create in self.on(n.CreateTable):
            for column in create.columns:
                yield statement, create.name, column
        for statement, alter, action in self.actions(n.AddColumn):
            yield statement, alter.name, action.column

    # Asking

    def existing(self, statement: Statement, table: n.QName) -> bool:
        """Whether a table may be in use and hold rows when the statement runs.

        One that is fresh does not; nor does one that the server, if there is one, does not have
        yet.
        """
        if self.is_fresh(statement, table):
            return False
        return self.facts is None or table_key(table) in self.facts.tables

    def is_fresh(self, statement: Statement, table: n.QName) -> bool:
        """Whether a table is made by the same part of the file, or by a migration of the same day.

        What one day's migrations make reaches a server together, or holds a day's rows at most:
        nobody waits for an index on it. A server that has more rows in it knows better.
        """
        if table_key(table) in statement.fresh:
            return True
        if self.facts is not None and (self.facts.tables.get(table_key(table)) or 0) >= SMALL:
            return False
        known = self.catalog.table(table, statement.stamp)
        return known is not None and known.made is not None and known.made >= self.file.day

    def is_new_column(self, statement: Statement, table: n.QName, column: str) -> bool:
        """The same for a column of an older table: nothing but these migrations filled it."""
        if (table_key(table), column) in statement.added:
            return True
        known = self.catalog.table(table, statement.stamp)
        return known is not None and known.added.get(column, 0) >= self.file.day

    def is_moved_away(self, statement: Statement, table: n.QName, column: str) -> bool:
        """Whether a column has been renamed and another one added in its place, with its data."""
        known = self.catalog.table(table, statement.stamp)
        before = None if known is None else known.renamed.get(column)
        if known is None or before is None:
            return False
        return before in known.columns and known.added.get(before, 0) >= self.file.day

    def is_rebuilt(self, statement: Statement, table: n.QName) -> bool:
        """Whether a later statement of the part puts another table in its place, filled."""
        later = (one for one in self.file.up if one.start > statement.start)
        for one in later:
            match one.node:
                case n.CreateTable(as_query=True, name=name) if name.name == table.name:
                    return True
                case n.AlterTable(object="table", actions=(n.RenameTo(new=name), *_)):
                    if name.name == table.name:
                        return True
                case _:
                    pass
        return False

    def column(self, statement: Statement, table: n.QName, name: str) -> n.Column | None:
        """A column as older statements define it, None where no file says."""
        return self.catalog.column(table, name, statement.stamp)

    @cached_property
    def plan(self) -> MigrationPlan | Refused:
        """How the forward part would run, if no ``-- @transaction on`` insisted."""
        script = self.file.script()
        try:
            return plan_script(
                replace(script, wish=None if script.wish else script.wish), self.caps
            )
        except Refused as refused:
            return refused

    @cached_property
    def undo(self) -> UndoReport | None:
        """What the undo part takes back and what not; None where the file has none."""
        if self.file.undo_start is None:
            return None
        up, down = self.file.up, self.file.down
        return undo_of([s.node for s in up], [s.node for s in down], [s.sql for s in up])

    # Telling

    @property
    def error_start(self) -> int:
        """The character that the file's error points at; the first when it names no place."""
        error = self.file.error
        line, column = (1, 1) if error is None else (error.line or 1, error.column or 1)
        before = self.file.text.splitlines(keepends=True)[: line - 1]
        return sum(map(len, before)) + column - 1

    def finding(
        self,
        rule: Rule,
        statement: Statement | None,
        message: str,
        *,
        start: int = 0,
        help: str | None = None,
        fix: Fix | None = None,
        level: Level | None = None,
        table: n.QName | None = None,
    ) -> Finding:
        """A finding at character ``start`` of a statement, or of the file."""
        if self.file.template is not None:
            message = _STAND_IN.sub("{{…}}", message)
        offset = start + (0 if statement is None else statement.start)
        line, column = line_column(self.file.text, offset)
        return Finding(
            rule=rule.name,
            level=level or rule.level_on(self.caps.engine) or "error",
            message=message,
            path=self.file.path,
            line=line,
            column=column,
            help=help or rule.help,
            fix=fix,
            start=offset,
            table=None if table is None else table_key(table),
        )
