"""Put a plan together from values: scripts and their steps, what the server knows, its history.

A file of a million INSERTs is planned at the speed of the splitter: a plain INSERT … VALUES is
known by its head, and statements alike in a row are reported once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..analysis.catalog import SimulatedCatalog
from ..analysis.changes import RELATIONS, changes
from ..analysis.cost import Work, blocks
from ..analysis.costs import cost_of, dangers, target
from ..analysis.undo import Undo, UndoReport, undo_of, worst
from ..errors import MigrationError
from ..migrations.script import MigrationPlan, Script
from ..parser import nodes as n
from ..parser.quoting import cut, quote
from ..parser.rows import INSERT_HEAD
from .model import PlannedMigration, PlannedStatement

_SHOWN = 500

Shape = tuple[frozenset[Work], tuple[str, ...]]


@dataclass(slots=True)
class Read:
    """One statement of a script, read; or ``times`` plain INSERTs into one table in a row."""

    start: int
    sql: str
    node: n.Node
    index: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A script with its plan and what it was read as, or with the error that refuses it; ``undo``
    are the statements of the undo part, None without one and in a rollback."""

    version: int
    description: str
    path: str | None
    script: Script | None
    plan: MigrationPlan | None
    error: MigrationError | None
    reads: tuple[Read, ...] = ()
    undo: tuple[n.Node, ...] | None = None


def read(script: Script, longest: int | None = None) -> Iterator[Read]:
    """The statements of a script, in order, with names as the server keeps them."""
    text, alike = script.text, script.wish is not False
    run: Read | None = None
    into = ""
    for i, (start, end) in enumerate(script.spans):
        found = INSERT_HEAD.match(text, start, end)
        if found is None:
            if run is not None:
                yield run
                run = None
            sql = text[start:end]
            yield Read(start, sql, script.node(i, longest), i)
        elif run is not None and alike and found["table"] == into:
            run.times += 1
        else:
            if run is not None:
                yield run
            into = found["table"]
            table = n.QName(tuple(cut(part, longest) for part in into.lower().split(".")))
            run = Read(start, text[start:end], n.Dml(verb="INSERT", table=table), i)
    if run is not None:
        yield run


def named(reads: Iterable[Read]) -> tuple[set[str], set[str], set[str]]:
    """The tables, indexes and functions that statements name, without their schemas."""
    tables: set[str] = set()
    indexes: set[str] = set()
    functions: set[str] = set()
    for one in reads:
        for change in changes(one.node):
            if change.table is not None:
                tables.add(change.table.name)
            elif change.kind == "index":
                indexes.add(change.name.name)
            elif change.kind in RELATIONS:
                tables.add(change.name.name)
        if isinstance(one.node, n.Maintenance) and one.node.name is not None:
            tables.add(one.node.name.name)
        if isinstance(one.node, n.AlterTable):
            parts = (a.partition for a in one.node.actions if isinstance(a, n.AttachPartition))
            tables |= {part.name for part in parts}
            functions |= one.node.functions
    return tables, indexes, functions


def build(
    planned: Sequence[Planned],
    catalog: SimulatedCatalog,
    shapes: Mapping[str, Shape],
    done: Mapping[int, frozenset[int]],
    *,
    cockroachdb: bool,
) -> tuple[PlannedMigration, ...]:
    """The report on each migration. ``shapes`` are the server's own answers, by statement."""
    return tuple(
        _migration(one, catalog, shapes, done.get(one.version, frozenset()), cockroachdb)
        for one in planned
    )


def _migration(
    one: Planned,
    catalog: SimulatedCatalog,
    shapes: Mapping[str, Shape],
    done: frozenset[int],
    cockroachdb: bool,
) -> PlannedMigration:
    if one.plan is None or one.script is None:
        error = one.error
        assert error is not None
        return PlannedMigration(
            one.version,
            one.description,
            one.path,
            "refused",
            error.message,
            hint=error.hint,
            line=error.line,
        )
    plan, script = one.plan, one.script
    undoing: UndoReport | None = None
    if script.direction == "up":
        nodes = [statement.node for statement in one.reads]
        undoing = undo_of(nodes, one.undo, [statement.sql for statement in one.reads])
    firsts = [step.first for step in plan.steps]
    found: list[PlannedStatement] = []
    lines = _Lines(script.text if script.filled is None else script.filled.source)
    for i, statement in enumerate(one.reads):
        step = bisect_right(firsts, statement.index) - 1
        line = lines.at(script.place(statement.start)[2] if script.filled else statement.start)
        told = _statement(statement, line, step, step in done, catalog, shapes, cockroachdb)
        if script.filled is not None:
            end = statement.start + len(statement.sql)
            told = replace(told, sql=_shown(script.shown(statement.start, end)))
        if script.backfill is not None:
            rows = told.size.rows if told.size is not None and not told.size.new else None
            told = replace(told, why=(*told.why, script.backfill.foreseen(rows)))
        if undoing is not None:
            told = replace(told, undo=undoing.of(i, destroys=told.destroys is not None))
        catalog.take(statement.node)
        if found and _alike(found[-1], told):
            found[-1] = replace(found[-1], times=found[-1].times + statement.times)
        else:
            found.append(told)
    return PlannedMigration(
        one.version,
        one.description,
        one.path,
        plan.mode.value,
        plan.reason,
        tuple(found),
        len(plan.steps),
        _undo(one, undoing, found),
        one.undo is not None,
    )


