"""Names, texts and types as both servers write them in SQL, and one spelling for each type.

Names are quoted only where a server would need it, so that a dump reads as a person would have
written it. The list of words that need quotes is the union of both servers', the words that are
fine as a column but not as a function included: a quote too many does no harm.

A type has several names: `character varying(20)`, `VARCHAR(20)`. `canonical_type` turns what
either server reports into one, which both of them accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BARE = re.compile(r"true|false|-?\d+(?:\.\d+)?")
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
_WORDS = """
    all analyse analyze and annotate_type any array as asc asymmetric authorization between bigint
    binary bit boolean both box2d case cast char character characteristics check coalesce collate
    collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract extract_duration false family fetch
    float for foreign freeze from full geography geometry grant greatest group grouping having if
    iferror ifnull ilike in index initially inner inout int integer intersect interval into is
    iserror isnull join json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value lateral leading least left like
    limit localtime localtimestamp merge_action national natural nchar none normalize not nothing
    notnull null nullif numeric of off offset on only or order out outer overlaps overlay placing
    point polygon position precision primary real references returning right row select
    session_user setof similar smallint some string substring symmetric system_user table
    tablesample then time timestamp timestamptz timetz to trailing treat trim true union unique
    user using values varbit varchar variadic verbose virtual when where window with work
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
    xmlserialize xmltable
"""
_RESERVED = frozenset(_WORDS.split())


def quote(name: str) -> str:
    """The name as SQL, in quotes where it needs them."""
    if _SIMPLE.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """``schema.name`` as SQL."""
    return f"{quote(schema)}.{quote(name)}"


def listed(names: tuple[str, ...]) -> str:
    """Names as SQL, separated by commas."""
    return ", ".join(map(quote, names))


def literal(text: str) -> str:
    """A text as an SQL string. Backslashes are themselves: standard_conforming_strings is on."""
    return "'" + text.replace("'", "''") + "'"


def options(pairs: Iterable[tuple[str, str]]) -> str:
    """Storage parameters as they stand in WITH (…)."""
    return ", ".join(f"{name} = {_value(value)}" for name, value in pairs)


def _value(value: str) -> str:
    return value if _BARE.fullmatch(value) else literal(value)
