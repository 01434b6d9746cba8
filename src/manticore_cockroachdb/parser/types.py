"""Data types, written one way however the statement spells them."""

from __future__ import annotations

import re

from .cursor import Cursor
from .quoting import quote
from .words import BUILT_IN_TYPES, COLUMN_QUALIFIERS, INTERVAL_FIELDS, TIMES


def data_type(c: Cursor) -> str:
    """A data type: built-in names in upper case, blanks as the servers print them."""
    first, following = c.keys[c.i : c.i + 2]
    if first in _WHOLE and following in _AFTER:
        c.i += 1
        return first.upper()
    if first[:1] == '"' or following == ".":
        text = str(c.qname())
    else:
        text = _simple(c)
    if c.key == "(":
        text += _compact_group(c)
        if c.key in _AFTER:
            return text
    if first in TIMES:
        for zone in ("with", "without"):
            if c.accept(zone, "time", "zone"):
                text += f" {zone.upper()} TIME ZONE"
    elif first == "interval":
        text += _fields(c)
    return text + _dimensions(c)


# A type that is one word, if one of these follows.
_WHOLE = BUILT_IN_TYPES - {"double", "national"}
_AFTER = COLUMN_QUALIFIERS | {",", ")", ""}


def _simple(c: Cursor) -> str:
    word = c.name()
    text = word.upper() if word in BUILT_IN_TYPES else quote(word)
    if word == "double":
        c.expect("precision")
        return "DOUBLE PRECISION"
    if word == "national":
        text += " " + (c.accept_any(("char", "character")) or c.fail()).upper()
    if word in ("char", "character", "nchar", "bit", "national") and c.accept("varying"):
        text += " VARYING"
    return text


def _fields(c: Cursor) -> str:
    text = ""
    if first := c.accept_any(INTERVAL_FIELDS):
        text = f" {first.upper()}"
        if c.accept("to"):
            text += f" TO {(c.accept_any(INTERVAL_FIELDS) or c.fail()).upper()}"
        if c.key == "(":
            text += _compact_group(c)
    return text


def _dimensions(c: Cursor) -> str:
    array = c.accept("array")
    text = ""
    while c.key == "[":
        text += _compact_group(c)
    return text or ("[]" if array else "")


def _compact_group(c: Cursor) -> str:
    start = c.i
    c.skip_group()
    return "".join(c.text[c.start_of(i) : c.ends[i]] for i in range(start, c.i))


_TYPES = {
    "bigint": "INT8",
    "int8": "INT8",
    "integer": "INT4",
    "int4": "INT4",
    "smallint": "INT2",
    "int2": "INT2",
    "double precision": "FLOAT8",
    "float8": "FLOAT8",
    "real": "FLOAT4",
    "float4": "FLOAT4",
    "boolean": "BOOL",
    "bool": "BOOL",
    "text": "TEXT",
    "string": "TEXT",
    "character varying": "VARCHAR",
    "varchar": "VARCHAR",
    "character": "CHAR",
    "char": "CHAR",
    "bpchar": "BPCHAR",
    "numeric": "NUMERIC",
    "decimal": "NUMERIC",
    "bytea": "BYTEA",
    "bytes": "BYTEA",
    "bit": "BIT",
    "bit varying": "VARBIT",
    "varbit": "VARBIT",
    "timestamp": "TIMESTAMP",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
    "timestamptz": "TIMESTAMPTZ",
    "time": "TIME",
    "time without time zone": "TIME",
    "time with time zone": "TIMETZ",
    "timetz": "TIMETZ",
    "date": "DATE",
    "interval": "INTERVAL",
    "uuid": "UUID",
    "json": "JSON",
    "jsonb": "JSONB",
    "inet": "INET",
    "cidr": "CIDR",
    "macaddr": "MACADDR",
    "money": "MONEY",
    "xml": "XML",
    "oid": "OID",
    "name": "NAME",
    "tsvector": "TSVECTOR",
    "tsquery": "TSQUERY",
    "geometry": "GEOMETRY",
    "geography": "GEOGRAPHY",
}


# `timestamp(3) with time zone`, `character varying(20)[]`, `numeric(10,2)`, `INT8[]`
_TYPE = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9 ]*?)(?P<size> ?\([^()]*\))?"
    r"(?P<zone> with(?:out)? time zone)?(?P<array>(?:\[\])*)"
)


def canonical_type(reported: str) -> str:
    """The one spelling of a type that a server reported; a user's own type stays as it is."""
    found = _TYPE.fullmatch(reported)
    if found is None:
        return reported
    spelled = _TYPES.get((found["name"] + (found["zone"] or "")).lower())
    if spelled is None:
        return reported
    size = (found["size"] or "").strip().replace(" ", "")
    if spelled == "CHAR" and size == "(1)":
        size = ""
    if spelled == "TEXT" and size:  # CockroachDB's STRING(20) is no VARCHAR(20) to it
        spelled = "STRING"
    return spelled + size.upper() + found["array"]
