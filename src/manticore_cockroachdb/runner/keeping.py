"""What an object loses when it is dropped and made again, asked before, as statements that give it
back: its grants, its comments, its owner. Only the SQL that asks; pure.

Columns may be others afterwards, so what is about a column is given back only where there is one of
that name. Each row of an answer is the object's key and a statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis.references import RELATIONS, ROUTINES, Made
from ..parser.quoting import literal

_GRANTEE = (
    "CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee))"
    " END || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
)
_ME = "(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)"
_KIND = "CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END"
_ROUTINE = "CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END"
# A statement about a column, which may be gone.
_IF_COLUMN = (
    "format('DO %L', format('BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid"
    " = %L::pg_catalog.regclass AND attname = %L AND NOT attisdropped) THEN %s; END IF; END',"
    " c.oid::pg_catalog.regclass, t.attname, {}))"
)


def asking(objects: Iterable[Made], *, cockroachdb: bool) -> str | None:
    """The query; None where no object has anything to lose."""
    objects = list(objects)
    relations = [one for one in objects if one.kind in RELATIONS]
    routines = [one for one in objects if one.kind in ROUTINES]
    if cockroachdb:
        return _cockroachdb(relations) if relations else None
    parts = [*(_relations(relations) if relations else ()), *(_routines(routines))]
    if not parts:
        return None
    return (
        f"SELECT key, statement FROM ({' UNION ALL '.join(parts)}) AS k ORDER BY key, n, statement"
    )


def _relations(objects: Iterable[Made]) -> list[str]:
    values = ", ".join(
        f"({literal(one.key)}, pg_catalog.to_regclass({literal(str(one.name))}))" for one in objects
    )
    start = f"(VALUES {values}) AS o (key, oid) JOIN pg_catalog.pg_class c ON c.oid = o.oid"
    columns = f"{start} JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0"
    described = "JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.classoid ="
    described += " 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid ="
    name = "c.oid::pg_catalog.regclass"
    grant = f"format('GRANT %s (%I) ON %s TO %s', a.privilege_type, t.attname, {name}, {_GRANTEE})"
    comment = f"format('COMMENT ON COLUMN %s.%I IS %L', {name}, t.attname, d.description)"
    return [
        f"SELECT o.key, 1 AS n, format('GRANT %s ON %s TO %s', a.privilege_type, {name},"
        f" {_GRANTEE}) AS statement FROM {start}, aclexplode(c.relacl) a"
        " WHERE a.grantee <> c.relowner",
        f"SELECT o.key, 2, {_IF_COLUMN.format(grant)} FROM {columns}, aclexplode(t.attacl) a",
        f"SELECT o.key, 3, format('COMMENT ON %s %s IS %L', {_KIND}, {name}, d.description)"
        f" FROM {start} {described} 0",
        f"SELECT o.key, 4, {_IF_COLUMN.format(comment)} FROM {columns} {described} t.attnum",
        # Last: an owner's grants become the new owner's.
        f"SELECT o.key, 9, format('ALTER %s %s OWNER TO %I', {_KIND}, {name},"
        f" pg_catalog.pg_get_userbyid(c.relowner)) FROM {start} WHERE c.relowner <> {_ME}",
    ]


def _routines(objects: list[Made]) -> list[str]:
    """By name, since all that is given back names a routine with its arguments itself."""
    if not objects:
        return []
    values = ", ".join(
        # As NAME, which is cut to what a name keeps.
        f"({literal(one.key)}, {literal(one.name.schema) if one.name.schema else 'NULL'}::NAME,"
        f" {literal(one.name.name)}::NAME)"
        for one in objects
    )
    start = (
        f"(VALUES {values}) AS o (key, home, name) JOIN pg_catalog.pg_proc p ON p.proname = o.name"
        " JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace"
        " AND s.nspname = coalesce(o.home, current_schema())"
    )
    name = "p.oid::pg_catalog.regprocedure"
    return [
        f"SELECT o.key, 0 AS n, format('REVOKE ALL ON %s %s FROM PUBLIC', {_ROUTINE}, {name})"
        f" AS statement FROM {start} WHERE p.proacl IS NOT NULL",
        f"SELECT o.key, 1, format('GRANT %s ON %s %s TO %s', a.privilege_type, {_ROUTINE}, {name},"
        f" {_GRANTEE}) FROM {start}, aclexplode(p.proacl) a WHERE a.grantee <> p.proowner",
        f"SELECT o.key, 3, format('COMMENT ON %s %s IS %L', {_ROUTINE}, {name}, d.description)"
        f" FROM {start} JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid ="
        " 'pg_catalog.pg_proc'::pg_catalog.regclass",
        f"SELECT o.key, 9, format('ALTER %s %s OWNER TO %I', {_ROUTINE}, {name},"
        f" pg_catalog.pg_get_userbyid(p.proowner)) FROM {start} WHERE p.proowner <> {_ME}",
    ]


def _cockroachdb(objects: Iterable[Made]) -> str:
    values = ", ".join(
        f"({literal(one.key)}, {_schema(one)}, {literal(one.name.name)})" for one in objects
    )
    return (
        "SELECT o.key, 'GRANT ' || p.privilege_type || ' ON TABLE ' || quote_ident(p.table_schema)"
        " || '.' || quote_ident(p.table_name) || ' TO ' || quote_ident(p.grantee)"
        f" FROM (VALUES {values}) AS o (key, home, name) JOIN information_schema.table_privileges p"
        " ON p.table_schema = o.home AND p.table_name = o.name"
        " WHERE p.grantee NOT IN ('admin', 'root') ORDER BY 1, 2"
    )


def _schema(one: Made) -> str:
    return "current_schema()" if one.name.schema is None else literal(one.name.schema)
