"""What one statement does to rows, locks and data: the same questions for both engines.

A cost is a value; costs of the actions of one ALTER TABLE add up. `on_postgresql` and
`on_cockroachdb` say what work and which lock there is; what is destroyed is the same on both and
is said here. A table that the plan itself makes costs nothing and loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from ..parser import nodes as n
from .catalog import SimulatedCatalog, Size
from .changes import changes, tables_of
from .cost import NOTHING, Cost, blocks
from .types import is_cast, loss

# The lint rules scale by the same numbers.
LARGE = 100_000
LARGE_BYTES = 64_000_000


_BODY = re.compile(r"\b(?:drop|truncate|delete)\b", re.IGNORECASE)
_DELETE = re.compile(r"\bdelete\b", re.IGNORECASE)


def cost_of(node: n.Node, sql: str, catalog: SimulatedCatalog, *, cockroachdb: bool) -> Cost:
    """What a statement costs, by the rules for its engine."""
    found = _rules(cockroachdb)(node, catalog)
    lost = destroyed(node, sql, catalog, cockroachdb=cockroachdb)
    if lost is not None:
        found = replace(found, destroys=lost)
    elif found is NOTHING:
        return found
    table = target(node, catalog)
    if table is not None and catalog.is_new(table) and not isinstance(node, n.CreateTable):
        return replace(found, work=frozenset(), lock=None, lock_on=None, why=())
    if found.lock_on is not None and catalog.is_new(found.lock_on):
        return replace(found, lock=None, lock_on=None)
    if found.lock is not None and found.lock_on is None:
        found = replace(found, lock_on=table)
    return found


@cache
def _rules(cockroachdb: bool) -> Callable[[n.Node, SimulatedCatalog], Cost]:
    if cockroachdb:
        from .on_cockroachdb import cost
    else:
        from .on_postgresql import cost
    return cost


def target(node: n.Node, catalog: SimulatedCatalog) -> n.QName | None:
    """The table whose size a statement's cost depends on."""
    match node:
        case n.Drop(kind="index", tables=(), names=(name, *_)):
            return catalog.table_of_index(name)
        case n.AlterTable(object="index", index=None, name=name):
            return catalog.table_of_index(name)
        case n.Drop(kind=kind, table=table) if kind not in ("index", "table", "materialized view"):
            return table
        case n.CreateObject(table=table):
            return table
        case n.AlterTable(object=kind) if kind not in ("index", "table"):
            return None
        case n.Maintenance(name=name) | n.SessionCommand(names=(name, *_)):
            return name
        case n.Comment(object_kind="table"):
            return next(changes(node)).name
        case _:
            return next(iter(tables_of(node)), None)


# --- what is destroyed --------------------------------------------------------------------


def destroyed(
    node: n.Node, sql: str, catalog: SimulatedCatalog, *, cockroachdb: bool
) -> str | None:
    """The data that are gone after a statement; None where none are."""
    match node:
        case n.Drop(kind="table", names=names):
            lost = [str(name) for name in names if not catalog.is_new(name)]
            more = ", and what CASCADE takes with it" if node.cascade and lost else ""
            return f"all rows of {', '.join(lost)}{more}" if lost else None
        case n.Drop(kind="schema" | "database" | "extension" as kind, names=names) if (
            kind == "database" or node.cascade
        ):
            return f"everything in the {kind} {', '.join(map(str, names))}"
        case n.Drop(kind="type" | "domain", cascade=True, names=names):
            return f"every column of the type {', '.join(map(str, names))}"
        case n.Drop(kind="sequence", names=names):
            return f"the position of the sequence {', '.join(map(str, names))}"
        case n.Truncate(names=names):
            lost = [str(name) for name in names if not catalog.is_new(name)]
            more = ", and of every table that refers to it" if node.cascade and lost else ""
            return f"all rows of {', '.join(lost)}{more}" if lost else None
        case n.Dml(verb="DELETE", table=n.QName() as table):
            if catalog.is_new(table):
                return None
            return f"{'rows' if node.has_where else 'all rows'} of {table}"
        case n.Dml(verb="MERGE", table=n.QName() as table) if _DELETE.search(sql):
            return f"rows of {table}"
        case n.Dml(writes_more=True) | n.Query(writes=True) if _DELETE.search(sql):
            return "the rows that its DELETE names"
        case n.AlterTable(object="table", name=name, actions=actions):
            if catalog.is_new(name):
                return None
            lost = [text for a in actions if (text := _lost_by(name, a, catalog, cockroachdb))]
            return "; ".join(lost) or None
        case n.Do(body=body) if found := _BODY.search(body):
            return f"whatever the {found[0].upper()} in its body is about"
        case _:
            return None


def _lost_by(
    table: n.QName, action: n.Action, catalog: SimulatedCatalog, cockroachdb: bool
) -> str | None:
    match action:
        case n.DropColumn(name=name):
            more = ", and what CASCADE takes with it" if action.cascade else ""
            return f"the column {table}.{name}{more}"
        case n.AlterColumnType(column=column, type=type_, using=using):
            old = catalog.type_of(table, column)
            if using is not None and not is_cast(using, column):
                return f"of {table}.{column} whatever its USING expression leaves out"
            lost = None if old is None else loss(old, type_, cockroachdb=cockroachdb)
            return None if lost is None else f"of {table}.{column} {lost}"
        case n.SetOptions(options=options) if any(k.startswith("ttl_exp") for k, _ in options):
            return f"rows of {table}, as they expire"
        case _:
            return None


# --- what is dangerous --------------------------------------------------------------------


def is_large(size: Size | None) -> bool:
    """Whether work on a table takes long enough to matter; so it may where nobody knows."""
    if size is None or size.new:
        return False
    if size.rows is not None:
        return size.rows >= LARGE
    return size.bytes is None or size.bytes >= LARGE_BYTES


def dangers(cost: Cost, size: Size | None) -> tuple[str, ...]:
    """The reasons to think twice about a statement, as sentences."""
    found = []
    if cost.destroys:
        found.append(f"destroys {cost.destroys}")
    waiting = blocks(cost.lock)
    if waiting and cost.work and is_large(size):
        on = f" of {cost.lock_on}" if cost.lock_on else ""
        found.append(f"blocks {waiting}{on} for as long as the work takes")
    if cost.unknown:
        found.append(cost.unknown)
    return tuple(found)
