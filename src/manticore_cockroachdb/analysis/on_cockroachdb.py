"""Work on CockroachDB, statement by statement. Schema changes are online there: nothing waits.

The source is its documentation, "Online schema changes" and the page of each statement; a column
backfill is what "Schema changes with column backfill" (changefeed messages) lists. Where the
server has ``EXPLAIN (DDL, SHAPE)``, that counts for more than what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..parser import nodes as n
from .catalog import SimulatedCatalog
from .cost import Cost, Work, costs, total, unseen
from .types import is_free, is_serial

_ONLINE = "CockroachDB: Online schema changes"
_COLUMN = "CockroachDB: Schema changes with column backfill"
_CONSTRAINT = "CockroachDB: ADD CONSTRAINT"


def cost(node: n.Node, catalog: SimulatedCatalog) -> Cost:
    """Work of a statement."""
    match node:
        case n.CreateTable(as_query=True) | n.CreateObject(kind="materialized view"):
            return costs(Work.BACKFILL, why="runs its query and stores the rows", source=_ONLINE)
        case n.CreateIndex():
            works = (Work.BACKFILL, Work.VALIDATE) if node.unique else (Work.BACKFILL,)
            why = "writes to the table wait meanwhile" if node.vector else ""
            return costs(*works, why=why, source=_ONLINE)
        case n.AlterTable(object="table"):
            return total(
                part for action in node.actions for part in _action(node.name, action, catalog)
            )
        case n.Maintenance(verb="REFRESH MATERIALIZED VIEW"):
            return costs(Work.BACKFILL, source=_ONLINE)
        case n.Dml(verb="UPDATE" | "DELETE", has_where=False, has_limit=False):
            return costs(why="writes every row in one transaction")
        case _:
            return unseen(node)


def _action(table: n.QName, action: n.Action, catalog: SimulatedCatalog) -> Iterator[Cost]:
    match action:
        case n.AddColumn(column=column):
            yield from _add_column(column)
        case n.DropColumn():
            yield costs(Work.BACKFILL, why="its values are taken out of every row", source=_COLUMN)
        case n.AlterColumnType(column=name, type=type_, using=using):
            old = catalog.type_of(table, name)
            if old is None or using is not None or not is_free(old, type_, cockroachdb=True):
                known = f"from {old} " if old else ""
                why = f"changes {name} {known}to {type_} in every row"
                yield costs(Work.REWRITE, why=why, source="CockroachDB: ALTER COLUMN")
        case n.SetNotNull():
            yield costs(Work.VALIDATE, source="CockroachDB: ALTER COLUMN")
        case n.AddConstraint(constraint=one) if one.kind == "primary key":
            yield costs(Work.REWRITE, why="every index is built anew", source=_ONLINE)
        case n.AddConstraint(constraint=one) if one.kind in ("unique", "exclude"):
            built = () if one.without_index else (Work.BACKFILL,)
            yield costs(*built, Work.VALIDATE, source=_CONSTRAINT)
        case n.AddConstraint(constraint=one):
            why = "NOT VALID: old rows are not looked at" if one.not_valid else ""
            yield costs(*(() if one.not_valid else (Work.VALIDATE,)), why=why, source=_CONSTRAINT)
        case n.ValidateConstraint():
            yield costs(Work.VALIDATE, source="CockroachDB: VALIDATE CONSTRAINT")
        case n.AlterPrimaryKey():
            why = "every index is built anew, and takes up to three times the space meanwhile"
            yield costs(Work.REWRITE, why=why, source=_ONLINE)
        case n.SetLocality(text=text):
            rewrites = "REGIONAL BY ROW" in text.upper()
            yield costs(*((Work.REWRITE,) if rewrites else ()), source=_ONLINE)
        case n.SetOptions(options=options) if any(k == "ttl_expire_after" for k, _ in options):
            yield costs(Work.REWRITE, why="every row gets a column", source="CockroachDB: Row TTL")
        case _:
            return


def _add_column(column: n.Column) -> Iterator[Cost]:
    if column.default is not None and column.default.upper() != "NULL":
        yield costs(Work.BACKFILL, why="every row gets the default", source=_COLUMN)
    elif column.generated == "stored":
        yield costs(Work.BACKFILL, why="every row gets the computed value", source=_COLUMN)
    elif column.identity is not None or is_serial(column.type):
        yield costs(Work.BACKFILL, why="every row gets a number of its own", source=_COLUMN)
    elif column.not_null:
        yield costs(Work.BACKFILL, why="fails where there are rows", source=_COLUMN)
    if column.unique and not column.without_index:
        yield costs(Work.BACKFILL, Work.VALIDATE, source=_ONLINE)
    if column.check is not None:
        yield costs(Work.VALIDATE, why="every row is checked", source=_CONSTRAINT)
    if column.references is not None and column.default is not None:
        why = f"every row is looked up in {column.references}"
        yield costs(Work.VALIDATE, why=why, source=_CONSTRAINT)
