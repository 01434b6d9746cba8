"""What PostgreSQL 13 to 18 is asked about its catalog: queries as text, one message for all.

With an empty ``search_path`` the server prints every name but its own with its schema, so what
it says does not depend on who asks. The other settings fix how it prints constants.
"""

from __future__ import annotations

SETUP = (
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL search_path = ''",
    "SET LOCAL quote_all_identifiers = off",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
)

_USERS = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"


def _not_a_member(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """Belongs to no extension (and with 'i', to nothing else)."""
    return (
        "NOT EXISTS (SELECT FROM pg_depend m WHERE"
        f" m.classid = '{catalog}'::regclass AND m.objid = {oid} AND m.deptype IN ({kinds}))"
    )


NAMESPACES = f"""
SELECT n.nspname, obj_description(n.oid, 'pg_namespace')
FROM pg_namespace n
WHERE {_USERS} AND {_not_a_member("pg_namespace", "n.oid")}
"""

EXTENSIONS = """
SELECT e.extname, n.nspname
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
"""

RELATIONS = f"""
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text, c.relpersistence = 'u',
    c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    pg_get_expr(c.relpartbound, c.oid),
    ARRAY(SELECT jsonb_build_array(pn.nspname, p.relname)
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_namespace pn ON pn.oid = p.relnamespace
        WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    obj_description(c.oid, 'pg_class')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relpersistence <> 't'
    AND {_USERS} AND {_not_a_member("pg_class", "c.oid")}
"""

COLUMNS = f"""
SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
    a.attislocal, col_description(a.attrelid, a.attnum),
    s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_depend i ON a.attidentity <> '' AND i.refclassid = 'pg_class'::regclass
    AND i.refobjid = a.attrelid AND i.refobjsubid = a.attnum
    AND i.classid = 'pg_class'::regclass AND i.deptype = 'i'
LEFT JOIN pg_sequence s ON s.seqrelid = i.objid
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relpersistence <> 't' AND {_USERS}
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""


def _names(columns: str, relation: str) -> str:
    return (
        "ARRAY(SELECT ca.attname::text"
        f" FROM unnest({columns}) WITH ORDINALITY u (number, place)"
        f" JOIN pg_attribute ca ON ca.attrelid = {relation} AND ca.attnum = u.number"
        " ORDER BY u.place)"
    )


CONSTRAINTS = f"""
SELECT k.conrelid::int8, k.conname, k.contype::text, pg_get_constraintdef(k.oid),
    {_names("k.conkey", "k.conrelid")},
    fn.nspname, f.relname, {_names("k.confkey", "k.confrelid")},
    k.convalidated, obj_description(k.oid, 'pg_constraint')
FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
LEFT JOIN pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE k.conrelid <> 0 AND k.contype IN ('p', 'u', 'c', 'f', 'x') AND {_USERS}
    AND k.conparentid = 0 AND k.conislocal
"""

INDEXES = f"""
SELECT x.indrelid::int8, c.relname, pg_get_indexdef(x.indexrelid), x.indisvalid,
    obj_description(c.oid, 'pg_class')
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_USERS} AND x.indislive
    AND NOT EXISTS (SELECT FROM pg_constraint k
        WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
    AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = x.indexrelid)
"""

SEQUENCES = f"""
SELECT n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
    s.seqmin, s.seqmax, s.seqcache, s.seqcycle, tn.nspname, t.relname, a.attname,
    obj_description(c.oid, 'pg_class')
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid
    AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype = 'a'
LEFT JOIN pg_class t ON t.oid = o.refobjid
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
WHERE c.relpersistence <> 't' AND {_USERS} AND {_not_a_member("pg_class", "c.oid", "'e', 'i'")}
"""

ENUMS = f"""
SELECT n.nspname, t.typname,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
        ORDER BY e.enumsortorder),
    obj_description(t.oid, 'pg_type')
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND {_USERS} AND {_not_a_member("pg_type", "t.oid")}
"""

DOMAINS = f"""
SELECT n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod),
    CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END,
    t.typdefault, t.typnotnull,
    ARRAY(SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname),
    obj_description(t.oid, 'pg_type')
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.typtype = 'd' AND {_USERS} AND {_not_a_member("pg_type", "t.oid")}
"""

COMPOSITES = f"""
SELECT n.nspname, t.typname,
    ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attcollation <> at.typcollation
                THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END
        FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum),
    obj_description(t.oid, 'pg_type')
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
WHERE {_USERS} AND {_not_a_member("pg_type", "t.oid")}
"""

RANGES = f"""
SELECT n.nspname, t.typname, format_type(r.rngsubtype, NULL),
    CASE WHEN r.rngcollation <> st.typcollation THEN r.rngcollation::regcollation::text END,
    CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::regproc::text END,
    CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::regproc::text END,
    obj_description(t.oid, 'pg_type')
