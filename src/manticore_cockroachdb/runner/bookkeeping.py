"""The SQL of our own four tables, as text, and nothing that runs it.

=======================  =========================================================================
``_migrations``          the history: one row for each applied migration. Users read and delete
                         rows by hand, so its first three columns never change meaning
``_migrations_lease``    one row: who may migrate, under which fencing token, until when
``_migrations_steps``    the journal of migrations that run step by step
``_migrations_attempts`` failed attempts, kept
=======================  =========================================================================

Everything is written as literals into the message that carries it, since one message without
parameters is one round trip for any number of statements. Every text goes through `literal`.

The fence: `Tables.fence` is a SELECT that fails with division by zero (22012) once the token is
no longer ours. It stands before each write, in the same transaction. On PostgreSQL it takes the
lease row FOR KEY SHARE: a heartbeat, which changes no key, passes it; a takeover, which changes
the unique token, waits until our transaction has ended. On CockroachDB, SERIALIZABLE alone makes
it exact. `steps.history` holds the identity of the history table, so that a journal does not
outlive a `_migrations` that somebody dropped to start again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..own_tables import ATTEMPTS, HISTORY, LEASE, STEPS, OwnTables
from ..parser.quoting import literal, nullable

if TYPE_CHECKING:
    from datetime import datetime

    from ..migrations.file import MigrationFile
    from ..migrations.results import JournalRow

APPLIED_COLUMNS = "version, description, checksum"
# With what says in which order they were applied.
ORDERED_COLUMNS = f"{APPLIED_COLUMNS}, token, applied_at"
HISTORY_COLUMNS = (
    "version, description, applied_at, checksum, mode, duration_ms, applied_by, applied_from, token"
)
LEGACY_COLUMNS = "version, description, applied_at"
# Columns that 0.3.1 had not; all may be NULL.
ADDED = (
    ("checksum", "TEXT"),
    ("undo", "TEXT"),
    ("mode", "TEXT"),
    ("duration_ms", "INT8"),
    ("applied_by", "TEXT"),
    ("applied_from", "TEXT"),
    ("token", "INT8"),
)
# What each session of ours asks first; nobody else does in these words.
WHERE_WE_ARE = "SELECT version(), current_schemas(false)"
# Asked only where the search path has several schemas: the history may be in any of them.
SCHEMAS_WITH_HISTORY = (
    "SELECT n.nspname FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE c.relname = {literal(HISTORY)} AND n.nspname = ANY (current_schemas(false))"
)
# How long the transaction has taken so far, for a write that is asked to return it. On PostgreSQL
# the transactions of one message have one timestamp, which `StartTransaction` takes from it.
RETURNING_SECONDS = (
    " RETURNING EXTRACT(EPOCH FROM clock_timestamp() - transaction_timestamp())::FLOAT8"
)


def _number(value: int | None) -> str:
    return "NULL" if value is None else str(int(value))


def _kept(undo: str | None) -> str | None:
    """What is stored of an undo part: all of it, or nothing if it holds a password."""
    from ..parser.secrets import without_secrets  # a run that has nothing to do keeps nothing

    return undo if undo is None or without_secrets(undo) == undo else None


@dataclass(frozen=True, slots=True)
class Carried:
    """A migration that another tool has applied: when and by whom, None where nobody knows."""

    file: MigrationFile
    at: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Tables(OwnTables):
    """SQL for the tables in `schema` of a server of the given engine."""

    def create(self) -> str:
        """Make what is missing. Safe to run again, and by several runners at once."""
        added = ", ".join(f"{name} {kind}" for name, kind in ADDED)
        return ";\n".join(
            (
                f"CREATE TABLE IF NOT EXISTS {self.name(HISTORY)} (version INT8 PRIMARY KEY,"
                " description TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),"
                f" {added})",
                f"CREATE TABLE IF NOT EXISTS {self.name(LEASE)} (id INT8 PRIMARY KEY,"
                " token INT8 NOT NULL UNIQUE, owner TEXT, session TEXT, previous_owner TEXT,"
                " previous_session TEXT, acquired_at TIMESTAMPTZ, expires_at TIMESTAMPTZ)",
                f"CREATE TABLE IF NOT EXISTS {self.name(STEPS)} (version INT8, direction TEXT,"
                " ordinal INT8, hash TEXT NOT NULL, state TEXT NOT NULL, before TEXT,"
                " detail TEXT, token INT8 NOT NULL, history INT8 NOT NULL,"
                " started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),"
                " finished_at TIMESTAMPTZ, PRIMARY KEY (version, direction, ordinal))",
                f"CREATE TABLE IF NOT EXISTS {self.name(ATTEMPTS)} (version INT8,"
                " direction TEXT, failed_at TIMESTAMPTZ DEFAULT clock_timestamp(), token INT8,"
                " duration_ms INT8, attempted_by TEXT, attempted_from TEXT, statement TEXT,"
                " sqlstate TEXT, message TEXT, outcome TEXT,"
                " PRIMARY KEY (version, failed_at, token))",
                f"INSERT INTO {self.name(LEASE)} (id, token) VALUES (1, 0)"
                " ON CONFLICT (id) DO NOTHING",
            )
        )

    def upgrade(self) -> tuple[str, ...]:
        """Statements that take over a table left by 0.3.1, each on its own, each repeatable."""
        history = self.name(HISTORY)
        widen: tuple[str, ...] = ()
        if not self.cockroachdb:  # there INTEGER already has 64 bits
            widen = (f"ALTER TABLE {history} ALTER COLUMN version TYPE INT8",)
        return widen + tuple(
            f"ALTER TABLE {history} ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in ADDED
        )

    # --- history ---------------------------------------------------------------------------

    def read_history(self, columns: str) -> str:
        """Every applied migration, in order of version."""
        return f"SELECT {columns} FROM {self.name(HISTORY)} ORDER BY version"

    def read_undo(self, versions: tuple[int, ...]) -> str:
        """The stored undo of some versions."""
        chosen = ", ".join(str(int(v)) for v in versions) or "NULL"
        return f"SELECT version, undo FROM {self.name(HISTORY)} WHERE version IN ({chosen})"

    def history_row(
        self,
        *,
        version: int,
        description: str,
        checksum: str | None,
        undo: str | None,
        mode: str,
        host: str,
        token: int | None,
        after: int | None = None,
    ) -> str:
        """One row of VALUES that says that a migration is applied.

        Its duration is the transaction's, by server time; for a migration in steps it is the
        time since its first step began. `after` is the migration before it in the same message:
        on PostgreSQL, where all have the message's timestamp, the duration counts from when that
        one was recorded.
        """
        since = "transaction_timestamp()"
        if after is not None and not self.cockroachdb:
            since = f"(SELECT applied_at FROM {self.name(HISTORY)} WHERE version = {int(after)})"
        if mode in ("steps", "backfill"):
            since = (
                f"(SELECT min(started_at) FROM {self.name(STEPS)} WHERE version = {int(version)}"
                " AND direction = 'up')"
            )
        duration = f"(EXTRACT(EPOCH FROM clock_timestamp() - {since}) * 1000)::INT8"
        if mode in ("baseline", "repaired"):
            duration = "NULL"
        return (
            f"({int(version)}, {literal(description)}, clock_timestamp(), {nullable(checksum)},"
            f" {nullable(_kept(undo))}, {literal(mode)}, {duration}, current_user, {literal(host)},"
            f" {_number(token)})"
        )

    def carried_row(self, one: Carried, host: str, token: int | None) -> str:
        """One row of VALUES for what another tool has applied, with its time and its user."""
        file = one.file
        at = "clock_timestamp()"
        if one.at is not None:
            at = f"{literal(one.at.isoformat())}::TIMESTAMPTZ"
        return (
            f"({int(file.version)}, {literal(file.description)}, {at}, {nullable(file.checksum)},"
            f" {nullable(_kept(file.stored_undo))}, 'imported', NULL, {nullable(one.by)},"
            f" {literal(host)},"
            f" {_number(token)})"
        )

    def insert_history(self, *rows: str) -> str:
        """Record migrations as applied; `rows` are made by `history_row`."""
        return (
            f"INSERT INTO {self.name(HISTORY)} (version, description, applied_at, checksum, undo,"
            f" mode, duration_ms, applied_by, applied_from, token) VALUES {', '.join(rows)}"
        )

    def delete_history(self, version: int, *squashed: int) -> str:
        """Forget that a migration is applied, and those that it squashed."""
        chosen = ", ".join(str(int(v)) for v in (version, *squashed))
        return f"DELETE FROM {self.name(HISTORY)} WHERE version IN ({chosen})"

    def set_checksum(self, version: int, checksum: str, undo: str | None) -> str:
        """Accept a file as it is now for an applied migration."""
        return (
            f"UPDATE {self.name(HISTORY)} SET checksum = {literal(checksum)},"
            f" undo = {nullable(_kept(undo))} WHERE version = {int(version)}"
        )

    # --- lease -----------------------------------------------------------------------------

    def acquire(self, owner: str, session: str, ttl: float, *, dead: str | None = None) -> str:
        """Take the lease when it is free, expired or ours, or belongs to an owner that is known to
        be `dead`: one row with the new token, or none.

        Who holds it already gets a new token, so that whatever of ours may still be
        running under the old one is fenced off. The one whom we took it from stays on record
        then, since the answer that told us may have been lost.
        """
        ours = f"CASE WHEN owner = {literal(owner)} THEN"
        return (
            f"UPDATE {self.name(LEASE)}"
            f" SET previous_owner = {ours} previous_owner ELSE owner END,"
            f" previous_session = {ours} previous_session ELSE session END,"
            f" owner = {literal(owner)}, session = {literal(session)}, token = token + 1,"
            f" acquired_at = clock_timestamp(), expires_at = {self._expiry(ttl)}"
            f" WHERE id = 1 AND (owner IS NULL OR expires_at < clock_timestamp()"
            f" OR owner IN ({', '.join(map(literal, filter(None, (owner, dead))))}))"
            " RETURNING token, previous_owner, previous_session"
        )

    def renew(self, token: int, ttl: float) -> str:
        """The heartbeat: one row while the token is ours, none once it is not."""
        return (
            f"UPDATE {self.name(LEASE)} SET expires_at = {self._expiry(ttl)}"
            f" WHERE id = 1 AND token = {int(token)} AND owner IS NOT NULL RETURNING token"
        )

    def release(self, owner: str) -> str:
        """Give the lease back; does nothing when it is not ours.

        By owner, which no two runs share: one that is interrupted while it takes the lease does
        not know its token yet.
        """
        return (
            f"UPDATE {self.name(LEASE)} SET owner = NULL, session = NULL, expires_at = NULL"
            f" WHERE id = 1 AND owner = {literal(owner)}"
        )

    def break_lease(self) -> str:
        """Take the lease from whoever holds it: the token moves on, so the holder is fenced."""
        return (
            f"UPDATE {self.name(LEASE)} SET previous_owner = owner, previous_session = session,"
            " owner = NULL, session = NULL, token = token + 1, expires_at = NULL"
            " WHERE id = 1 AND owner IS NOT NULL RETURNING previous_owner, previous_session"
        )

    def read_lease(self) -> str:
        """Who holds the lease and for how many more seconds."""
        return (
            "SELECT owner, token, session, acquired_at,"
            " EXTRACT(EPOCH FROM expires_at - clock_timestamp())::FLOAT8"
            f" FROM {self.name(LEASE)} WHERE id = 1"
        )

    def fence(self, token: int) -> str:
        """Fails with 22012 unless `token` is the current one; see the head of this module."""
        lock = "" if self.cockroachdb else " FOR KEY SHARE"
        return (
            f"SELECT 1 / count(*) FROM (SELECT id FROM {self.name(LEASE)}"
            f" WHERE id = 1 AND token = {int(token)}{lock}) AS f"
        )

    def _expiry(self, ttl: float) -> str:
        return f"clock_timestamp() + INTERVAL '{int(ttl * 1000)} milliseconds'"

    # --- journal ---------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        return f"{literal(self.name(HISTORY))}::REGCLASS::OID::INT8"

    def read_steps(self) -> str:
        """The journal of this history table."""
        return (
            "SELECT version, direction, ordinal, hash, state, before, detail"
            f" FROM {self.name(STEPS)} WHERE history = {self.identity}"
            " ORDER BY version, direction, ordinal"
        )

    def start_step(
        self,
        version: int,
        direction: str,
        ordinal: int,
        hash: str,
        before: str | None,
        token: int,
    ) -> str:
        """Journal that a step begins, and with it what the expression `before` gives just then."""
        reading = before or "''"
        return self._write_step(version, direction, ordinal, hash, "started", reading, token)

    def finish_step(
        self, version: int, direction: str, ordinal: int, hash: str, token: int, detail: str | None
    ) -> str:
        """Journal that a step is done."""
        return self._write_step(
            version, direction, ordinal, hash, "done", None, token, detail=detail
        )

    def fail_step(
        self,
        version: int,
        direction: str,
        ordinal: int,
        hash: str,
        token: int,
        state: str,
        detail: str,
    ) -> str:
        """Journal that a step ended badly: `failed` and without effect, or `stuck`."""
        return self._write_step(
            version, direction, ordinal, hash, state, None, token, detail=detail
        )

    def _write_step(
        self,
        version: int,
        direction: str,
        ordinal: int,
        hash: str,
        state: str,
        before: str | None,
        token: int,
        *,
        detail: str | None = None,
    ) -> str:
        finished = "NULL" if state == "started" else "clock_timestamp()"
        first = ""
        if before is not None and self.cockroachdb:
            # v20.2 cannot read a virtual table inside a write that may conflict: "locking cannot
            # be used with virtual table" (internal error), so it is read before.
            first, before = (
                f"WITH b AS MATERIALIZED (SELECT {before} AS now) ",
                "(SELECT now FROM b)",
            )
        keep = "" if before is None else ", before = excluded.before"
        return (
            f"{first}INSERT INTO {self.name(STEPS)} (version, direction, ordinal, hash, state,"
            " before, detail, token, history, finished_at) VALUES"
            f" ({int(version)}, {literal(direction)}, {int(ordinal)}, {literal(hash)},"
            f" {literal(state)}, {before or 'NULL'}, {nullable(detail)}, {int(token)},"
            f" {self.identity}, {finished})"
            " ON CONFLICT (version, direction, ordinal) DO UPDATE SET hash = excluded.hash,"
            f" state = excluded.state{keep}, detail = excluded.detail, token = excluded.token,"
            " history = excluded.history, finished_at = excluded.finished_at"
        )

    def forget_unsent(self, version: int, direction: str, owner: str, token: int) -> str:
        """Take back that a migration's first step has begun, whose statement was never sent.

        Only what this token wrote, and only while `owner` has the lease: whoever comes after
        reads the journal, and acts on what it says.
        """
        return (
            f"DELETE FROM {self.name(STEPS)} WHERE version = {int(version)}"
            f" AND direction = {literal(direction)} AND ordinal = 0 AND state = 'started'"
            f" AND token = {int(token)} AND EXISTS (SELECT 1 FROM {self.name(LEASE)}"
            f" WHERE id = 1 AND owner = {literal(owner)})"
        )

    def clear_steps(self, version: int) -> str:
        """Forget the journal of one migration, because its history row now says everything."""
        return f"DELETE FROM {self.name(STEPS)} WHERE version = {int(version)}"

    # --- attempts --------------------------------------------------------------------------

    def insert_attempt(
        self,
        *,
        version: int,
        direction: str,
        token: int,
        seconds: float,
        host: str,
        statement: str | None,
        sqlstate: str | None,
        message: str,
        outcome: str,
    ) -> str:
        """Keep a failed attempt."""
        return (
            f"INSERT INTO {self.name(ATTEMPTS)} (version, direction, token, duration_ms,"
            " attempted_by, attempted_from, statement, sqlstate, message, outcome) VALUES"
            f" ({int(version)}, {literal(direction)}, {int(token)}, {int(seconds * 1000)},"
            f" current_user, {literal(host)}, {nullable(statement)}, {nullable(sqlstate)},"
            f" {literal(message)}, {literal(outcome)})"
        )

    def read_attempts(self) -> str:
        """Failed attempts, newest first."""
        return (
            "SELECT version, direction, failed_at, duration_ms, attempted_by, attempted_from,"
            f" statement, sqlstate, message, outcome FROM {self.name(ATTEMPTS)}"
            " ORDER BY failed_at DESC"
        )


def journal_rows(rows: list[tuple[Any, ...]]) -> list[JournalRow]:
    """The journal, from the rows of `Tables.read_steps`."""
    if not rows:  # what reads them is not needed where there are none
        return []
    from ..analysis.catalog_probe import split_before
    from ..migrations.results import JournalRow

    return [
        JournalRow(int(v), d, int(o), h, s, split_before(b), detail)
        for v, d, o, h, s, b, detail in rows
    ]
