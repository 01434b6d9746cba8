"""What CockroachDB is asked about its catalog: SHOW CREATE for most, pg_catalog for the rest.

Nothing here needs ``crdb_internal``, which newer versions deny, but on versions before v21.1,
which have no SHOW CREATE ALL TABLES. What a version does not have yet is not asked for. Where
it lists routines or triggers without their text, `followed_up` asks for that in a second message.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..dialect import Version
from ..parser.quoting import qualified, quote

NEEDED = ("database", "creates", "namespaces", "relations")

_USERS = (
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')"
    " AND n.nspname NOT LIKE 'pg_temp%'"
)

_CREATE_ALL = "SHOW CREATE ALL TABLES"
_CREATE_ALL_BEFORE_21_1 = (
    "SELECT create_statement FROM crdb_internal.create_statements"
    " WHERE database_name = current_database() AND state = 'PUBLIC'"
)

_DATABASE = "SELECT current_database()"
_NAMESPACES = f"""
SELECT n.nspname, d.description
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_description d
    ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::REGCLASS::OID
WHERE {_USERS}
"""
_RELATIONS = f"""
SELECT n.nspname, c.relname, c.relkind::STRING
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'S') AND {_USERS}
"""
_UNVALIDATED = f"""
SELECT n.nspname, c.relname, k.conname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND {_USERS}
"""
_COLUMNS = """
SELECT table_schema, table_name, column_name, crdb_sql_type, is_hidden = 'YES'
FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')
    AND table_catalog = current_database()
ORDER BY table_schema, table_name, ordinal_position
"""
_ENUMS = f"""
SELECT n.nspname, t.typname,
    ARRAY(SELECT e.enumlabel::STRING FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
        ORDER BY e.enumsortorder),
    d.description
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_description d
    ON d.objoid = t.oid AND d.classoid = 'pg_type'::REGCLASS::OID
WHERE t.typtype = 'e' AND {_USERS}
"""
_OWNERS = f"""
SELECT n.nspname, s.relname, tn.nspname, t.relname, a.attname
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.deptype = 'a' AND d.refobjsubid > 0 AND {_USERS}
"""
_ROUTINES = f"""
SELECT n.nspname, p.proname, p.prokind::STRING
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE {_USERS}
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def queries(version: Version) -> dict[str, str]:
    """What to ask a server of this version in its first message."""
    found = {
        "database": _DATABASE,
        "creates": _CREATE_ALL if version >= (21, 1) else _CREATE_ALL_BEFORE_21_1,
        "namespaces": _NAMESPACES,
        "relations": _RELATIONS,
        "unvalidated": _UNVALIDATED,
        "columns": _COLUMNS,
        "enums": _ENUMS,
        "owners": _OWNERS,
    }
    if version >= (23, 1):
        found["types"] = "SHOW CREATE ALL TYPES"
    if version >= (25, 3):
        found["routines"] = "SHOW CREATE ALL ROUTINES"
        found["triggers"] = "SHOW CREATE ALL TRIGGERS"
    elif version >= (22, 2):
        kind = "p.prokind::STRING" if version >= (23, 2) else "'f'"
        found["routine names"] = _ROUTINES.replace("p.prokind::STRING", kind)
    return found


def followed_up(
    version: Version,
    routines: Iterable[tuple[str, str, str]],
    tables: Iterable[tuple[str, str]],
) -> list[str]:
    """What to ask for after the first message: the text of routines, the names of triggers.

    ``routines`` are schema, name and kind, ``tables`` schema and name.
    """
    asked = [
        f"SHOW CREATE {'PROCEDURE' if kind == 'p' else 'FUNCTION'} {qualified(schema, name)}"
        for schema, name, kind in routines
    ]
    if (24, 3) <= version < (25, 3):
        asked += [f"SHOW TRIGGERS FROM {qualified(*table)}" for table in tables]
    return asked


def trigger(table: tuple[str, str], name: str) -> str:
    """How to ask for the text of one trigger."""
    return f"SHOW CREATE TRIGGER {quote(name)} ON {qualified(*table)}"
