"""pop, and Ory's popx: ``20240101120000_x.up.sql``, with a dialect and ``.autocommit`` in between.

Read in popx' sources (migrator.go, match.go). The file of a dialect beats the general one. Files
are Go templates; those that use it are refused, and so is ``.fizz``, which only pop can render.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..model import (
    Applied,
    Files,
    Findings,
    Ledger,
    Old,
    Options,
    Reader,
    Rows,
)
from .pairs import Pair, paired
from .templates import rendered

_NAME = re.compile(r"(\d+)_([^./]+)(?:\.([a-z0-9]+))?(\.autocommit)?\.(up|down)\.(sql|fizz)")
_DIALECTS = {
    "cockroach": "cockroach",
    "cockroachdb": "cockroach",
    "crdb": "cockroach",
    "postgres": "postgres",
    "postgresql": "postgres",
    "pg": "postgres",
}


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations of one dialect, in order of version."""
    wanted = _DIALECTS.get(options.dialect or "", options.dialect)
    dialects = {
        match[3]
        for name in files.names
        if (match := _NAME.fullmatch(name)) and match[3] not in (None, "autocommit")
    }
    if wanted is None and (found_here := dialects & {"cockroach", "postgres"}):
        if len(found_here) > 1:
            found.refuse(
                "",
                None,
                "the files have parts for cockroach and for postgres",
                "say for which: --dialect cockroach or --dialect postgres",
            )
            return []
        (wanted,) = found_here
    if dialects:
        found.note(
            "",
            None,
            f"of the dialects {', '.join(sorted(map(str, dialects)))}, those for"
            f" {wanted} came along, and what is for all",
        )
    pairs: dict[str, Pair] = {}
    chosen: dict[tuple[str, str], str | None] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        key, description, dialect, autocommit, direction, extension = match.groups()
        if dialect == "autocommit":
            dialect, autocommit = None, ".autocommit"
        if dialect not in (None, wanted):
            continue
        if extension == "fizz":
            found.refuse(name, None, "is in fizz", "let `soda generate sql` render it first")
        before = chosen.get((key, direction))
        pair = pairs.setdefault(key, Pair(key, (int(key), key), description))
        if (key, direction) in chosen:
            if (before is None) == (dialect is None):
                found.refuse(name, None, f"and {pair.names[direction]} are the same migration")
                continue
            if dialect is None:
                continue  # the file of the dialect is there already
            del pair.names[direction]
        chosen[key, direction] = dialect
        pair.add(direction, name, found)
        if autocommit:
            pair.transaction = False
    return [
        replace(
            old,
            up=rendered(old.up, options, found),
            down=None if old.down is None else rendered(old.down, options, found),
        )
        for old in paired(files, pairs, found)
    ]


def _applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["version"])) for row in rows]


READER = Reader(
    "pop",
    read,
    Ledger(
        lambda table: f"SELECT version FROM {table} ORDER BY version",
        _applied,
        tables=("schema_migration",),
        columns="version VARCHAR(48) NOT NULL, version_self INT NOT NULL DEFAULT 0",
    ),
    "<version>_<name>.up.sql and <version>_<name>.down.sql",
)
