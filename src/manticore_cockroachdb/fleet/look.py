"""How all targets stand, asked of the server in as few messages as it allows.

One tenant's history is a table in the tenant's schema, so a fleet's is a thousand tables. They are
read by one statement, a UNION ALL over those that the catalog knows. Read whole, a thousand
histories of a hundred migrations would be a hundred thousand rows to send, only to hear a thousand
times the same. So the server sends one row a target, with a *mark*: a hash of all that decides what
is to be done there. Targets with equal marks stand alike, and of each mark one is read whole.

A statement over many tables locks them all until it ends, and PostgreSQL's table of locks is finite
(``max_locks_per_transaction``); hence the chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..backfill.words import unknown
from ..migrations.choose import Recorded
from ..migrations.file import MigrationFile
from ..migrations.results import JournalRow
from ..own_tables import BACKFILLS, HISTORY, SCRIPTS, STEPS
from ..parser.quoting import literal, quote
from ..runner.bookkeeping import journal_rows
from ..runner.script_table import read_repeatable

# Connections that PostgreSQL has left for us.
FREE = (
    "SELECT current_setting('max_connections')::INT - count(*)"
    " - current_setting('superuser_reserved_connections')::INT FROM pg_catalog.pg_stat_activity"
    " WHERE backend_type = 'client backend' OR backend_type IS NULL"
)
USUAL_PATHS = ("", "public", '"$user",public', "$user,public")
CHUNK = {"postgresql": 400, "cockroachdb": 100}
_TABLES = (HISTORY, STEPS, SCRIPTS, BACKFILLS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is recorded in a target: of its migrations, of steps under way, of repeatable files."""

    rows: tuple[Recorded, ...] = ()
    journal: tuple[JournalRow, ...] = ()
    repeatable: tuple[tuple[str, str], ...] = ()


