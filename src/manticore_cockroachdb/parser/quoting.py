"""Names and texts as SQL: the one quoter of identifiers, and the one of literals.

A name is put in quotes only where a server would need them, so that what we print reads as a
person would have written it: in messages, in scripts and in a dump, whose text is compared. The
list of words that need quotes is the union of both servers', the words that are fine as a column
but not as a function included: a quote too many does no harm. (`sql.identifier`, for the client's
own statements, always quotes, since names come from outside there and a server of tomorrow may
reserve more words; it uses `quote_always`.)

A text with a backslash in it is written as ``E'…'``, which means the same whatever
standard_conforming_strings is. A role or a database can have that off, and then a backslash in
a plain literal escapes the quote behind it.
"""

from __future__ import annotations

import re

# Written as what they are not: a range up to U+10FFFF is slow to compile. Both servers take any
# letter beyond ASCII in a plain name; a capital one CockroachDB would fold, so `quote` looks.
_SIMPLE = re.compile(r"[^\x00-^`{-\x7f][^\x00-#%-/:-^`{-\x7f]*")
# The words that PostgreSQL 18's and CockroachDB's pg_get_keywords() give the categories R, T and C
# (tests hold the list against both servers), and those that later grammars of CockroachDB add.
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
_NEED_QUOTES = frozenset(_WORDS.split())

_BEFORE_NAMES = "table|exists|column|index|view|sequence|type|schema|into|update|join|add|to"


def quote(name: str) -> str:
    """The name as SQL, in quotes where it needs them."""
    if _SIMPLE.fullmatch(name) and name not in _NEED_QUOTES and name == name.lower():
        return name
    return quote_always(name)


def cut(name: str, longest: int | None) -> str:
    """A name as a server keeps it that keeps no more than so many bytes: cut between characters.

    PostgreSQL does so without an error (docs, "Identifiers and Key Words": NAMEDATALEN - 1 bytes).
    """
    if longest is None or len(name) * 4 <= longest or len(data := name.encode()) <= longest:
        return name
    return data[:longest].decode(errors="ignore")


def reserved_at(sql: str, offset: int) -> str | None:
    """The reserved word that begins at ``offset``, where a name should; None otherwise.

    Where that is, is seen from the word before: ``CREATE TABLE user (order INT)``.
    """
    word = re.compile(r"[A-Za-z_]+").match(sql, offset)
    if word is None or word[0].lower() not in _NEED_QUOTES:
        return None
    before = re.search(rf"(?:\b({_BEFORE_NAMES})\s|[(,.])\s*\Z", sql[:offset], re.IGNORECASE)
    return word[0] if before and word[0].lower() != "table" else None


def quote_always(name: str) -> str:
    """The name as SQL, in quotes."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """``schema.name`` as SQL."""
    return f"{quote(schema)}.{quote(name)}"


def listed(names: tuple[str, ...]) -> str:
    """Names as SQL, separated by commas."""
    return ", ".join(map(quote, names))


def literal(text: str) -> str:
    """The text as an SQL string. Raises ValueError for one with a NUL, which no server takes."""
    if "\x00" in text:
        raise ValueError("an SQL string cannot hold the character NUL")
    if "\\" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def inside(text: str, quote: str, *, escapes: bool = False) -> str:
    """The text as it stands between two quotes of this kind; ``escapes``: of E'…'."""
    if escapes:
        text = text.replace("\\", "\\\\")
    return text.replace(quote, quote * 2)


def nullable(text: str | None) -> str:
    """`text` as an SQL string, or NULL where there is none."""
    return "NULL" if text is None else literal(text)
