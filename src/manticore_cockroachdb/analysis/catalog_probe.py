"""What a schema change leaves in the catalog, so that it can be looked up instead of believed.

A statement that runs alone may end without an answer: the connection is lost, the runner dies,
the node drains. Then only the catalog knows. `effect_of` gives, for a statement, SQL expressions
over `pg_catalog` (both engines have it) whose values are read before and after; `conclude`
decides from the two readings what happened. It is also how a step that *did* answer is proven:
`CREATE INDEX IF NOT EXISTS` returns at once while another client's backfill is still running and
may yet fail (oxidecomputer/omicron#9888), so an answer alone is never believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..parser import nodes as n
from ..parser.quoting import literal, quote_always

_SEPARATOR = "|"
_NULL = "~"


class Conclusion(StrEnum):
    """What two readings of the catalog say about a statement."""

    DONE = "done"
    NOT_DONE = "not done"
    PART = "part"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Probe:
    """A scalar SQL expression of type text, and the value it has once the effect is there.

    `expected` None: any value other than the one read before. `quick` says the same in less time,
    but fails where the table is not there.
    """

    sql: str
    expected: str | None
    quick: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """How to see one statement's effect.

    `repeatable`: running the statement again does no harm and needs no knowledge.
    `debris`: a query for one text, the SQL that clears what a failed attempt leaves behind
    (PostgreSQL's invalid index after a failed CREATE INDEX CONCURRENTLY), NULL when clean.
    """

    probes: tuple[Probe, ...] = ()
    repeatable: bool = False
    debris: str | None = None
    tables: tuple[n.QName, ...] = field(default=())

    def query(self) -> str | None:
        """One SELECT that reads every probe; None when there is nothing to read."""
        if not self.probes:
            return None
        return "SELECT " + ", ".join(f"({p.sql})::TEXT" for p in self.probes)

    @property
    def blind(self) -> bool:
        """Whether nobody could say what became of the statement once its answer is lost."""
        return not self.probes and not self.repeatable

    def before(self, *, quick: bool = False) -> str | None:
        """One expression of type text that holds every probe's value; `split_before` reads it."""
        if not self.probes:
            return None
        each = (p.quick or p.sql if quick else p.sql for p in self.probes)
        return f" || {literal(_SEPARATOR)} || ".join(
            f"COALESCE(({sql})::TEXT, {literal(_NULL)})" for sql in each
        )

    def proof(self, *, quick: bool = False) -> str | None:
        """A SELECT that fails with 22012 unless all that must be there is; None: nothing must."""
        sure = [
            f"({p.quick or p.sql if quick else p.sql})::TEXT = {literal(p.expected)}"
            for p in self.probes
            if p.expected is not None
        ]
        if not sure:
            return None
        return f"SELECT 1 / count(*) FROM (SELECT 1) AS p WHERE {' AND '.join(sure)}"


def split_before(text: str | None) -> tuple[str | None, ...] | None:
    """The probes' values that `Effect.before` put together, as `conclude` takes them."""
    if not text:
        return None
    return tuple(None if part == _NULL else part for part in text.split(_SEPARATOR))


def conclude(
    effect: Effect, before: tuple[str | None, ...] | None, now: tuple[str | None, ...]
) -> Conclusion:
    """What the readings before (None: not known) and now say about the statement.

    An effect that was there before the statement ran proves nothing, but then running it again
    does no harm either: with IF [NOT] EXISTS it does nothing, without it fails as it would have.
    """
    if not effect.probes:
        return Conclusion.NOT_DONE if effect.repeatable else Conclusion.UNKNOWN
    there: list[bool] = []
    for i, probe in enumerate(effect.probes):
        if probe.expected is not None:
            there.append(now[i] == probe.expected)
        elif before is None:
            return Conclusion.UNKNOWN
        else:
            there.append(now[i] != before[i])
    if all(there):
        return Conclusion.DONE
    if not any(there):
        return Conclusion.NOT_DONE
    if before is not None and now == before:
        return Conclusion.NOT_DONE
    return Conclusion.NOT_DONE if effect.repeatable else Conclusion.PART


def _in_schema(name: n.QName, alias: str = "n") -> str:
    if name.schema:
        return f"{alias}.nspname = {literal(name.schema)}"
    return f"{alias}.nspname = ANY(current_schemas(true))"


def _relation(name: n.QName, kinds: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relname = {literal(name.name)} AND {_in_schema(name)}"
        f" AND c.relkind IN ({', '.join(literal(k) for k in kinds)}))"
    )


def _of_table(source: str, key: str, table: n.QName) -> tuple[str, str]:
    """FROM … WHERE for the rows of one table in a catalog table whose column `key` is its OID.

    Two ways: by the table's name, which is never wrong, and by asking the server for its OID
    first, which CockroachDB answers from an index (0.3 ms instead of 10 with sixty tables, on
    v20.2), but which fails with 42P01 where no such table is.
    """
    name = ".".join(map(quote_always, table.parts))
    by_name = (
        f" FROM pg_catalog.{source}"
        f" JOIN pg_catalog.pg_class c ON c.oid = {key}"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relname = {literal(table.name)} AND {_in_schema(table)}"
    )
    by_oid = f" FROM pg_catalog.{source} WHERE {key} = {literal(name)}::REGCLASS"
    return by_name, by_oid


def _probe(what: str, ways: tuple[str, str], more: str, expected: str | None) -> Probe:
    sql, quick = (what.replace("…", way + more) for way in ways)
    return Probe(sql, expected, quick)


def _column(table: n.QName, column: str, expected: str, extra: str = "") -> Probe:
    more = f" AND a.attname = {literal(column)} AND a.attnum > 0 AND NOT a.attisdropped{extra}"
    ways = _of_table("pg_attribute a", "a.attrelid", table)
    return _probe("EXISTS (SELECT 1…)", ways, more, expected)


def _column_type(table: n.QName, column: str) -> Probe:
    more = f" AND a.attname = {literal(column)} AND NOT a.attisdropped"
    ways = _of_table("pg_attribute a", "a.attrelid", table)
    form = "(SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)…)"
    return _probe(form, ways, more, None)


def _constraint(table: n.QName, name: str, expected: str, extra: str = "") -> Probe:
    more = f" AND k.conname = {literal(name)}{extra}"
    ways = _of_table("pg_constraint k", "k.conrelid", table)
    return _probe("EXISTS (SELECT 1…)", ways, more, expected)


def _constraint_text(table: n.QName, name: str) -> Probe:
    ways = _of_table("pg_constraint k", "k.conrelid", table)
    form = "(SELECT k.oid::TEXT || pg_catalog.pg_get_constraintdef(k.oid)…)"
    return _probe(form, ways, f" AND k.conname = {literal(name)}", None)


def _constraint_count(table: n.QName) -> Probe:
    ways = _of_table("pg_constraint k", "k.conrelid", table)
    return _probe("(SELECT count(*)…)", ways, "", None)


_INDEX_JOINS = (
    " FROM pg_catalog.pg_index x"
    " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
)


def _index(table: n.QName | None, name: n.QName, *, valid: bool) -> str:
    on_table = (
        f" AND c.relname = {literal(table.name)} AND {_in_schema(table)}"
        if table is not None
        else f" AND {_in_schema(name)}"
    )
    is_valid = " AND x.indisvalid" if valid else ""
    where = f"i.relname = {literal(name.name)}{on_table}{is_valid}"
    return f"EXISTS (SELECT 1{_INDEX_JOINS} WHERE {where})"


def _index_count(table: n.QName) -> str:
    return (
        f"(SELECT count(*){_INDEX_JOINS} WHERE c.relname = {literal(table.name)}"
        f" AND {_in_schema(table)} AND x.indisvalid)"
    )


def _debris(name: n.QName) -> str:
    return (
        "SELECT 'DROP INDEX CONCURRENTLY ' || quote_ident(n.nspname) || '.' ||"
        f" quote_ident(i.relname){_INDEX_JOINS}"
        f" WHERE i.relname = {literal(name.name)} AND {_in_schema(name)} AND NOT x.indisvalid"
    )


def _type(name: n.QName) -> str:
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_type t"
        " JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
        f" WHERE t.typname = {literal(name.name)} AND {_in_schema(name)})"
    )


