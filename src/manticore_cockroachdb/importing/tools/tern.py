"""tern: ``001_x.sql``, numbered without gaps from 1, the way back below a line of dashes.

Read in tern's sources (migrate/migrate.go). Files are Go templates; those that use it are refused,
since a template can do anything, but for plain values that somebody gives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model import (
    Applied,
    Files,
    Findings,
    Ledger,
    Old,
    Options,
    Part,
    Reader,
    Rows,
    described,
    whole_number,
)

_NAME = re.compile(r"(\d+)_([^/]+)\.sql")
_SEPARATOR = "---- create above / drop below ----"
_OFF = re.compile(r"^---- tern: disable-tx ----$", re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{-?\s*(\.(\w+))?(.*?)\s*-?\}\}", re.DOTALL)


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations, in order of number."""
    olds: dict[int, Old] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        number = int(match[1])
        if number in olds:
            found.refuse(name, None, f"has the same version as {olds[number].title}")
            continue
        text = _rendered(name, found.text(files, name), options, found)
        up, _, down = text.partition(_SEPARATOR)
        modes = [_OFF.search(part) is not None for part in (up, down) if part.strip()]
        if len(set(modes)) > 1:
            found.refuse(
                name,
                None,
                "has one direction in a transaction and the other not; ours has one mode a file",
            )
        line = up.count("\n") + 1
        olds[number] = Old(
            key=str(number),
            version=whole_number(match[1]),
            title=name,
            description=described(match[2], "migration"),
            up=Part(_OFF.sub("", up), name),
            down=Part(_OFF.sub("", down), name, line) if down else None,
            transaction=False if True in modes else None,
            origin=(name,),
        )
    ordered = [olds[number] for number in sorted(olds)]
    for place, old in enumerate(ordered, 1):
        if int(old.key) != place:
            found.refuse(old.title, None, f"tern counts without gaps, and {place} is missing")
            break
    if any(name.endswith(".go") for name in files.names if "/" not in name):
        found.note("", None, "migrations that a program in Go adds are not among the files")
    return ordered


def _rendered(name: str, text: str, options: Options, found: Findings) -> str:
    def value(match: re.Match[str]) -> str:
        line = text.count("\n", 0, match.start()) + 1
        key = match[2]
        if key is not None and not match[3] and key in options.variables:
            found.note(name, line, f"{match[0]} is {options.variables[key]!r} for good now")
            return options.variables[key]
        hint = f"give it a value: --var {key}=VALUE" if key and not match[3] else None
        found.refuse(name, line, f"{match[0]} is a Go template, which only tern can render", hint)
        return match[0]

    return _TEMPLATE.sub(value, text)


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    if len(rows) != 1:
        found.refuse("", None, f"the table has {len(rows)} rows, and tern keeps one")
        return []
    newest = int(rows[0]["version"])
    if newest > len(olds):
        return [Applied(str(newest))]
    found.note("", None, "tern keeps no times: what it has applied counts as applied now")
    return [Applied(old.key) for old in olds if int(old.key) <= newest]


READER = Reader(
    "tern",
    read,
    Ledger(lambda table: f"SELECT version FROM {table}", _applied, tables=("schema_version",)),
    "<number>_<name>.sql, numbered from 1",
)
