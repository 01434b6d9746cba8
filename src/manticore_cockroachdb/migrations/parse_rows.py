"""INSERT … VALUES of plain constants, the bulk of seed data, read by one expression.

It takes what is surely nothing more than that: no comment, alias, call or query, and nothing
after the rows.
Anything else is left to `parse_data.insert`, which must give the same for what this takes.
"""

from __future__ import annotations

import re
from functools import cache

from .lex import BLANK, ESCAPE_STRING, PLAIN_STRING
from .nodes import Dml
from .nodes_table import RESERVED, QName

_NAME = r"[a-z_][a-z0-9_]*+"
_ROW = rf"\((?:[^'\"$()\[;/\-]++|{PLAIN_STRING}|{ESCAPE_STRING}|-(?!-)|/(?!\*)|(?!))*+\)"


@cache
def _insert() -> re.Pattern[str]:
    gap = f"{BLANK}*+"
    columns = rf"\({gap}{_NAME}{gap}(?:,{gap}{_NAME}{gap}|(?!))*+\)"
    return re.compile(
        rf"{gap}(insert|upsert){BLANK}++into{BLANK}++({_NAME}(?:\.{_NAME}|(?!))*+){gap}"
        rf"(?:{columns}|){gap}values{gap}({_ROW}{gap}(?:,{gap}{_ROW}{gap}|(?!))*+)\Z",
        re.IGNORECASE | re.ASCII | re.DOTALL,
    )


@cache
def _row() -> re.Pattern[str]:
    return re.compile(_ROW, re.DOTALL)


def insert_of_rows(sql: str) -> Dml | None:
    """The model of ``sql`` if it is a plain INSERT … VALUES, else None."""
    found = _insert().match(sql)
    if found is None:
        return None
    parts = found[2].lower().split(".")
    if parts[0] in RESERVED or len(parts) > 4:
        return None
    rows = sum(1 for _ in _row().finditer(sql, found.start(3)))
    return Dml(verb=found[1].upper(), table=QName(tuple(parts)), rows=rows)