def _enum_value(name: n.QName, value: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_enum e"
        " JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
        f" WHERE t.typname = {literal(name.name)} AND {_in_schema(name)}"
        f" AND e.enumlabel = {literal(value)})"
    )


def _named(table: str, column: str, name: n.QName) -> str:
    return f"EXISTS (SELECT 1 FROM pg_catalog.{table} o WHERE o.{column} = {literal(name.name)})"


_KINDS = {
    "table": "rpf",
    "view": "v",
    "materialized view": "m",
    "sequence": "S",
    "foreign table": "f",
}


def _object(kind: str, name: n.QName, table: n.QName | None = None) -> str | None:
    """An expression that is true while the object exists; None for kinds we cannot look up."""
    if kind in _KINDS:
        return _relation(name, _KINDS[kind])
    match kind:
        case "index":
            return _index(table, name, valid=False)
        case "type" | "domain":
            return _type(name)
        case "schema":
            return _named("pg_namespace", "nspname", name)
        case "database":
            return _named("pg_database", "datname", name)
        case "role" | "user" | "group":
            return _named("pg_roles", "rolname", name)
        case "extension":
            return _named("pg_extension", "extname", name)
        case _:
            return None


# Typed, so that mypy refuses a verb that no statement has.
_REPEATABLE: frozenset[n.MaintenanceVerb] = frozenset(
    ("ANALYZE", "CHECKPOINT", "CLUSTER", "REFRESH MATERIALIZED VIEW", "REINDEX", "VACUUM")
)


