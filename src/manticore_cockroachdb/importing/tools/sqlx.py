"""sqlx: ``1_x.sql``, or ``1_x.up.sql`` and ``1_x.down.sql``; the two kinds do not mix.

Read in sqlx's sources (sqlx-core/src/migrate/source.rs, migration.rs). A file that *begins* with
``-- no-transaction`` runs outside of one. The checksum is SHA-384 of the text, line ends included.
"""

from __future__ import annotations

import hashlib
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

_NAME = re.compile(r"(\d+)_([^/]*?)(?:\.(up|down))?\.sql")
_OFF = "-- no-transaction"


def read(files: Files, _: Options, found: Findings) -> list[Old]:
    """The migrations, in order of number."""
    pairs: dict[int, Pair] = {}
    kinds: dict[bool, str] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        kinds.setdefault(match[3] is None, name)
        number = int(match[1])
        pair = pairs.setdefault(number, Pair(match[1], number, match[2]))
        pair.add(match[3] or "up", name, found)
    if len(kinds) == 2:
        found.refuse(
            kinds[False],
            None,
            f"has a way back in a file of its own, unlike {kinds[True]}; sqlx"
            " refuses a directory with both kinds",
        )
    return [_finished(files, old, found) for old in paired(files, pairs, found)]


def _finished(files: Files, old: Old, found: Findings) -> Old:
    off = [part.text.startswith(_OFF) for part in (old.up, old.down) if part is not None]
    if len(set(off)) > 1:
        found.refuse(
            old.title,
            1,
            "has one direction with -- no-transaction and the other without; ours has one mode",
        )
    data = files.data(old.up.name) if old.up.name else b""
    return replace(
        old,
        key=str(old.version),
        transaction=False if True in off else None,
        checksum=hashlib.sha384(data).hexdigest(),
    )


def _applied(rows: Rows, _: Sequence[Old], found: Findings) -> list[Applied]:
    applied = []
    for row in rows:
        if not row["success"]:
            found.refuse(
                "",
                None,
                f"version {row['version']} is dirty: it failed half way",
                "settle the database by hand and delete its row, then import",
            )
        applied.append(
            Applied(str(row["version"]), row["installed_on"], None, bytes(row["checksum"]).hex())
        )
    return applied


READER = Reader(
    "sqlx",
    read,
    Ledger(
        lambda table: (
            f"SELECT version, installed_on, success, checksum FROM {table} ORDER BY version"
        ),
        _applied,
        tables=("_sqlx_migrations",),
        columns="version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMPTZ"
        " NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time"
        " BIGINT NOT NULL",
    ),
    "<number>_<name>.sql, or with .up.sql and .down.sql",
)
