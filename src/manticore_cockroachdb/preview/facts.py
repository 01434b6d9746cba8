"""What a plan asks the server, as text, and what the answers amount to, as values.

All questions are about the tables that the statements name, whatever their number; nothing is
counted, only statistics are read, so that a plan costs the same on a table of any size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..analysis.catalog import KnownTable
from ..parser import nodes as n
from ..parser.quoting import literal, quote

Rows = Sequence[tuple[Any, ...]]

PATH = "SELECT unnest(current_schemas(false))"


_MANY = 1000


def _names(names: Collection[str]) -> str:
    """What stands in `IN (…)`. Thousands of names a server reads sooner as one text."""
    if len(names) > _MANY:
        from json import dumps

        texts = literal(dumps(sorted(names), ensure_ascii=False))
        return f"SELECT json_array_elements_text({texts}::JSON)"
    return ", ".join(literal(name) for name in sorted(names)) or "NULL"


def sizes_postgresql(names: Collection[str]) -> str:
    """Schema, name, rows, bytes; a partitioned table's are those of its partitions."""
    rows = (
        "CASE WHEN m.reltuples >= 0 THEN m.reltuples::INT8"
        " WHEN pg_catalog.pg_relation_size(m.oid) = 0 THEN 0"
        " ELSE nullif(pg_catalog.pg_stat_get_live_tuples(m.oid), 0) END"
    )
    return (
        f"SELECT n.nspname, c.relname, sum({rows})::INT8,"
        " sum(pg_catalog.pg_total_relation_size(m.oid))::INT8"
        " FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN LATERAL (SELECT c.oid WHERE c.relkind <> 'p' UNION ALL"
        " SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t"
        " WHERE c.relkind = 'p' AND t.isleaf AND t.relid <> c.oid) AS leaf (oid) ON true"
        " LEFT JOIN pg_catalog.pg_class m ON m.oid = leaf.oid"
        f" WHERE c.relname IN ({_names(names)}) AND c.relkind IN ('r', 'p', 'm', 'f')"
        " GROUP BY n.nspname, c.relname"
    )


def rows_cockroachdb(names: Collection[str]) -> str:
    """Schema, name, rows by the latest statistics."""
    return (
        "SELECT schema_name, table_name, estimated_row_count FROM [SHOW TABLES]"
        f" WHERE table_name IN ({_names(names)})"
    )


def bytes_cockroachdb(schema: str, name: str, *, details: bool) -> str:
    """The size of a table's ranges; since v23.1 that has to be asked for with WITH DETAILS."""
    table = f"{quote(schema)}.{quote(name)}"
    asked = " WITH DETAILS" if details else ""
    return (
        f"SELECT (sum(range_size_mb) * 1000000)::INT8 FROM [SHOW RANGES FROM TABLE {table}{asked}]"
    )


def all_bytes_cockroachdb(database: str) -> str:
    """Name and size of every table of a database. Before v23.1 this takes hardly longer than the
    size of one; since then it has to be asked for in other words, and this is an error."""
    return (
        "SELECT table_name, (sum(range_size_mb) * 1000000)::INT8"
        f" FROM [SHOW RANGES FROM DATABASE {quote(database)}] GROUP BY table_name"
    )


def columns(names: Collection[str]) -> str:
    """Schema, table, column, type, whether NOT NULL."""
    return (
        "SELECT n.nspname, c.relname, a.attname,"
        " pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_catalog.pg_attribute a"
        " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relname IN ({_names(names)}) AND c.relkind IN ('r', 'p', 'm', 'f')"
        " AND a.attnum > 0 AND NOT a.attisdropped"
    )


def checks(names: Collection[str]) -> str:
    """Schema, table and definition of each CHECK that holds for every row."""
    return (
        "SELECT n.nspname, c.relname, pg_catalog.pg_get_constraintdef(k.oid)"
        " FROM pg_catalog.pg_constraint k"
        " JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relname IN ({_names(names)}) AND k.contype = 'c' AND k.convalidated"
    )


def indexes(names: Collection[str]) -> str:
    """Schema and name of each index, and the name of its table."""
    return (
        "SELECT n.nspname, i.relname, c.relname FROM pg_catalog.pg_index x"
        " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
        " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE i.relname IN ({_names(names)})"
    )


def volatile(functions: Collection[str]) -> str:
    """Which of these functions may give another value for each row."""
    return (
        "SELECT DISTINCT proname FROM pg_catalog.pg_proc"
        f" WHERE provolatile = 'v' AND proname IN ({_names(functions)})"
    )


def tables_of(
    column_rows: Rows, sizes: Rows, check_rows: Rows = ()
) -> dict[tuple[str, str], KnownTable]:
    """The tables that the answers describe."""
    found: dict[tuple[str, str], KnownTable] = {}
    for row in (*column_rows, *sizes):
        key = (str(row[0]), str(row[1]))
        found.setdefault(key, KnownTable(*key))
    known: dict[tuple[str, str], dict[str, n.Column]] = {}
    for schema, table, name, type_, not_null in column_rows:
        column = n.Column(name=name, type=type_, not_null=bool(not_null))
        known.setdefault((schema, table), {})[name] = column
    size = {(row[0], row[1]): row[2:] for row in sizes}
    texts: dict[tuple[str, str], list[str]] = {}
    for schema, table, definition in check_rows:
        texts.setdefault((schema, table), []).append(definition)
    for key, facts in found.items():
        rows, data = (*size.get(key, ()), None, None)[:2]
        found[key] = replace(
            facts,
            rows=None if rows is None else int(rows),
            bytes=None if data is None else int(data),
            columns=known.get(key, {}),
            checks=tuple(texts.get(key, ())),
        )
    return found
