"""golang-migrate: pairs ``1_x.up.sql`` and ``1_x.down.sql``, sent whole.

Read in golang-migrate's sources (source/parse.go, database/cockroachdb, database/pgx). With
``x-multi-statement=true`` in its URL (pgx and postgres; database/multistmt) a file is cut behind
each ``;``, whatever that is inside of, and each piece is sent by itself, in no common transaction.
Its table has one row, the newest version: every file up to it counts as applied, also one that was
added later with a lower version and so never ran. Only the comparison with a replay shows that.
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

_NAME = re.compile(r"([0-9]+)_(.*)\.(down|up)\.([^/]*)")


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations, in order of number."""
    pairs: dict[int, Pair] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None or "/" in name:
            continue
        if match[4] != "sql":
            found.refuse(name, None, f"is a .{match[4]} file, and only SQL can be carried over")
        number = int(match[1])
        if number >= 2**64:
            found.refuse(name, None, f"the version {number} does not fit into 64 bits")
        pair = pairs.setdefault(number, Pair(match[1], number, match[2]))
        pair.add(match[3], name, found)
    olds = paired(files, pairs, found)
    return [_cut(old) for old in olds] if options.multi_statement else olds


def _cut(old: Old) -> Old:
    """A migration as it is sent with ``x-multi-statement``."""
    down = None if old.down is None else replace(old.down, sent=_pieces(old.down.text))
    up = replace(old.up, sent=_pieces(old.up.text))
    return replace(old, up=up, down=down, transaction=False)


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(piece for piece in re.findall(r"[^;]*;|[^;]+\Z", text) if piece.strip())


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    if not rows:
        return []
    if len(rows) > 1:
        found.refuse("", None, f"the table has {len(rows)} rows, and golang-migrate keeps one")
    row = rows[0]
    if row["dirty"]:
        found.refuse(
            "",
            None,
            f"version {row['version']} is dirty: it failed half way",
            "settle the database by hand, then `migrate force VERSION`, then import",
        )
    newest = int(row["version"])
    if newest >= 0 and all(int(old.key) != newest for old in olds):
        return [Applied(str(newest))]
    found.note("", None, "golang-migrate keeps no times: what it has applied counts as applied now")
    return [Applied(old.key) for old in olds if int(old.key) <= newest]


READER = Reader(
    "golang-migrate",
    read,
    Ledger(
        lambda table: f"SELECT version, dirty FROM {table}",
        _applied,
        tables=("schema_migrations", "schema_lock"),
        held={"schema_lock": "true"},
        columns="version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL",
    ),
    "<number>_<name>.up.sql and <number>_<name>.down.sql",
)
