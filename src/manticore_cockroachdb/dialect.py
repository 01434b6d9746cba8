"""What a server can do, decided from its engine and version alone.

One table, `STEPS`: each row says from which version on which capability holds, and where that
is documented. `capabilities` folds the rows up to a server's version into one frozen value, and
that value is all the planner, the linter and the executor ever ask. No other module compares
version numbers.

CockroachDB announces itself in the `crdb_version` parameter status that it sends when a session
starts; behind a pooler that hides it, `SELECT version()` says the same. `server_version` is the
PostgreSQL version that CockroachDB emulates and says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from .errors import ConfigError

Engine = Literal["cockroachdb", "postgresql"]
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Server:
    """Which server this is: the engine and its (major, minor) version."""

    engine: Engine
    version: Version

    def __str__(self) -> str:
        name = "CockroachDB" if self.engine == "cockroachdb" else "PostgreSQL"
        if self.engine == "postgresql" and self.version[1] == 0:
            return f"{name} {self.version[0]}"
        return f"{name} {self.version[0]}.{self.version[1]}"


LONGEST_NAME = 63
"""Bytes that PostgreSQL keeps of a name. CockroachDB cuts none."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the planner may rely on. Each field is a promise of the server, or its absence."""

    engine: Engine
    longest_name: int | None = None
    """Bytes that are kept of a name, the rest being cut off; None: all of them."""
    transactional_ddl: bool = False
    """Every schema change commits and rolls back with its transaction."""
    ddl_after_write: bool = True
    """A schema change may follow a write in the same transaction."""
    session_options: bool = True
    """`SET app.environment = …`: session settings with a dot in their name."""
    autocommit_before_ddl: bool = False
    """Knows the setting that commits an open transaction before a schema change."""
    commits_before_ddl: bool = False
    """Has that setting on unless a session turns it off."""
    transaction_timeout: bool = False
    """Knows the setting that ends a transaction after a time."""
    schema_locked: bool = False
    """New tables are `schema_locked`: no schema change on them inside a transaction."""
    do_blocks: bool = True
    """Has `DO $$ … $$`."""
    ddl_in_do: bool = True
    """`DO` blocks may hold schema changes."""
    functions: bool = True
    """Has user-defined functions."""
    plpgsql: bool = True
    """Functions may be written in PL/pgSQL."""
    explain_ddl_shape: bool = False
    """Has `EXPLAIN (DDL, SHAPE)`, which lists backfills and validations."""
    rows_read_guard: bool = False
    """Knows the setting that ends a transaction which reads too many rows."""
    follower_reads: bool = False
    """Has `follower_read_timestamp()` without a licence of its own."""
    cursors: bool = True
    """Has `DECLARE … CURSOR`."""
    advisory_locks: bool = True
    """`pg_advisory_lock` locks something."""
    advisory_xact_locks: bool = True
    """`pg_advisory_xact_lock` locks something."""
    unsafe_internals_blocked: bool = False
    """`crdb_internal` and `system` are denied unless a session asks."""
    drop_constraint_unique: bool = True
    """`DROP CONSTRAINT` works on UNIQUE constraints."""
    triggers: bool = True
    """Has triggers."""
    domains: bool = True
    """Has `CREATE DOMAIN`."""
    table_ddl_in_procedures: bool = True
    """Procedures, but not functions or `DO`, may create and drop tables."""
    quality_of_service: bool = False
    """A session may ask for its work to come after that of others."""
    limits_objects: bool = False
    """Creates nothing more beyond `sql.schema.approx_max_object_count`, 20,000 by default."""


@dataclass(frozen=True, slots=True)
class Since:
    """From `version` on, `changes` hold. `source` names where that is documented."""

    engine: Engine
    version: Version
    changes: tuple[tuple[str, bool], ...]
    source: str


def _since(engine: Engine, version: Version, source: str, **changes: bool) -> Since:
    return Since(engine, version, tuple(changes.items()), source)


_OLDEST: dict[Engine, Capabilities] = {
    "postgresql": Capabilities("postgresql", longest_name=LONGEST_NAME, transactional_ddl=True),
    # The oldest CockroachDB we know how to treat, v20.2; everything it lacks is False.
    "cockroachdb": Capabilities(
        "cockroachdb",
        ddl_after_write=False,
        session_options=False,
        do_blocks=False,
        ddl_in_do=False,
        functions=False,
        plpgsql=False,
        cursors=False,
        advisory_locks=False,
        drop_constraint_unique=False,
        advisory_xact_locks=False,
        triggers=False,
        domains=False,
        table_ddl_in_procedures=False,
    ),
}