def _undo(
    one: Planned, undoing: UndoReport | None, found: Iterable[PlannedStatement]
) -> Undo | None:
    """The worst that is known; None where nothing is, in a rollback and of Python."""
    if one.script is not None and one.script.is_program:
        return Undo.NO if undoing is not None and one.undo is None else None
    return None if undoing is None else worst(s.undo for s in found if s.undo is not None)


def _alike(one: PlannedStatement, two: PlannedStatement) -> bool:
    plain = one.verb in ("INSERT", "UPDATE", "DELETE", "UPSERT")
    return plain and two == replace(one, line=two.line, sql=two.sql, times=two.times)


def _statement(
    one: Read,
    line: int,
    step: int,
    done: bool,
    catalog: SimulatedCatalog,
    shapes: Mapping[str, Shape],
    cockroachdb: bool,
) -> PlannedStatement:
    node = one.node
    cost = cost_of(node, one.sql, catalog, cockroachdb=cockroachdb)
    about = target(node, catalog)
    size = catalog.size(about)
    if (shape := shapes.get(one.sql)) is not None:
        cost = replace(cost, work=shape[0], why=shape[1], source="EXPLAIN (DDL, SHAPE)")
    return PlannedStatement(
        verb=node.verb or "?",
        object=subject(node),
        line=line,
        step=step,
        sql=_shown(one.sql),
        size=size,
        work=tuple(work for work in Work if work in cost.work) if cost.work else (),
        lock=cost.lock,
        lock_on=None if cost.lock_on is None else str(cost.lock_on),
        blocks=blocks(cost.lock),  # type: ignore[arg-type]
        destroys=cost.destroys,
        why=cost.why,
        source=cost.source,
        dangers=dangers(cost, size),
        times=one.times,
        done=done,
    )


def _shown(sql: str) -> str:
    return " ".join(sql[:_SHOWN].split()) + (" …" if len(sql) > _SHOWN else "")


def subject(node: n.Node) -> str:
    """What a statement is about, in a few words: "users ADD COLUMN age"."""
    match node:
        case n.CreateTable(name=name):
            return str(name)
        case n.CreateIndex(name=name, table=table):
            return f"{quote(name)} on {table}" if name else f"on {table}"
        case n.AlterTable(name=name, actions=actions):
            return f"{name} {', '.join(map(_action, actions))}".rstrip()
        case n.Drop(names=names) | n.Truncate(names=names):
            return ", ".join(map(str, names))
        case n.CreateObject(name=name, table=table):
            return " on ".join(str(x) for x in (name, table) if x is not None)
        case n.RenameObject(name=name, new=new):
            return f"{name} to {new}"
        case n.Comment(object_kind=kind, name=text):
            return f"on {kind} {text}"
        case n.Dml(table=table):
            return str(table or "")
        case n.Grant(target=text) | n.Revoke(target=text):
            return text or ""
        case n.SetVar(name=text) | n.Reset(name=text):
            return text
        case _:
            name = getattr(node, "name", None)
            return str(name) if isinstance(name, n.QName) else ""


def _action(action: n.Action) -> str:
    match action:
        case n.AddColumn(column=column):
            return f"ADD COLUMN {quote(column.name)}"
        case n.DropColumn(name=name):
            return f"DROP COLUMN {quote(name)}"
        case n.AlterColumnType(column=name, type=type_):
            return f"ALTER {quote(name)} TYPE {type_}"
        case n.SetNotNull(column=name):
            return f"ALTER {quote(name)} SET NOT NULL"
        case n.DropNotNull(column=name):
            return f"ALTER {quote(name)} DROP NOT NULL"
        case n.SetDefault(column=name):
            return f"ALTER {quote(name)} SET DEFAULT"
        case n.DropDefault(column=name):
            return f"ALTER {quote(name)} DROP DEFAULT"
        case n.AddConstraint(constraint=one):
            return f"ADD {one.kind.upper()}{f' {quote(one.name)}' if one.name else ''}"
        case n.DropConstraint(name=name):
            return f"DROP CONSTRAINT {quote(name)}"
        case n.ValidateConstraint(name=name):
            return f"VALIDATE CONSTRAINT {quote(name)}"
        case n.RenameColumn(old=old, new=new):
            return f"RENAME COLUMN {quote(old)} TO {quote(new)}"
        case n.RenameConstraint(old=old, new=new):
            return f"RENAME CONSTRAINT {quote(old)} TO {quote(new)}"
        case n.RenameTo(new=name):
            return f"RENAME TO {name}"
        case n.AlterPrimaryKey(columns=columns):
            return f"ALTER PRIMARY KEY ({', '.join(columns)})"
        case n.SetSchema(schema=schema):
            return f"SET SCHEMA {quote(schema)}"
        case n.AttachPartition(partition=name):
            return f"ATTACH PARTITION {name}"
        case n.DetachPartition(partition=name):
            return f"DETACH PARTITION {name}"
        case n.SetLocality(text=text):
            return f"SET LOCALITY {text}"
        case n.SetOptions(options=options):
            return f"SET ({', '.join(name for name, _ in options)})"
        case n.OtherAction(text=text):
            return text
        case _:
            return type(action).__name__


class _Lines:
    """Line numbers of offsets that only grow, each counted once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._offset, self._line = 0, 1

    def at(self, offset: int) -> int:
        """The line of a character, from 1."""
        self._line += self._text.count("\n", self._offset, offset)
        self._offset = offset
        return self._line