FROM pg_range r
JOIN pg_type t ON t.oid = r.rngtypid
JOIN pg_type st ON st.oid = r.rngsubtype
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE {_USERS} AND {_not_a_member("pg_type", "t.oid")}
"""

ROUTINES = f"""
SELECT n.nspname, p.proname, p.prokind::text, pg_get_function_identity_arguments(p.oid),
    pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p', 'w') AND {_USERS}
    AND {_not_a_member("pg_proc", "p.oid", "'e', 'i'")}
"""

TRIGGERS = f"""
SELECT n.nspname, c.relname, g.tgname, pg_get_triggerdef(g.oid), g.tgenabled::text,
    obj_description(g.oid, 'pg_trigger')
FROM pg_trigger g
JOIN pg_class c ON c.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND {_USERS}
    AND {_not_a_member("pg_trigger", "g.oid")}
"""

POLICIES = f"""
SELECT n.nspname, c.relname, p.polname, p.polpermissive, p.polcmd::text,
    ARRAY(SELECT CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END
        FROM unnest(p.polroles) r ORDER BY 1),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
    obj_description(p.oid, 'pg_policy')
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_USERS}
"""

RULES = f"""
SELECT n.nspname, c.relname, r.rulename, pg_get_ruledef(r.oid),
    obj_description(r.oid, 'pg_rewrite')
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND {_USERS} AND {_not_a_member("pg_rewrite", "r.oid")}
"""

STATISTICS = f"""
SELECT n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid),
    obj_description(s.oid, 'pg_statistic_ext')
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE {_USERS}
"""

LEFT_OUT = f"""
SELECT 'foreign table ' || c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' AND {_USERS}
UNION ALL
SELECT 'aggregate ' || p.oid::regprocedure::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind = 'a' AND {_USERS} AND {_not_a_member("pg_proc", "p.oid")}
UNION ALL
SELECT 'operator ' || o.oid::regoperator::text
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE {_USERS} AND {_not_a_member("pg_operator", "o.oid")}
UNION ALL
SELECT 'collation ' || co.oid::regcollation::text
FROM pg_collation co JOIN pg_namespace n ON n.oid = co.collnamespace
WHERE {_USERS} AND {_not_a_member("pg_collation", "co.oid")}
UNION ALL
SELECT 'text search configuration ' || ts.oid::regconfig::text
FROM pg_ts_config ts JOIN pg_namespace n ON n.oid = ts.cfgnamespace
WHERE {_USERS} AND {_not_a_member("pg_ts_config", "ts.oid")}
UNION ALL
SELECT 'type ' || t.oid::regtype::text
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'b' AND t.typelem = 0 AND {_USERS} AND {_not_a_member("pg_type", "t.oid")}
UNION ALL
SELECT 'event trigger ' || quote_ident(et.evtname)
FROM pg_event_trigger et WHERE {_not_a_member("pg_event_trigger", "et.oid")}
UNION ALL
SELECT 'publication ' || quote_ident(pb.pubname) FROM pg_publication pb
UNION ALL
SELECT 'foreign server ' || quote_ident(fs.srvname) FROM pg_foreign_server fs
"""

QUERIES = {
    "namespaces": NAMESPACES,
    "extensions": EXTENSIONS,
    "relations": RELATIONS,
    "columns": COLUMNS,
    "constraints": CONSTRAINTS,
    "indexes": INDEXES,
    "sequences": SEQUENCES,
    "enums": ENUMS,
    "domains": DOMAINS,
    "composites": COMPOSITES,
    "ranges": RANGES,
    "routines": ROUTINES,
    "triggers": TRIGGERS,
    "policies": POLICIES,
    "rules": RULES,
    "statistics": STATISTICS,
    "left out": LEFT_OUT,
}