STEPS: tuple[Since, ...] = (
    _since(
        "postgresql",
        (17, 0),
        "release notes 17: transaction_timeout",
        transaction_timeout=True,
    ),
    _since(
        "cockroachdb",
        (21, 2),
        "release notes v21.2.0: transaction_rows_read_err",
        rows_read_guard=True,
    ),
    _since(
        "cockroachdb",
        (22, 1),
        "release notes v22.1.0: custom session options, default_transaction_quality_of_service,"
        " SQL cursors",
        session_options=True,
        quality_of_service=True,
        cursors=True,
    ),
    _since(
        "cockroachdb",
        (22, 2),
        "release notes v22.2.0: CREATE FUNCTION; schema changes no longer anchored to the system"
        " config range",
        functions=True,
        ddl_after_write=True,
    ),
    _since(
        "cockroachdb",
        (23, 1),
        "release notes v23.1.0: transaction_timeout",
        transaction_timeout=True,
    ),
    _since(
        "cockroachdb",
        (23, 2),
        "release notes v23.2.0: PL/pgSQL, EXPLAIN (DDL, SHAPE)",
        plpgsql=True,
        explain_ddl_shape=True,
    ),
    _since(
        "cockroachdb",
        (24, 1),
        "release notes v24.1.0-alpha.1: autocommit_before_ddl exists, off",
        autocommit_before_ddl=True,
    ),
    _since(
        "cockroachdb",
        (24, 3),
        "release notes v24.3: triggers; one edition, so follower reads for all",
        follower_reads=True,
        triggers=True,
    ),
    _since(
        "cockroachdb",
        (25, 1),
        "release notes v25.1, backward-incompatible: autocommit_before_ddl on; DO",
        commits_before_ddl=True,
        do_blocks=True,
    ),
    _since(
        "cockroachdb",
        (25, 4),
        "release notes v25.4.0-alpha.1: sql.schema.approx_max_object_count",
        limits_objects=True,
    ),
    _since(
        "cockroachdb",
        (26, 1),
        "release notes v26.1, backward-incompatible: schema_locked tables,"
        " allow_unsafe_internals off",
        schema_locked=True,
        unsafe_internals_blocked=True,
    ),
    _since(
        "cockroachdb",
        (26, 2),
        "measured by third parties on v26.2.5: DROP CONSTRAINT accepts UNIQUE",
        drop_constraint_unique=True,
    ),
    _since(
        "cockroachdb",
        (26, 3),
        "pull requests 168353 (advisory locks), 168464 (tables in procedures); CREATE DOMAIN",
        advisory_xact_locks=True,
        domains=True,
        table_ddl_in_procedures=True,
    ),
)


def capabilities(server: Server) -> Capabilities:
    """What `server` can do: the rows of `STEPS` up to its version, folded."""
    found = _OLDEST[server.engine]
    for step in STEPS:
        if step.engine == server.engine and step.version <= server.version:
            changes: dict[str, Any] = dict(step.changes)
            found = replace(found, **changes)
    return found


def server_of(crdb_version: str | None, server_version: int) -> Server:
    """The server behind a session, from what it announced when the session started.

    `crdb_version` is CockroachDB's own parameter status (or its `version()`), None elsewhere;
    `server_version` is libpq's number, for example 180001 for PostgreSQL 18.1.
    """
    if crdb_version is not None:
        found = re.search(r"\bv(\d+)\.(\d+)", crdb_version)
        return Server("cockroachdb", (int(found[1]), int(found[2])) if found else (20, 2))
    return Server("postgresql", (server_version // 10000, server_version % 10000))


def parse_target(text: str) -> Server:
    """The server named by `cockroachdb:25.4`, `crdb:25.4`, `postgresql:17` or a bare engine.

    A bare engine means the newest version known here. Raises ConfigError for anything else.
    """
    name, _, version = text.strip().lower().partition(":")
    engines: dict[str, Engine] = {
        "cockroachdb": "cockroachdb",
        "cockroach": "cockroachdb",
        "crdb": "cockroachdb",
        "postgresql": "postgresql",
        "postgres": "postgresql",
        "pg": "postgresql",
    }
    newest: dict[Engine, Version] = {"cockroachdb": (26, 3), "postgresql": (18, 0)}
    engine = engines.get(name)
    found = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.\d+)?", version)
    if engine is None or (version and not found):
        raise ConfigError(
            f"{text!r} names no server version.",
            hint="write for example cockroachdb:25.4 or postgresql:17",
        )
    if not found:
        return Server(engine, newest[engine])
    return Server(engine, (int(found[1]), int(found[2] or 0)))
