"""What a server says about a table that is to be walked, and the key to walk it by.

One message asks for the table, its columns, its unique indexes and its estimated rows; nothing is
counted. The key is the primary key, or what a user names after `by`: it has to be unique and
without NULL, else a row could be passed over or stand at two places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Refused
from ..migrations.backfill import Backfill
from ..parser import nodes as n
from ..parser.lex import tokens
from ..parser.parse import parse
from ..parser.quoting import literal, quote
from .keys import KeyColumn

Rows = Sequence[tuple[Any, ...]]

_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence"}
_EXPRESSION = "0"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be walked: its SQL name, its key, its columns and about how many rows."""

    relation: str
    key: tuple[KeyColumn, ...]
    columns: tuple[str, ...]
    estimate: int | None


def questions(table: n.QName, *, cockroachdb: bool) -> list[str]:
    """The queries whose answers `table_of` takes."""
    name = literal(".".join(quote(part) for part in table.parts))
    oid = f"{name}::REGCLASS"
    collation = "l.collname" if cockroachdb else "NULL"
    join = " LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation" if cockroachdb else ""
    asked = [
        "SELECT n.nspname, c.relname, c.relkind::TEXT FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.oid = {oid}",
        "SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),"
        f" a.attnotnull, {collation}, {_generated(cockroachdb=cockroachdb)}"
        f" FROM pg_catalog.pg_attribute a{join}"
        f" WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        "SELECT i.relname, x.indisprimary, x.indkey::TEXT, x.indoption::TEXT,"
        f" {'x.indnatts' if cockroachdb else 'x.indnkeyatts'}"
        " FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
        f" WHERE x.indrelid = {oid} AND x.indisunique AND x.indisvalid AND x.indpred IS NULL"
        " ORDER BY x.indisprimary DESC, i.relname",
    ]
    if cockroachdb:
        asked.append(
            "SELECT estimated_row_count FROM [SHOW TABLES] WHERE table_name ="
            f" {literal(table.name)} ORDER BY estimated_row_count DESC LIMIT 1"
        )
    else:
        rows = (
            "CASE WHEN m.reltuples >= 0 THEN m.reltuples::INT8"
            " ELSE nullif(pg_catalog.pg_stat_get_live_tuples(m.oid), 0) END"
        )
        asked.append(
            f"SELECT sum({rows})::INT8 FROM pg_catalog.pg_class m WHERE m.oid = {oid}"
            f" AND m.relkind <> 'p' OR m.oid IN (SELECT t.relid FROM"
            f" pg_catalog.pg_partition_tree({oid}) t WHERE t.isleaf)"
        )
    return asked


def _generated(*, cockroachdb: bool) -> str:
    """The expression of a column that is generated, or NULL."""
    if cockroachdb:
        return (
            "(SELECT nullif(g.generation_expression, '') FROM information_schema.columns g"
            " JOIN pg_catalog.pg_namespace n ON n.nspname = g.table_schema"
            " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = g.table_name"
            " WHERE c.oid = a.attrelid AND g.column_name = a.attname)"
        )
    return (
        "(SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d"
        " WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated <> '')"
    )


def table_of(answers: Sequence[Rows], spec: Backfill, *, cockroachdb: bool) -> Table:
    """The table that the answers describe, with its key. Raises Refused."""
    table, by = spec.table, spec.by
    tables, columns, indexes, sizes = answers
    if not tables:  # CockroachDB hides what a user has no right on
        raise Refused(
            f"{table} is not to be seen by this user.",
            hint="grant it what the backfill's statements need, and a right on the database",
        )
    schema, name, kind = (str(part) for part in tables[0])
    if kind in _KINDS:
        raise Refused(
            f"{table} is {_KINDS[kind]}; a backfill walks a table.",
            hint="name the table whose rows are to be changed",
        )
    by_number = {str(row[0]): row for row in columns}
    unique = [
        (bool(primary), str(index), _positions(keys, int(width)), _positions(ways, int(width)))
        for index, primary, keys, ways, width in indexes
    ]
    usable = [u for u in unique if _EXPRESSION not in u[2] and all(k in by_number for k in u[2])]
    chosen = next((u for u in usable if u[0]), None)
    if by:
        chosen = _named(table, by, usable, columns)
    elif chosen is None:
        raise Refused(
            f"{table} has no primary key to walk it by.",
            hint=_suggestion(table, usable, by_number),
        )
    key = tuple(
        _column(by_number[number], way, cockroachdb=cockroachdb)
        for number, way in zip(chosen[2], chosen[3], strict=True)
    )
    changed = set[str]().union(*(sets(one.fill(lambda _: "true"), table) for one in spec.templates))
    expressions = {str(row[1]): str(row[5]) for row in columns if row[5]}
    for column in key:
        of = {token.value for token in tokens(expressions.get(column.name, ""))} & changed
        if of:
            raise Refused(
                f"The walk goes by {table}.{column.name}, which is generated from"
                f" {', '.join(sorted(of))}, and the statements set that: rows could be passed over"
                " or done twice.",
                hint="walk by another unique key that they leave alone: -- @backfill"
                f" {table} by COLUMN",
            )
        if column.name in changed:
            raise Refused(
                f"The statements set {table}.{column.name}, and the walk goes by it: rows could be"
                " passed over or done twice.",
                hint="walk by another unique key that they leave alone: -- @backfill"
                f" {table} by COLUMN",
            )
    estimate = sizes[0][0] if sizes else None
    # No rows by statistics may only mean that there are none.
    known = None if estimate is None or (cockroachdb and not estimate) else int(estimate)
    relation = f"{quote(schema)}.{quote(name)}"
    return Table(relation, key, tuple(str(row[1]) for row in columns), known)


