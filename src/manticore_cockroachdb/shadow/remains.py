"""What a database has besides its schema: rows, positions of sequences, privileges and owners.

As SQL that asks, and as values that can be compared; pure. Columns that a server fills in by
itself, such as the time of now, are another each time and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ..parser.quoting import literal, qualified, quote
from ..schema import model as m

_OURS = "'^_migrations'"
_ACL = "(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest({}) a)"
_NOT_SYSTEM = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
_OWNER = "pg_catalog.pg_get_userbyid({})"

PRIVILEGES_POSTGRESQL = f"""
SELECT 'relation', n.nspname || '.' || c.relname, {_OWNER.format("c.relowner")},
  {_ACL.format("c.relacl")}
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {_NOT_SYSTEM} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relname !~ {_OURS}
UNION ALL
SELECT 'column', n.nspname || '.' || c.relname || '.' || t.attname, '', {_ACL.format("t.attacl")}
FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_class c ON c.oid = t.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {_NOT_SYSTEM} AND t.attacl IS NOT NULL
UNION ALL
SELECT 'routine', p.oid::pg_catalog.regprocedure::text, {_OWNER.format("p.proowner")},
  {_ACL.format("p.proacl")}
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE {_NOT_SYSTEM}
UNION ALL
SELECT 'schema', n.nspname, {_OWNER.format("n.nspowner")}, {_ACL.format("n.nspacl")}
FROM pg_catalog.pg_namespace n WHERE {_NOT_SYSTEM}
UNION ALL
SELECT 'type', n.nspname || '.' || t.typname, {_OWNER.format("t.typowner")},
  {_ACL.format("t.typacl")}
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE {_NOT_SYSTEM} AND t.typtype IN ('d', 'e', 'r') AND t.typname !~ {_OURS}
UNION ALL
SELECT 'default', d.defaclobjtype::text || ' in ' || coalesce(n.nspname, 'any schema'),
  {_OWNER.format("d.defaclrole")}, {_ACL.format("d.defaclacl")}
FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
"""
PRIVILEGES_COCKROACHDB = f"""
SELECT 'relation', table_schema || '.' || table_name, grantee, privilege_type
FROM information_schema.table_privileges
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')
  AND table_name !~ {_OURS}
UNION ALL
SELECT 'schema', table_schema, grantee, privilege_type FROM information_schema.schema_privileges
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')
"""


@dataclass(frozen=True, slots=True)
class Remains:
    """Rows as their number and a digest, by table; sequences by where they stand; privileges."""

    rows: Mapping[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    sequences: Mapping[tuple[str, str], str] = field(default_factory=dict)
    privileges: frozenset[tuple[str, ...]] = frozenset()


def counts(tables: Sequence[m.Table]) -> str:
    """How many rows each table has: its number in ``tables``, and theirs."""
    return " UNION ALL ".join(
        f"SELECT {i}, count(*) FROM {qualified(one.schema, one.name)}"
        for i, one in enumerate(tables)
    )


def content(table: m.Table) -> str | None:
    """The rows of a table, as text; None where the server fills in all of it."""
    fixed = [
        one.name
        for one in table.columns
        if one.identity is None and not (one.default and "(" in one.default)
    ]
    if not fixed:
        return None
    columns = ", ".join(f"{quote(name)}::TEXT" for name in fixed)
    return f"SELECT {columns} FROM {qualified(table.schema, table.name)}"


def positions(sequences: Sequence[m.Sequence], *, cockroachdb: bool) -> str:
    """Where each sequence stands."""
    called = "''" if cockroachdb else "is_called::TEXT"
    return " UNION ALL ".join(
        f"SELECT {literal(one.schema)}, {literal(one.name)}, last_value::TEXT || {called}"
        f" FROM {qualified(one.schema, one.name)}"
        for one in sequences
    )


def digest(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as one value, whatever their order."""
    return sha256("\n".join(sorted(repr(tuple(row)) for row in rows)).encode()).hexdigest()
