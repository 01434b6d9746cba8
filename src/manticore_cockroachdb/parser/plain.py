"""CREATE TABLE of plain columns, and DROP TABLE: much of what migrations hold, read by expressions.

They take what is surely nothing more than that: names without quotes, built-in types, constants
and calls without arguments as defaults, no comment and no constraint of the table. Anything else
is left to `parse_table` and `parse_drop`, which must give the same for what is taken here.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from .constraint import CONSTRAINT_STARTS
from .nodes import RESERVED, Column, CreateTable, Drop
from .rows import NAME, QNAME, plain_name
from .words import BUILT_IN_TYPES, NOT_CALLED

# Words that begin something else than a column, on one of the servers.
_NO_COLUMN = RESERVED | CONSTRAINT_STARTS | {"family", "index", "inverted", "like", "vector"}
_TYPES = BUILT_IN_TYPES - {"double", "national"}
_FLAGS = ("primary key", "not null", "null", "unique")  # in this order, see `_fields`


def _compiled(pattern: str) -> re.Pattern[str]:
    """A space in ``pattern`` stands for one blank or more; no other character is a blank."""
    return re.compile(pattern.replace(" ", r"\s++"), re.IGNORECASE | re.ASCII)


@cache
def _drop() -> re.Pattern[str]:
    return _compiled(rf"drop table (if exists |){QNAME}(?: (cascade|restrict)|)\s*+\Z")


@cache
def _create() -> re.Pattern[str]:
    return _compiled(rf"create table (if not exists |){QNAME}\s*+\(")


def _type() -> str:
    """A type and its size, flags, the default and the function it calls, flags."""
    size = r"\(\s*+([0-9]++(?:\s*+,\s*+[0-9]++|))\s*+\)"
    flags = r"((?: (?:not null|null|primary key|unique)|(?!))*+)"
    default = rf"-?[0-9]++(?:\.[0-9]++|)|'[^'\\]*+'|true|false|null|current_timestamp|({NAME})\(\)"
    return rf"({NAME})(?:\s*+{size}|){flags}(?: default ({default}){flags}|)"


@cache
def _column() -> re.Pattern[str]:
    """A name, group 1, what `_type` says, group 2, and what follows, group 9."""
    return _compiled(rf"\s*+({NAME}) ({_type()})\s*+([,)])")


@cache
def _after_name() -> re.Pattern[str]:
    return _compiled(_type())


@lru_cache(maxsize=256)
def _fields(text: str) -> tuple[dict[str, Any], str] | None:
    """What follows a column's name, as fields and the function that is called; most repeat."""
    found = _after_name().fullmatch(text)
    assert found is not None
    type_, size, flags, default, function, more = found.groups("")
    word, function = type_.lower(), function.lower()
    if word not in _TYPES or (size and word not in NOT_CALLED):
        return None
    if function in RESERVED or function in NOT_CALLED:
        return None
    fields: dict[str, Any] = {"type": word.upper()}
    if size:
        fields["type"] += f"({''.join(size.split())})"
    words = " ".join(f"{flags} {more}".lower().split())
    for flag in _FLAGS:
        if flag in words:
            fields[flag.replace(" ", "_")] = True
            words = words.replace(flag, "")
    if default:
        fields["default"] = default
    return fields, function


def plain_drop(sql: str) -> Drop | None:
    """The model of ``sql`` if it is a plain DROP TABLE, else None."""
    found = _drop().match(sql)
    if found is None:
        return None
    if_exists, text, behaviour = found.groups("")
    name = plain_name(text)
    if name is None:
        return None
    cascade = behaviour.lower() == "cascade"
    return Drop(
        verb="DROP TABLE", kind="table", names=(name,), if_exists=bool(if_exists), cascade=cascade
    )


def plain_table(sql: str) -> CreateTable | None:
    """The model of ``sql`` if it is a CREATE TABLE of plain columns, else None."""
    head = _create().match(sql)
    if head is None:
        return None
    table = plain_name(head[2])
    if table is None:
        return None
    columns: list[Column] = []
    functions: set[str] = set()
    match, pos, following = _column().match, head.end(), ","
    while following == ",":
        found = match(sql, pos)
        if found is None:
            return None
        name, text, following = found.group(1, 2, 9)
        name, known = name.lower(), _fields(text)
        if name in _NO_COLUMN or known is None:
            return None
        fields, function = known
        if function:
            functions.add(function)
        columns.append(Column.made({"name": name, "start": found.start(1), **fields}))
        pos = found.end()
    if sql[pos:].strip(" \t\n\r\f\v"):
        return None
    return CreateTable.made(
        {
            "name": table,
            "if_not_exists": bool(head[1]),
            "columns": tuple(columns),
            "functions": frozenset(functions),
        }
    )