def effect_of(node: n.Node | None, *, cockroachdb: bool) -> Effect:
    """How to see what `node` did. An Effect without probes means: nothing can be looked up."""
    yes, no = "true", "false"
    match node:
        case n.CreateTable(name=name):
            return Effect((Probe(_object("table", name) or "", yes),), node.if_not_exists)
        case n.CreateIndex(name=None, table=table):
            return Effect((Probe(_index_count(table), None),), tables=(table,))
        case n.CreateIndex(name=str() as index, table=table):
            name = n.QName((*table.parts[:-1], index))
            return Effect(
                (Probe(_index(table, name, valid=True), yes),),
                node.if_not_exists,
                None if cockroachdb else _debris(name),
                (table,),
            )
        case n.CreateObject(kind=kind, name=n.QName() as name):
            there = _object(kind, name) if not node.or_replace else None
            return Effect(
                (Probe(there, yes),) if there else (), node.or_replace or node.if_not_exists
            )
        case n.Drop(kind=kind, names=names):
            tables = node.tables or (node.table,) * len(names)
            probes = tuple(
                Probe(seen, no)
                for one, table in zip(names, tables, strict=False)
                if (seen := _object(kind, one, table))
            )
            return Effect(probes if len(probes) == len(names) else (), node.if_exists)
        case n.AlterTable(object="table", name=table, actions=actions):
            renewed = _renewed(actions)
            parts = [_action(table, a) for a in actions if _named_in(a) not in renewed]
            parts += [Effect((_constraint_text(table, c),)) for c in renewed]
            if all(p is not None for p in parts):
                found = [p for p in parts if p is not None]
                return Effect(
                    tuple(p for e in found for p in e.probes),
                    all(e.repeatable for e in found),
                    tables=(table,),
                )
            return Effect()
        case n.AlterTable(object=kind, name=name, actions=(n.RenameTo(new=new),)):
            to = n.QName((*name.parts[:-1], new.name))
            old_seen, new_seen = _object(kind, name), _object(kind, to)
            if old_seen and new_seen:
                return Effect((Probe(old_seen, no), Probe(new_seen, yes)))
            return Effect()
        case n.RenameObject(
            kind="type" | "schema" | "database" | "role" as kind, name=name, new=new
        ):
            to = n.QName((*name.parts[:-1], new.name))
            old_seen, new_seen = _object(kind, name), _object(kind, to)
            return Effect((Probe(old_seen or "", no), Probe(new_seen or "", yes)))
        case n.AlterType(name=name, action="add value", value=str() as value):
            return Effect((Probe(_enum_value(name, value), yes),), node.if_not_exists)
        case n.AlterType(name=name, action="drop value", value=str() as value):
            return Effect((Probe(_enum_value(name, value), no),))
        case n.Comment() | n.Grant() | n.Revoke() | n.Reset():
            return Effect(repeatable=True)
        case n.SetVar():
            return Effect(repeatable=True)
        case n.Maintenance(verb=verb):
            return Effect(repeatable=verb in _REPEATABLE)
        case _:
            return Effect()


