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
from .pairs import numbered
from .templates import rendered

_NAME = re.compile(r"(\d+)_([^/]+)\.sql")
_SEPARATOR = "---- create above / drop below ----"
_OFF = re.compile(r"^---- tern: disable-tx ----$", re.MULTILINE)


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations, in order of number."""
    olds: dict[int, Old] = {}
    for number, name, match in numbered(files, _NAME, olds, found):
        text = rendered(Part(found.text(files, name), name), options, found).text
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


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    # tern updates whatever rows there are: a migration that adds one leaves several, all the same.
    versions = {int(row["version"]) for row in rows}
    if len(versions) != 1:
        found.refuse("", None, f"the table has {len(rows)} rows, and tern keeps one version")
        return []
    newest = versions.pop()
    if newest > len(olds):
        return [Applied(str(newest))]
    found.note("", None, "tern keeps no times: what it has applied counts as applied now")
    return [Applied(old.key) for old in olds if int(old.key) <= newest]


READER = Reader(
    "tern",
    read,
    Ledger(
        lambda table: f"SELECT version FROM {table}",
        _applied,
        tables=("schema_version",),
        columns="version INT4 NOT NULL",
    ),
    "<number>_<name>.sql, numbered from 1",
)
