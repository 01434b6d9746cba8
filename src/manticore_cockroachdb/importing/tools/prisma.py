"""Prisma: folders ``20240102030405_x`` with ``migration.sql``; there is no way back.

By Prisma's documentation and its schema engine. The checksum is SHA-256 of the file. One name may
have several rows, of attempts that failed and were rolled back; the last one counts.
"""

from __future__ import annotations

import hashlib
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

_NAME = re.compile(r"(?:.*/)?(([^/_]*)_?([^/]*))/migration\.sql")
_PROVIDER = re.compile(r'^\s*provider\s*=\s*"([^"]*)"', re.MULTILINE)


def read(files: Files, _: Options, found: Findings) -> list[Old]:
    """The migrations, in order of the folders' names."""
    for name in files.names:
        if name.rpartition("/")[2] == "migration_lock.toml":
            provider = _PROVIDER.search(found.text(files, name))
            if provider and provider[1] not in ("postgresql", "postgres", "cockroachdb"):
                found.refuse(name, None, f"the migrations are for {provider[1]}")
    olds = []
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        olds.append(
            Old(
                key=match[1],
                version=whole_number(match[2]),
                title=match[1],
                description=described(match[3] or match[1], "migration"),
                up=Part(found.text(files, name), name),
                checksum=hashlib.sha256(files.data(name)).hexdigest(),
                origin=(name,),
            )
        )
    return sorted(olds, key=lambda old: old.key)


def _applied(rows: Rows, _: Sequence[Old], found: Findings) -> list[Applied]:
    newest: dict[str, Applied | None] = {}
    for row in rows:
        key = str(row["migration_name"])
        if row["rolled_back_at"] is not None:
            newest.setdefault(key, None)
            continue
        if row["finished_at"] is None:
            found.refuse(
                "",
                None,
                f"{key} failed and is not resolved",
                "settle it: `prisma migrate resolve --applied` or `--rolled-back`, then import",
            )
        elif row["applied_steps_count"] == 0:
            found.note("", None, f"{key} was marked as applied by hand, not run")
        newest[key] = Applied(key, row["finished_at"], None, str(row["checksum"]))
    return [one for one in newest.values() if one is not None]


READER = Reader(
    "prisma",
    read,
    Ledger(
        lambda table: (
            "SELECT migration_name, checksum, finished_at, rolled_back_at, applied_steps_count"
            f" FROM {table} ORDER BY started_at"
        ),
        _applied,
        tables=("_prisma_migrations",),
        columns="id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at"
        " TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,"
        " started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL"
        " DEFAULT 0",
    ),
    "folders <14 digits>_<name> with migration.sql",
)
