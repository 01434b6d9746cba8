"""Tools whose migrations are programs: only the schema that they have made can be carried over.

Their history says what is applied; one file with the schema as it is stands for all of it. See
`importing.async_baseline`. Hasura's migrations are SQL where they are not YAML.
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
    Reader,
    Rows,
)
from .pairs import Pair, paired

_HASURA = re.compile(r"(?:.*/)?(\d+)_([^/]*)/(up|down)\.(sql|yaml)")


def _ledger(column: str, table: str, *others: str, held: dict[str, str] | None = None) -> Ledger:
    def applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
        return [Applied(str(row["key"])) for row in rows]

    return Ledger(
        lambda name: f"SELECT {column} AS key FROM {name} ORDER BY 1",
        applied,
        tables=(table, *others),
        held=held or {},
    )


RAILS = Reader(
    "rails", None, _ledger("version", "schema_migrations", "ar_internal_metadata"), "Ruby"
)
ECTO = Reader("ecto", None, _ledger("version", "schema_migrations"), "Elixir")
KNEX = Reader(
    "knex",
    None,
    _ledger(
        "name",
        "knex_migrations",
        "knex_migrations_lock",
        held={"knex_migrations_lock": "is_locked = 1"},
    ),
    "JavaScript",
)
SEQUELIZE = Reader("sequelize", None, _ledger("name", "SequelizeMeta"), "JavaScript")
TYPEORM = Reader("typeorm", None, _ledger("name", "migrations"), "TypeScript")


def read_hasura(files: Files, _: Options, found: Findings) -> list[Old]:
    """Hasura's folders; those of one database."""
    pairs: dict[int, Pair] = {}
    for name in files.names:
        match = _HASURA.fullmatch(name)
        if match is None:
            continue
        if match[4] == "yaml":
            found.refuse(name, None, "changes Hasura's metadata, not the database")
            continue
        pair = pairs.setdefault(int(match[1]), Pair(match[1], int(match[1]), match[2]))
        pair.add(match[3], name, found)
    return paired(files, pairs, found)


def _applied_by_hasura(rows: Rows, _: Sequence[Old], found: Findings) -> list[Applied]:
    applied = []
    for row in rows:
        if row["dirty"]:
            found.refuse("", None, f"version {row['version']} is dirty: it failed half way")
        applied.append(Applied(str(row["version"])))
    return applied


HASURA = Reader(
    "hasura",
    read_hasura,
    Ledger(
        lambda table: f"SELECT version, dirty FROM {table} ORDER BY version",
        _applied_by_hasura,
        schemas=("hdb_catalog", "hdb_views"),
    ),
    "folders <13 digits>_<name> with up.sql and down.sql",
)
