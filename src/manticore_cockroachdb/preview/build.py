"""Put a plan together from values: scripts and their steps, what the server knows, its history.

A file of a million INSERTs is planned at the speed of the splitter: a plain INSERT … VALUES is
known by its head, and statements alike in a row are reported once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..analysis.catalog import World
from ..analysis.cost import Work, blocks
from ..analysis.costs import cost_of, dangers, target
from ..analysis.undo import Undo, Undoing, worst
from ..errors import MigrationError
from ..migrations.script import MigrationPlan, Script
from ..parser import nodes as n
from ..parser.parse import parse
from .model import PlannedMigration, PlannedStatement

_INSERT = re.compile(
    r"insert\s+into\s+(?P<table>[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\s*(?:\([^()]*\))?\s*values\b",
    re.IGNORECASE,
)
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


def read(script: Script) -> Iterator[Read]:
    """The statements of a script, in order."""
    text, alike = script.text, script.wish is not False
    run: Read | None = None
    into = ""
    for i, (start, end) in enumerate(script.spans):
        found = _INSERT.match(text, start, end)
        if found is None:
            if run is not None:
                yield run
                run = None
            sql = text[start:end]
            yield Read(start, sql, parse(sql), i)
        elif run is not None and alike and found["table"] == into:
            run.times += 1
        else:
            if run is not None:
                yield run
            into = found["table"]
            table = n.QName(tuple(into.lower().split(".")))
            run = Read(start, text[start:end], n.Dml(verb="INSERT", table=table), i)
    if run is not None:
        yield run


def named(reads: Iterable[Read]) -> tuple[set[str], set[str], set[str]]:
    """The tables, indexes and functions that statements name, without their schemas."""
    tables: set[str] = set()
    indexes: set[str] = set()
    functions: set[str] = set()
    for one in reads:
        match one.node:
            case n.CreateTable(name=name):
                tables.add(name.name)
            case n.AlterTable(object="index", name=name) if one.node.index is None:
                indexes.add(name.name)
            case n.AlterTable(name=name, actions=actions):
                tables.add(name.name)
                for action in actions:
                    if isinstance(action, n.AttachPartition):
                        tables.add(action.partition.name)
                functions |= one.node.functions
            case n.CreateIndex(table=table):
                tables.add(table.name)
            case n.Drop(kind="index", names=names):
                indexes |= {name.name for name in names}
            case n.Drop(names=names) | n.Truncate(names=names):
                tables |= {name.name for name in names}
            case n.Maintenance(name=n.QName() as name) | n.Dml(table=n.QName() as name):
                tables.add(name.name)
            case n.CreateObject(table=n.QName() as name):
                tables.add(name.name)
            case n.Comment(object_kind="table", name=text):
                tables.add(text.rpartition(".")[2].strip('"'))
            case _:
                pass
    return tables, indexes, functions


def build(
    planned: Sequence[Planned],
    world: World,
    shapes: Mapping[str, Shape],
    done: Mapping[int, frozenset[int]],
    *,
    cockroachdb: bool,
) -> tuple[PlannedMigration, ...]:
    """The report on each migration. ``shapes`` are the server's own answers, by statement."""
    return tuple(
        _migration(one, world, shapes, done.get(one.version, frozenset()), cockroachdb)
        for one in planned
    )


def _migration(
    one: Planned,
    world: World,
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
    undoing = Undoing(one.undo) if script.direction == "up" else None
    firsts = [step.first for step in plan.steps]
    found: list[PlannedStatement] = []
    lines = _Lines(script.text)
    for statement in one.reads:
        step = bisect_right(firsts, statement.index) - 1
        line = lines.at(statement.start)
        told = _statement(statement, line, step, step in done, world, shapes, undoing, cockroachdb)
        world.take(statement.node)
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
        None if undoing is None else worst(s.undo for s in found if s.undo is not None),
        one.undo is not None,
    )


def _alike(one: PlannedStatement, two: PlannedStatement) -> bool:
    plain = one.verb in ("INSERT", "UPDATE", "DELETE", "UPSERT")
    return plain and two == replace(one, line=two.line, sql=two.sql, times=two.times)


def _statement(
    one: Read,
    line: int,
    step: int,
    done: bool,
    world: World,
    shapes: Mapping[str, Shape],
    undoing: Undoing | None,
    cockroachdb: bool,
) -> PlannedStatement:
    node = one.node
    cost = cost_of(node, one.sql, world, cockroachdb=cockroachdb)
    about = target(node, world)
    size = world.size(about)
    if (shape := shapes.get(one.sql)) is not None:
        cost = replace(cost, work=shape[0], why=shape[1], source="EXPLAIN (DDL, SHAPE)")
    undo: Undo | None = None
    if undoing is not None:
        undo = undoing.of(node, destroys=cost.destroys is not None)
    return PlannedStatement(
        verb=node.verb or "?",
        object=subject(node),
        line=line,
        step=step,
        sql=" ".join(one.sql[:_SHOWN].split()) + (" …" if len(one.sql) > _SHOWN else ""),
        size=size,
        work=tuple(work for work in Work if work in cost.work) if cost.work else (),
        lock=cost.lock,
        lock_on=None if cost.lock_on is None else str(cost.lock_on),
        blocks=blocks(cost.lock),  # type: ignore[arg-type]
        destroys=cost.destroys,
        why=cost.why,
        source=cost.source,
        dangers=dangers(cost, size),
        undo=undo,
        times=one.times,
        done=done,
    )


def subject(node: n.Node) -> str:
    """What a statement is about, in a few words: "users ADD COLUMN age"."""
    match node:
        case n.CreateTable(name=name):
            return str(name)
        case n.CreateIndex(name=name, table=table):
            return f"{n.quote(name)} on {table}" if name else f"on {table}"
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
            return f"ADD COLUMN {n.quote(column.name)}"
        case n.DropColumn(name=name):
            return f"DROP COLUMN {n.quote(name)}"
        case n.AlterColumnType(column=name, type=type_):
            return f"ALTER {n.quote(name)} TYPE {type_}"
        case n.SetNotNull(column=name):
            return f"ALTER {n.quote(name)} SET NOT NULL"
        case n.DropNotNull(column=name):
            return f"ALTER {n.quote(name)} DROP NOT NULL"
        case n.SetDefault(column=name):
            return f"ALTER {n.quote(name)} SET DEFAULT"
        case n.DropDefault(column=name):
            return f"ALTER {n.quote(name)} DROP DEFAULT"
        case n.AddConstraint(constraint=one):
            return f"ADD {one.kind.upper()}{f' {n.quote(one.name)}' if one.name else ''}"
        case n.DropConstraint(name=name):
            return f"DROP CONSTRAINT {n.quote(name)}"
        case n.ValidateConstraint(name=name):
            return f"VALIDATE CONSTRAINT {n.quote(name)}"
        case n.RenameColumn(old=old, new=new):
            return f"RENAME COLUMN {n.quote(old)} TO {n.quote(new)}"
        case n.RenameConstraint(old=old, new=new):
            return f"RENAME CONSTRAINT {n.quote(old)} TO {n.quote(new)}"
        case n.RenameTo(new=name):
            return f"RENAME TO {name}"
        case n.AlterPrimaryKey(columns=columns):
            return f"ALTER PRIMARY KEY ({', '.join(columns)})"
        case n.SetSchema(schema=schema):
            return f"SET SCHEMA {n.quote(schema)}"
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
