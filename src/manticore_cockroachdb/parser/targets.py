"""Which tables a statement changes."""

from __future__ import annotations

from .nodes import (
    AlterTable,
    CreateIndex,
    CreateObject,
    CreateTable,
    Dml,
    Drop,
    Maintenance,
    Node,
    QName,
    RenameObject,
    Truncate,
)

_TABLES = ("table", "view", "materialized view", "sequence", "foreign table")


def node_tables(node: Node) -> tuple[QName, ...]:
    """The tables that ``node`` creates, changes, fills or drops, as the statement names them.

    Views and sequences count as tables. An index that is not named with its table, as in
    PostgreSQL's DROP INDEX, gives none.
    """
    match node:
        case CreateTable() | CreateIndex(table=_) | AlterTable() | Dml() | Maintenance():
            return _of(node)
        case Drop(kind=kind, names=names, tables=tables, table=table):
            if tables:
                return tuple(dict.fromkeys(tables))
            if table is not None:
                return (table,)
            return names if kind in _TABLES else ()
        case Truncate(names=names):
            return names
        case RenameObject(table=QName() as table) | CreateObject(table=QName() as table):
            return (table,)
        case CreateObject(kind=kind, name=QName() as name) if kind in _TABLES:
            return (name,)
    return ()


def _of(node: CreateTable | CreateIndex | AlterTable | Dml | Maintenance) -> tuple[QName, ...]:
    if isinstance(node, CreateIndex):
        return (node.table,)
    if isinstance(node, AlterTable):
        named = node.object != "index" or node.index is not None
        return (node.name,) if named else ()
    if isinstance(node, Dml):
        return (node.table,) if node.table is not None and not node.to else ()
    if isinstance(node, Maintenance):
        return (node.name,) if node.name is not None and node.verb in _MAINTAINED else ()
    return (node.name,)


_MAINTAINED = ("VACUUM", "ANALYZE", "CLUSTER", "REFRESH MATERIALIZED VIEW", "IMPORT")