def _named_in(action: n.Action) -> str | None:
    """The constraint that an action drops or adds."""
    match action:
        case n.DropConstraint(name=name):
            return name
        case n.AddConstraint(constraint=constraint):
            return constraint.name
        case _:
            return None


def _renewed(actions: tuple[n.Action, ...]) -> set[str]:
    """Constraints that one statement drops and adds under the same name, as a new primary key
    of CockroachDB is: only their text tells."""
    dropped = {a.name for a in actions if isinstance(a, n.DropConstraint)}
    return {
        a.constraint.name
        for a in actions
        if isinstance(a, n.AddConstraint)
        and a.constraint.name in dropped
        and a.constraint.name is not None
    }


def _action(table: n.QName, action: n.Action) -> Effect | None:
    yes, no = "true", "false"
    match action:
        case n.AddColumn(column=column):
            return Effect((_column(table, column.name, yes),), action.if_not_exists)
        case n.DropColumn(name=name):
            return Effect((_column(table, name, no),), action.if_exists)
        case n.AlterColumnType(column=column, using=using):
            return Effect((_column_type(table, column),), using is None)
        case n.SetNotNull(column=column):
            return Effect((_column(table, column, yes, " AND a.attnotnull"),), True)
        case n.DropNotNull(column=column):
            return Effect((_column(table, column, no, " AND a.attnotnull"),), True)
        case n.SetDefault() | n.DropDefault() | n.SetOptions() | n.ResetOptions():
            return Effect(repeatable=True)
        case n.AddConstraint(constraint=constraint):
            if constraint.name is None:
                return Effect((_constraint_count(table),))
            return Effect((_constraint(table, constraint.name, yes),), action.if_not_exists)
        case n.DropConstraint(name=name):
            return Effect((_constraint(table, name, no),), action.if_exists)
        case n.ValidateConstraint(name=name):
            return Effect((_constraint(table, name, yes, " AND k.convalidated"),), True)
        case n.RenameColumn(old=old, new=new):
            return Effect((_column(table, old, no), _column(table, new, yes)))
        case n.RenameConstraint(old=old, new=new):
            return Effect((_constraint(table, old, no), _constraint(table, new, yes)))
        case n.RenameTo(new=new):
            to = n.QName((*table.parts[:-1], new.name))
            return Effect((Probe(_relation(table, "rpf"), no), Probe(_relation(to, "rpf"), yes)))
        case n.SetSchema(schema=schema):
            to = n.QName((schema, table.name))
            return Effect((Probe(_relation(table, "rpf"), no), Probe(_relation(to, "rpf"), yes)))
        case _:
            return None
