"""Data types, written one way however the statement spells them."""

from __future__ import annotations

from .cursor import Cursor
from .nodes import quote
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
