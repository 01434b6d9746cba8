# Generated from async_names.py by tools/unasync.py; do not edit.
"""Who is in a fleet: the names of its targets, from wherever its configuration says."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import psycopg

from .._acompat import blocking
from ..errors import ConfigError
from ..parser.quoting import literal
from .spec import FleetSpec

if TYPE_CHECKING:
    from ..database import Database


def ask_names(database: Database, spec: FleetSpec, where: str) -> list[str]:
    """The names of a fleet's targets, in order. Raises ConfigError, ConnectionFailed."""
    if spec.names is not None:
        return list(spec.names)
    if spec.command is not None:
        return blocking(_of_command, spec.command, where)
    query = spec.query
    if spec.schemas is not None:
        query = schemas_like(spec.schemas)
    if spec.databases is not None:
        query = databases_like(spec.databases)
    assert query is not None
    return _of_query(database, query, where)


def _of_query(database: Database, query: str, where: str) -> list[str]:
    with database.dedicated() as connection:
        try:
            # Asking who is there changes nothing, whatever stands in the query by mistake.
            connection.execute("SET default_transaction_read_only = on")
            cursor = connection.execute(query.encode())
            rows = cursor.fetchall() if cursor.description else None
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            raise ConfigError(
                f"The query of {where} fails: {error.diag.message_primary or error}.",
                hint="it is asked of the configured url, and may only read; nobody was migrated",
            ) from error
    if rows is None:
        raise ConfigError(
            f"The query of {where} returns no rows, nor could it.",
            hint='write for example query = "SELECT name FROM tenants ORDER BY name"',
        )
    if any(row[0] is None for row in rows):
        raise ConfigError(
            f"The query of {where} returns a NULL for a name.",
            hint="its first column is the name of a target; add WHERE … IS NOT NULL",
        )
    return [str(row[0]) for row in rows]


def _of_command(command: str, where: str) -> list[str]:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, check=False)
        lines = done.stdout.decode("utf-8").splitlines()
    except ValueError as error:  # an open quote, or what is not UTF-8
        raise ConfigError(f"The command of {where} cannot be used: {error}.") from error
    except OSError as error:
        raise ConfigError(
            f"The command of {where} cannot be started: {error.strerror}.",
            hint="it is started as it stands, without a shell; sh -c '…' has one",
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConfigError(
            f"The command of {where} ended with {done.returncode}"
            f"{f': {said[-1]}' if said else ''}.",
            hint="what it had printed by then may not be everybody, so nobody was migrated",
        )
    return [line.strip() for line in lines if line.strip()]


def schemas_like(pattern: str) -> str:
    """The schemas whose names match a pattern with ``*`` and ``?``, but for the server's own."""
    return (
        f"SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE {_like(pattern)}"
        " AND nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'crdb_internal')"
        " ORDER BY nspname"
    )


def databases_like(pattern: str) -> str:
    """The databases whose names match a pattern, but for templates."""
    return (
        f"SELECT datname FROM pg_catalog.pg_database WHERE datname LIKE {_like(pattern)}"
        " AND NOT datistemplate AND datallowconn ORDER BY datname"
    )


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return literal(escaped.replace("*", "%").replace("?", "_"))