NEVER_MIGRATED = Standing()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a target found: how it stands, with the name and state of each backfill that
    is not complete where that was asked; that its place is missing; or an error."""

    standing: Standing = NEVER_MIGRATED
    backfills: tuple[tuple[str, str], ...] = ()
    missing: bool = False
    error: Exception | None = None


def check_named(
    names: Iterable[str], migrations: Iterable[MigrationFile], looks: Iterable[Look]
) -> None:
    """Raise ConfigError for a backfill that no file has, and no target is at."""
    known = {str(file.version) for file in migrations if file.backfill}
    known |= {name for look in looks for name, _ in look.backfills}
    for name in names:
        if name not in known:
            raise unknown(name, sorted(known))


def _has(name: str, there: str = "") -> str:
    """A number for each of `_TABLES`, from rows that have a table's name in a column and for which
    a condition holds."""
    return ", ".join(
        f"coalesce(sum(CASE WHEN {name} = {literal(table)}{there} THEN 1 ELSE 0 END), 0)::INT8"
        for table in _TABLES
    )


# Of CockroachDB: all databases, our tables in them, the search path.
DATABASES = (
    "SELECT datname FROM pg_catalog.pg_database;\n"
    f"SELECT database_name, {_has('name')} FROM crdb_internal.tables"
    " WHERE schema_name = 'public' AND state = 'PUBLIC'"
    f" AND name IN ({', '.join(map(literal, _TABLES))}) GROUP BY database_name;\n"
    "SHOW search_path"
)


def schemas_query(schemas: Sequence[str], *, cockroachdb: bool) -> str:
    """Which of these schemas there are for this user, and which of our tables are in each: a row a
    schema, with a number for each of `_TABLES`, 0 where it is missing. On PostgreSQL also where it
    has never had a row, as most journals: a table that need not be read takes no time and no lock.
    """
    there = "" if cockroachdb else " AND pg_relation_size(c.oid) > 0"
    wanted = ", ".join(map(literal, schemas))
    return (
        f"SELECT n.nspname, {_has('c.relname', there)} FROM pg_catalog.pg_namespace n"
        " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'"
        f" AND c.relname IN ({', '.join(map(literal, _TABLES))})"
        f" WHERE n.nspname IN ({wanted})"
        " AND has_schema_privilege(n.oid, 'USAGE')"
        " GROUP BY n.nspname"
    )


def mark_query(at: str, *, steps: bool, scripts: bool) -> str:
    """One row, the mark of the tables that are at ``at``, such as ``"tenant_a".``."""
    identity = f"{literal(at + quote(HISTORY))}::REGCLASS::OID::INT8"
    line = "version::TEXT || ' ' || coalesce(checksum, '') || ' ' || description"
    parts = [f"SELECT coalesce(string_agg({line}, '|' ORDER BY version), '') FROM {at}{HISTORY}"]
    if steps:
        line = "version::TEXT || ' ' || direction || ordinal::TEXT || hash || state"
        parts.append(
            f"SELECT coalesce(string_agg({line}, '|' ORDER BY version, direction, ordinal), '')"
            f" FROM {at}{STEPS} WHERE history = {identity}"
        )
    if scripts:
        line = "name || ' ' || coalesce(checksum, '')"
        parts.append(
            f"SELECT coalesce(string_agg({line}, '|' ORDER BY name), '') FROM {at}{SCRIPTS}"
            f" WHERE kind IN ('repeatable', 'round') AND history = {identity}"
        )
    whole = " || '||' || ".join(f"({part})" for part in parts)
    return f"SELECT md5({whole})"


def backfills_query(key: str, at: str) -> str:
    """The backfills that are not complete, with a key before name and state."""
    return (
        f"SELECT {literal(key)}, name, state FROM {at}{BACKFILLS}"
        " WHERE state <> 'complete' AND direction = 'up'"
    )


# The objects of a CockroachDB, of all databases.
OBJECTS = (
    "SELECT count(*) FROM crdb_internal.tables WHERE state = 'PUBLIC'"
    " AND database_name IS NOT NULL AND database_name <> 'system'"
)
USUAL_LIMIT = 20_000
OBJECTS_LIMIT = "SHOW CLUSTER SETTING sql.schema.approx_max_object_count"


def marks_query(selects: Mapping[str, str]) -> str:
    """A row for each of these targets, its key and its mark."""
    return " UNION ALL ".join(
        f"SELECT {literal(key)}, ({select})" for key, select in selects.items()
    )


def standing_queries(at: str, *, steps: bool, scripts: bool) -> list[str]:
    """What to read of one target to know how it stands, a statement each; see `standing_of`."""
    identity = f"{literal(at + quote(HISTORY))}::REGCLASS::OID::INT8"
    found = [
        "SELECT version, description, checksum, token, applied_at"
        f" FROM {at}{HISTORY} ORDER BY version"
    ]
    if steps:
        found.append(
            "SELECT version, direction, ordinal, hash, state, before, detail"
            f" FROM {at}{STEPS} WHERE history = {identity}"
            " ORDER BY version, direction, ordinal"
        )
    if scripts:
        found.append(read_repeatable(f"{at}{SCRIPTS}", at + quote(HISTORY)))
    return found


def standing_of(
    sets: Sequence[Sequence[tuple[object, ...]]], *, steps: bool, scripts: bool
) -> Standing:
    """How a target stands, from the rows of `standing_queries`."""
    rows = []
    for version, description, checksum, token, applied_at in sets[0]:
        assert isinstance(version, int)
        rows.append(
            Recorded(
                version,
                str(description),
                None if checksum is None else str(checksum),
                token if isinstance(token, int) else None,
                applied_at if isinstance(applied_at, datetime) else None,
            )
        )
    journal = journal_rows(list(sets[1])) if steps else []
    ran = sets[-1] if scripts else ()
    return Standing(
        tuple(rows), tuple(journal), tuple((str(name), str(checksum)) for name, checksum in ran)
    )
