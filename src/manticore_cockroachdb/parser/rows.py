"""INSERT … VALUES of plain constants, the bulk of seed data, read by one expression.

It takes what is surely nothing more than that: no comment, alias, call or query, and nothing
after the rows.
Anything else is left to `parse_data.insert`, which must give the same for what this takes.
"""

from __future__ import annotations

import re
from functools import cache

from .lex import BLANK, ESCAPE_STRING, PLAIN_STRING
from .nodes import RESERVED, Dml, QName

NAME = r"[a-z_][a-z0-9_]*+"
QNAME = rf"({NAME}(?:\.{NAME}|(?!))*+)"
_ROW = rf"\((?:[^'\"$()\[;/\-]++|{PLAIN_STRING}|{ESCAPE_STRING}|-(?!-)|/(?!\*)|(?!))*+\)"


@cache
def _insert() -> re.Pattern[str]:
    gap = f"{BLANK}*+"
    columns = rf"\({gap}{NAME}{gap}(?:,{gap}{NAME}{gap}|(?!))*+\)"
    return re.compile(
        rf"{gap}(insert|upsert){BLANK}++into{BLANK}++{QNAME}{gap}"
        rf"(?:{columns}|){gap}values{gap}({_ROW}{gap}(?:,{gap}{_ROW}{gap}|(?!))*+)\Z",
        re.IGNORECASE | re.ASCII | re.DOTALL,
    )


INSERT_HEAD = re.compile(
    r"insert\s+into\s+(?P<table>[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\s*(?:\([^()]*\))?\s*values\b",
    re.IGNORECASE,
)
"""How an INSERT … VALUES begins, and into which table: enough to tell that many in a row are
alike, in a file of a million of them, where reading each takes longer than all the rest."""


@cache
def _row() -> re.Pattern[str]:
    return re.compile(_ROW, re.DOTALL)


def plain_name(text: str) -> QName | None:
    """The name that `QNAME` has found; None for one that needs quotes or has too many parts."""
    parts = text.lower().split(".")
    return None if parts[0] in RESERVED or len(parts) > 4 else QName(tuple(parts))


def insert_of_rows(sql: str) -> Dml | None:
    """The model of ``sql`` if it is a plain INSERT … VALUES, else None."""
    found = _insert().match(sql)
    if found is None:
        return None
    table = plain_name(found[2])
    if table is None:
        return None
    rows = sum(1 for _ in _row().finditer(sql, found.start(3)))
    return Dml(verb=found[1].upper(), table=table, rows=rows)