def sets(sql: str, table: n.QName) -> set[str]:
    """The columns of a table that an UPDATE of it sets."""
    node = parse(sql)
    if getattr(node, "verb", "") != "UPDATE" or getattr(node, "table", None) is None:
        return set()
    if node.table.name != table.name:  # type: ignore[attr-defined]
        return set()
    found: set[str] = set()
    depth, at_target, after_set = 0, False, False
    for token in tokens(sql):
        word = "" if token.kind in ("quoted", "string") else token.value
        if word in ("(", "["):
            depth += 1
        elif word in (")", "]"):
            depth -= 1
        elif depth == 0 and word == "set":
            at_target = after_set = True
        elif depth == 0 and after_set and word in ("where", "from", "returning"):
            break
        elif depth == 0 and word == "=":
            at_target = False
        elif depth == 0 and after_set and word == ",":
            at_target = True
        elif at_target and token.kind in ("word", "quoted"):
            found.add(token.value)
    return found


_Index = tuple[bool, str, tuple[str, ...], tuple[str, ...]]


def _positions(text: object, width: int) -> tuple[str, ...]:
    return tuple(str(text).replace("{", "").replace("}", "").replace(",", " ").split()[:width])


def _column(row: Sequence[Any], way: str, *, cockroachdb: bool) -> KeyColumn:
    _, name, type_, _, collation, _ = row
    collate = ""
    if cockroachdb and collation and collation not in ("en-US", "default"):
        collate = f" COLLATE {quote(str(collation))}"
    return KeyColumn(str(name), str(type_), bool(int(way) & 1), collate)


def _named(table: n.QName, by: Sequence[str], usable: Iterable[_Index], columns: Rows) -> _Index:
    """The unique index over exactly the columns that a user names, in their order."""
    known = {str(row[1]): row for row in columns}
    for name in by:
        if name not in known:
            raise Refused(
                f"{table} has no column {name} to walk it by.",
                hint=f"its columns are {', '.join(known)}",
            )
        if not known[name][3]:
            raise Refused(
                f"{table}.{name} may be NULL, and a row without a key has no place in the walk.",
                hint="name columns that are NOT NULL, or leave `by` out to use the primary key",
            )
    numbers = {str(known[name][0]): i for i, name in enumerate(by)}
    for one in usable:
        if set(one[2]) == set(numbers):
            if [numbers[number] for number in one[2]] == sorted(numbers.values()):
                return one
            ways = dict(zip(one[2], one[3], strict=True))
            return one[0], one[1], tuple(numbers), tuple(ways[number] for number in numbers)
    raise Refused(
        f"({', '.join(by)}) is not unique in {table}: no unique index is over exactly these.",
        hint="name the columns of a unique index or constraint without a condition",
    )


def _suggestion(
    table: n.QName, usable: Iterable[_Index], by_number: Mapping[str, Sequence[Any]]
) -> str:
    for _, _, numbers, _ in usable:
        if all(by_number[number][3] for number in numbers):
            names = ", ".join(quote(str(by_number[number][1])) for number in numbers)
            return f"write -- @backfill {table} by {names}"
    return "give it one, or a unique index over NOT NULL columns and name those after `by`"
