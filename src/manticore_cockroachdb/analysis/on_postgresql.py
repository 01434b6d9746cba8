"""Locks and work on PostgreSQL 12 and later, statement by statement.

The sources are PostgreSQL's own documentation: the chapter "Explicit Locking", and the reference
page that a rule names. The tests hold each line against pg_locks, the file of the table and its
count of sequential scans on a real server.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..parser import nodes as n
from .catalog import SimulatedCatalog
from .changes import references
from .cost import NOTHING, Cost, Work, costs, total, unseen
from .types import called, is_free, is_serial

AE, E, SRE, S = "ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE"
SUE, RE, RS = "SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE", "ROW SHARE"
_ALTER = "PostgreSQL: ALTER TABLE"

# ALTER TABLE actions without a node of their own, by how their text begins: lock, work.
_OTHER: tuple[tuple[str, str, tuple[Work, ...]], ...] = (
    ("SET STATISTICS", SUE, ()),
    ("CLUSTER ON", SUE, ()),
    ("SET WITHOUT CLUSTER", SUE, ()),
    ("ENABLE TRIGGER", SRE, ()),
    ("ENABLE REPLICA TRIGGER", SRE, ()),
    ("ENABLE ALWAYS TRIGGER", SRE, ()),
    ("DISABLE TRIGGER", SRE, ()),
    ("SET LOGGED", AE, (Work.REWRITE,)),
    ("SET UNLOGGED", AE, (Work.REWRITE,)),
    ("SET TABLESPACE", AE, (Work.REWRITE,)),
    ("SET ACCESS METHOD", AE, (Work.REWRITE,)),
)
_SOFT_OPTIONS = ("fillfactor", "toast", "autovacuum", "parallel_workers", "log_autovacuum")
_TABLE_LOCKS = {"trigger": SRE, "policy": AE, "rule": AE}


def cost(node: n.Node, catalog: SimulatedCatalog) -> Cost:
    """Work and lock of a statement."""
    match node:
        case n.CreateTable():
            return _create_table(node)
        case n.CreateIndex():
            lock = SUE if node.concurrently else S
            why = "reads the table twice, without blocking anybody" if node.concurrently else ""
            source = "PostgreSQL: CREATE INDEX, Building Indexes Concurrently"
            return costs(Work.BACKFILL, lock=lock, why=why, source=source)
        case n.Drop(kind="index"):
            return costs(lock=SUE if node.concurrently else AE, source="PostgreSQL: DROP INDEX")
        case n.Drop(kind="table" | "materialized view" | "trigger" | "policy" | "rule" | "view"):
            return costs(lock=AE, source="PostgreSQL: Explicit Locking")
        case n.Truncate():
            return costs(lock=AE, source="PostgreSQL: TRUNCATE")
        case n.AlterTable(object="table"):
            return total(
                part for action in node.actions for part in _action(node.name, action, catalog)
            )
        case n.AlterTable(object="index"):
            rename = any(isinstance(a, n.RenameTo) for a in node.actions)
            return NOTHING if rename else costs(lock=SUE, source="PostgreSQL: ALTER INDEX")
        case n.CreateObject(kind=kind):
            if kind == "materialized view":
                return costs(Work.BACKFILL, why="runs its query and stores the rows")
            return costs(lock=_TABLE_LOCKS.get(kind), source="PostgreSQL: Explicit Locking")
        case n.Comment(object_kind="table"):
            return costs(lock=SUE, source="PostgreSQL: COMMENT")
        case n.Dml(verb=verb):
            every = verb in ("UPDATE", "DELETE") and not node.has_where
            return costs(lock=RE, why="writes every row in one transaction" if every else "")
        case n.Query(locks=True):
            return costs(lock=RS)
        case n.Maintenance():
            return _maintenance(node)
        case n.SessionCommand(verb=verb) if verb.startswith("LOCK"):
            return costs(lock=AE)
        case _:
            return unseen(node)


def _create_table(node: n.CreateTable) -> Cost:
    found = NOTHING
    if node.as_query:
        found = costs(Work.BACKFILL, why="runs its query and stores the rows")
    if node.partition_of is not None:
        locked = Cost(lock=AE, lock_on=node.partition_of, source="PostgreSQL: CREATE TABLE")
        return found + locked
    for other in references(node):
        if other != node.name:
            found += Cost(lock=SRE, lock_on=other, source="PostgreSQL: CREATE TABLE")
    return found


def _action(table: n.QName, action: n.Action, catalog: SimulatedCatalog) -> Iterator[Cost]:
    match action:
        case n.AddColumn(column=column):
            yield from _add_column(table, column, catalog)
        case n.AlterColumnType(column=name, type=type_, using=using):
            old = catalog.type_of(table, name)
            if old is not None and using is None and is_free(old, type_, cockroachdb=False):
                yield costs(lock=AE, source=_ALTER, why=f"{old} to {type_} leaves the rows alone")
            else:
                known = f"from {old} " if old else ""
                why = f"changes {name} {known}to {type_} in every row"
                yield costs(Work.REWRITE, lock=AE, why=why, source=f"{_ALTER}, Notes")
        case n.SetNotNull(column=name):
            yield _set_not_null(table, name, catalog)
        case n.AddConstraint(constraint=constraint):
            yield from _add_constraint(table, constraint, catalog)
        case n.ValidateConstraint():
            yield costs(Work.VALIDATE, lock=SUE, source=f"{_ALTER}, VALIDATE CONSTRAINT")
        case n.AttachPartition(partition=partition):
            yield costs(lock=SUE, source=f"{_ALTER}, ATTACH PARTITION")
            if not catalog.is_new(partition):
                why = f"reads {partition}, unless a CHECK already says the same"
                yield Cost(frozenset({Work.VALIDATE}), AE, partition, None, (why,))
        case n.DetachPartition():
            yield costs(lock=SUE if action.concurrently else AE, source=_ALTER)
        case n.SetOptions(options=options):
            soft = all(name.startswith(_SOFT_OPTIONS) for name, _ in options)
            yield costs(lock=SUE if soft else AE, source=_ALTER)
        case n.ResetOptions():
            yield costs(lock=SUE, source=_ALTER)
        case n.OtherAction(text=text):
            lock, works = next(
                ((lock, works) for start, lock, works in _OTHER if start in text.upper()), (AE, ())
            )
            yield costs(*works, lock=lock, source=_ALTER)
        case _:
            yield costs(lock=AE, source=_ALTER)


def _add_column(table: n.QName, column: n.Column, catalog: SimulatedCatalog) -> Iterator[Cost]:
    yield costs(lock=AE, source=f"{_ALTER}, Notes")
    volatile = called(column.default) & catalog.volatile
    why = ""
    if volatile:
        why = f"{', '.join(sorted(volatile))}() gives another value for each row"
    elif column.identity is not None or is_serial(column.type):
        why = "each row gets a number of its own"
    elif column.generated == "stored":
        why = "the generated value is computed for each row"
    if why:
        yield costs(Work.REWRITE, why=why, source=f"{_ALTER}, Notes")
    if column.unique or column.primary_key:
        yield costs(Work.BACKFILL, why="builds the unique index while the table is locked")
    if column.check is not None:
        yield costs(Work.VALIDATE, why="every row is checked")
    if column.references is not None:
        yield Cost(lock=SRE, lock_on=column.references, source=_ALTER)
        if column.default is not None and not volatile:
            yield costs(Work.VALIDATE, why=f"every row is looked up in {column.references}")


def _set_not_null(table: n.QName, column: str, catalog: SimulatedCatalog) -> Cost:
    match catalog.proof_of_not_null(table, column):
        case "column":
            return costs(lock=AE, source=_ALTER, why=f"{column} is NOT NULL already")
        case "check":
            why = "a valid CHECK already proves it, so no row is read"
            return costs(lock=AE, why=why, source=f"{_ALTER}, SET NOT NULL")
        case None:
            return costs(Work.VALIDATE, lock=AE, source=f"{_ALTER}, SET NOT NULL")


def _add_constraint(table: n.QName, one: n.Constraint, catalog: SimulatedCatalog) -> Iterator[Cost]:
    if one.kind == "foreign key":
        yield costs(
            *(() if one.not_valid or one.not_enforced else (Work.VALIDATE,)),
            lock=SRE,
            why="NOT VALID: old rows are not looked at" if one.not_valid else "",
            source=f"{_ALTER}, ADD table_constraint",
        )
        return
    if one.kind in ("check", "not null"):
        works = () if one.not_valid or one.not_enforced else (Work.VALIDATE,)
        why = "NOT VALID: old rows are not looked at" if one.not_valid else ""
        yield costs(*works, lock=AE, why=why, source=f"{_ALTER}, ADD table_constraint")
        return
    if one.using_index is not None:
        yield costs(lock=AE, why="takes over an index that is there", source=_ALTER)
        return
    yield costs(
        Work.BACKFILL,
        lock=AE,
        why="builds its index while the table is locked",
        source=f"{_ALTER}, ADD table_constraint_using_index",
    )


def _maintenance(node: n.Maintenance) -> Cost:
    text = f"{node.verb} {node.text}".upper()
    if text.startswith("REFRESH"):
        lock = E if node.concurrently else AE
        return costs(Work.BACKFILL, lock=lock, source="PostgreSQL: REFRESH MATERIALIZED VIEW")
    if text.startswith("REINDEX"):
        return costs(Work.BACKFILL, lock=SUE if node.concurrently else S)
    if text.startswith("CLUSTER") or (text.startswith("VACUUM") and "FULL" in text):
        return costs(Work.REWRITE, lock=AE)
    if text.startswith(("VACUUM", "ANALYZE")):
        return costs(lock=SUE)
    return NOTHING
