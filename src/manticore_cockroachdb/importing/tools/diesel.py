"""Diesel: folders ``2024-01-02-030405_x`` with ``up.sql``, ``down.sql`` and ``metadata.toml``.

Read in Diesel's sources (diesel_migrations/src/file_based_migrations.rs). The version is what
stands before the first underscore, without its dashes.
"""

from __future__ import annotations

import re
import tomllib
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
    whole_number,
)
from .pairs import Pair, paired

_NAME = re.compile(r"([^/_]+)_([^/]*)/(up\.sql|down\.sql|metadata\.toml)")


def read(files: Files, _: Options, found: Findings) -> list[Old]:
    """The migrations, in order of version."""
    pairs: dict[str, Pair] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        folder = name.partition("/")[0]
        key = match[1].replace("-", "")
        pair = pairs.setdefault(folder, Pair(key, (key, folder), match[2]))
        if match[3] == "metadata.toml":
            pair.transaction = _transaction(files, name, found)
        else:
            pair.add(match[3].removesuffix(".sql"), name, found)
        if whole_number(key) is None:
            found.refuse(name, None, f"the version {key} is no number")
    with_sql = {folder: pair for folder, pair in pairs.items() if pair.names}
    keys: dict[str, str] = {}
    for pair in with_sql.values():
        first = next(iter(pair.names.values()))
        if pair.key in keys:
            found.refuse(first, None, f"has the same version as {keys[pair.key]}")
        keys[pair.key] = first
    # A version of zeros, Diesel's own setup, is a version to us as well.
    return [
        replace(old, title=old.title.rpartition("/")[0]) for old in paired(files, with_sql, found)
    ]


def _transaction(files: Files, name: str, found: Findings) -> bool | None:
    try:
        data = tomllib.loads(found.text(files, name))
    except tomllib.TOMLDecodeError as error:
        found.refuse(name, None, f"is no TOML: {error}")
        return None
    for key in data:
        if key != "run_in_transaction":
            found.refuse(name, None, f"the setting {key} is unknown")
    return None if data.get("run_in_transaction", True) else False


def _applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["version"]), row["at"]) for row in rows]


READER = Reader(
    "diesel",
    read,
    Ledger(
        lambda table: f"SELECT version, run_on::TIMESTAMPTZ AS at FROM {table} ORDER BY version",
        _applied,
        tables=("__diesel_schema_migrations",),
        columns="version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT"
        " CURRENT_TIMESTAMP",
    ),
    "folders <version>_<name> with up.sql and down.sql",
)
