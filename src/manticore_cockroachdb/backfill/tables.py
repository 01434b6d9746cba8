"""The SQL of a backfill's tables, as text, and nothing that runs it.

==================================  ==============================================================
``_migrations_backfills``           one row for each backfill: what it is, and what people want of
                                    it (`state`)
``_migrations_backfill_ranges``     its ranges: cursor, holder, fencing token, what has been done
``_migrations_backfill_failures``   rows that could not be changed
==================================  ==============================================================

They are made when the first backfill is registered, so that nobody else pays for them. Everything
is written as literals, for the reason that `runner.bookkeeping` gives.

`run` names one going through a table from beginning to end: ranges belong to it and not to the
backfill's name, so that a worker that comes back after a rollback finds nothing to write to. A
range's token only grows. `move` is fence and checkpoint in one: it changes one row or divides by
zero (22012), which takes the batch before it back. On PostgreSQL a raise of the token waits for a
transaction that has moved the cursor and not ended; on CockroachDB SERIALIZABLE makes one of them
fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..own_tables import BACKFILLS, FAILURES, HISTORY, RANGES, OwnTables
from ..parser.quoting import literal, nullable, quote
from ..runner.bookkeeping import WHERE_WE_ARE
from .keys import Key, encode
from .machine import Held

WORKERS = "manticore backfill"
"""The `application_name` of a worker's session on CockroachDB."""

_HELD = "id, token, cursor, hi, size"


@dataclass(frozen=True, slots=True)
class BackfillTables(OwnTables):
    """SQL for the tables in `schema` of a server of the given engine."""

    def create(self) -> str:
        """Make what is missing. Safe to run again, and by several at once.

        The table that everybody asks after comes last: where it is there, so are the others, even
        if somebody dies in the middle on CockroachDB, which covers no two by a transaction.
        """
        return ";\n".join(
            (
                f"CREATE TABLE IF NOT EXISTS {self.name(RANGES)} (run TEXT, id INT8,"
                " done BOOL NOT NULL DEFAULT false, lo TEXT, hi TEXT, cursor TEXT,"
                " rows INT8 NOT NULL DEFAULT 0, batches INT8 NOT NULL DEFAULT 0,"
                " seconds FLOAT8 NOT NULL DEFAULT 0, size INT8 NOT NULL DEFAULT 0, owner TEXT,"
                " session TEXT, token INT8 NOT NULL DEFAULT 0, expires_at TIMESTAMPTZ,"
                " started_at TIMESTAMPTZ, changed_at TIMESTAMPTZ,"
                " PRIMARY KEY (run, id))",
                f"CREATE INDEX IF NOT EXISTS {quote(RANGES + '_open')} ON"
                f" {self.name(RANGES)} (run, done, id)",
                f"CREATE TABLE IF NOT EXISTS {self.name(FAILURES)} (run TEXT, key TEXT,"
                " sqlstate TEXT, message TEXT, failed_at TIMESTAMPTZ DEFAULT clock_timestamp(),"
                " PRIMARY KEY (run, key))",
                f"CREATE TABLE IF NOT EXISTS {self.name(BACKFILLS)} (name TEXT PRIMARY KEY,"
                " run TEXT NOT NULL UNIQUE, version INT8, direction TEXT NOT NULL,"
                " relation TEXT NOT NULL, key_columns TEXT NOT NULL, meaning TEXT NOT NULL,"
                " background BOOL NOT NULL, state TEXT NOT NULL, note TEXT, estimate INT8,"
                " wanted INT8 NOT NULL DEFAULT 0, created_by TEXT NOT NULL DEFAULT current_user,"
                " created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),"
                " changed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),"
                " finished_at TIMESTAMPTZ)",
            )
        )

    # --- beginning -------------------------------------------------------------------------

    def forget(self, name: str) -> tuple[str, ...]:
        """Forget an earlier run of a backfill of this name; three statements."""
        runs = f"(SELECT run FROM {self.name(BACKFILLS)} WHERE name = {literal(name)})"
        return (
            f"DELETE FROM {self.name(RANGES)} WHERE run IN {runs}",
            f"DELETE FROM {self.name(FAILURES)} WHERE run IN {runs}",
            f"DELETE FROM {self.name(BACKFILLS)} WHERE name = {literal(name)}",
        )

    def register(
        self,
        name: str,
        run: str,
        *,
        version: int | None,
        direction: str,
        relation: str,
        key: Sequence[str],
        meaning: str,
        background: bool,
        state: str,
        estimate: int | None,
    ) -> str:
        """Note a backfill."""
        return (
            f"INSERT INTO {self.name(BACKFILLS)} (name, run, version, direction, relation,"
            " key_columns, meaning, background, state, estimate) VALUES"
            f" ({literal(name)}, {literal(run)}, {'NULL' if version is None else int(version)},"
            f" {literal(direction)}, {literal(relation)}, {nullable(encode(tuple(key)))},"
            f" {literal(meaning)}, {'true' if background else 'false'}, {literal(state)},"
            f" {'NULL' if estimate is None else int(estimate)})"
        )

    def add_ranges(
        self,
        run: str,
        bounds: Iterable[tuple[int, Key | None, Key | None]],
        first: tuple[str, str, float] | None = None,
    ) -> str:
        """Note ranges: an id, the key before the first and the last key (None: no bound).

        The first one of them belongs to `first`, a worker, its session and seconds of lease.
        """
        rows: list[str] = []
        for id, lo, hi in bounds:
            holder = "NULL, NULL, 0, NULL"
            if first is not None and not rows:
                owner, session, ttl = first
                holder = f"{literal(owner)}, {literal(session)}, 1, {_in(ttl)}"
            rows.append(
                f"({literal(run)}, {int(id)}, {nullable(encode(lo))}, {nullable(encode(hi))},"
                f" {nullable(encode(lo))}, {holder}, clock_timestamp())"
            )
        return (
            f"INSERT INTO {self.name(RANGES)} (run, id, lo, hi, cursor, owner, session, token,"
            f" expires_at, changed_at) VALUES {', '.join(rows)}"
        )

    def read(self, name: str) -> str:
        """What is noted of a backfill: `job.Noted`."""
        return (
            "SELECT name, run, version, direction, relation, key_columns, meaning, background,"
            f" state, note, estimate FROM {self.name(BACKFILLS)} WHERE name = {literal(name)}"
        )

    # --- ranges ----------------------------------------------------------------------------

    def take(self, run: str, owner: str, session: str, ttl: float, gone: Sequence[str]) -> str:
        """Take a range: `id, token, cursor, hi, size`, or no row.

        One that we hold already is given again under a new token, since the answer may have been
        lost that told us.
        """
        mine = f"owner = {literal(owner)}"
        free = ["owner IS NULL", mine, "expires_at < clock_timestamp()"]
        if gone:
            free.append(f"session IN ({', '.join(map(literal, gone))})")
        skip = "" if self.cockroachdb else " FOR UPDATE SKIP LOCKED"
        chosen = (
            f"SELECT id FROM {self.name(RANGES)} WHERE run = {literal(run)} AND NOT done"
            f" AND ({' OR '.join(free)}) ORDER BY id LIMIT 1{skip}"
        )
        return (
            f"UPDATE {self.name(RANGES)} SET owner = {literal(owner)},"
            f" session = {literal(session)}, token = token + 1, expires_at = {_in(ttl)},"
            " started_at = coalesce(started_at, clock_timestamp()),"
            f" changed_at = clock_timestamp() WHERE run = {literal(run)} AND NOT done"
            f" AND id = ({chosen}) RETURNING {_HELD}"
        )

    def gone(self, run: str) -> str:
        """The sessions that hold ranges and are no more, as far as this user can see.

        That somebody holds a range only keeps others from trying; so it does no harm if a session
        is there and not seen. A holder that was heard of a moment ago counts as there.
        """
        held = (
            f"SELECT DISTINCT r.session FROM {self.name(RANGES)} r WHERE r.run = {literal(run)}"
            " AND NOT r.done AND r.session IS NOT NULL"
            " AND r.changed_at < clock_timestamp() - INTERVAL '500 milliseconds'"
        )
        if self.cockroachdb:
            return f"{held} AND r.session NOT IN (SELECT session_id FROM [SHOW SESSIONS])"
        return (
            f"{held} AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity a"
            " WHERE a.pid::TEXT = split_part(r.session, ':', 1) AND (a.backend_start IS NULL"
            " OR EXTRACT(EPOCH FROM a.backend_start)::TEXT = split_part(r.session, ':', 2)))"
        )

    def reclaim(self, run: str, id: int, owner: str, token: int, session: str, ttl: float) -> str:
        """Raise the token of a range that is still ours; as `take`."""
        return (
            f"UPDATE {self.name(RANGES)} SET session = {literal(session)}, token = token + 1,"
            f" expires_at = {_in(ttl)}, changed_at = clock_timestamp()"
            f" WHERE run = {literal(run)} AND id = {int(id)} AND NOT done"
            f" AND owner = {literal(owner)} AND token >= {int(token)} RETURNING {_HELD}"
        )

    def move(
        self,
        run: str,
        id: int,
        token: int,
        before: Key | None,
        upto: Key | None,
        *,
        rows: int,
        seconds: float,
        size: int,
        ttl: float,
    ) -> str:
        """Move the cursor of a range that is ours, or fail with 22012.

        `upto` None: the range is done. `seconds` are those of the batch before.
        """
        if upto is None:
            change = "cursor = hi, done = true, owner = NULL, session = NULL, expires_at = NULL"
        else:
            change = f"cursor = {nullable(encode(upto))}, expires_at = {_in(ttl)}"
        was = "IS NULL" if before is None else f"= {nullable(encode(before))}"
        return (
            f"WITH moved AS (UPDATE {self.name(RANGES)} SET {change}, rows = rows + {int(rows)},"
            f" batches = batches + 1, seconds = {seconds:.6f}, size = {int(size)},"
            f" changed_at = clock_timestamp() WHERE run = {literal(run)} AND id = {int(id)}"
            f" AND token = {int(token)} AND NOT done AND cursor {was} RETURNING 1)"
            " SELECT 1 / count(*) FROM moved"
        )

    def waiting(self) -> str:
        """PostgreSQL: how many wait for a row that this transaction has locked."""
        return (
            "SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted"
            " AND locktype = 'transactionid' AND transactionid::TEXT ="
            " (pg_catalog.txid_current() & 4294967295)::TEXT"
        )

    def others(self, within: float) -> str:
        """How many others are at work on the database: nobody who has to do with migrations.

        PostgreSQL: who did something `within` so many seconds, or may have where this user is not
        told. CockroachDB does not say when a session did something, so who does now, on this node,
        as far as this user is told.
        """
        if self.cockroachdb:
            return (
                "SELECT count(*) FROM [SHOW LOCAL SESSIONS] WHERE active_queries <> '' AND"
                f" application_name <> {literal(WORKERS)} AND"
                f" strpos(active_queries, {literal(HISTORY)}) = 0"
            )
        return (
            "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()"
            " AND usename IS NOT NULL AND coalesce(backend_type, 'client backend') ="
            " 'client backend' AND pid <> pg_catalog.pg_backend_pid()"
            " AND (state IS NULL OR state = 'active'"
            f" OR state_change > clock_timestamp() - INTERVAL '{within} seconds')"
            f" AND query <> '' AND strpos(query, {literal(HISTORY)}) = 0"
            f" AND strpos(query, {literal(WHERE_WE_ARE)}) = 0"
            " AND pid::TEXT NOT IN (SELECT split_part(session, ':', 1)"
            f" FROM {self.name(RANGES)} WHERE NOT done AND session IS NOT NULL)"
        )

    def renew(self, run: str, id: int, token: int, ttl: float) -> str:
        """Keep a range that is ours."""
        return (
            f"UPDATE {self.name(RANGES)} SET expires_at = {_in(ttl)},"
            f" changed_at = clock_timestamp() WHERE run = {literal(run)} AND id = {int(id)}"
            f" AND token = {int(token)} AND NOT done"
        )

    def divide(self, run: str, held: Held, at: Key, *, id: int, size: int) -> tuple[str, ...]:
        """Make a range of what comes after `at` in one that is ours, or fail with 22012."""
        return (
            f"WITH moved AS (UPDATE {self.name(RANGES)} SET hi = {nullable(encode(at))}"
            f" WHERE run = {literal(run)} AND id = {int(held.id)} AND token = {int(held.token)}"
            " AND NOT done RETURNING 1) SELECT 1 / count(*) FROM moved",
            f"INSERT INTO {self.name(RANGES)} (run, id, lo, hi, cursor, size) VALUES"
            f" ({literal(run)}, {int(id)}, {nullable(encode(at))}, {nullable(encode(held.hi))},"
            f" {nullable(encode(at))}, {int(size)})",
            f"UPDATE {self.name(BACKFILLS)} SET wanted = wanted - 1 WHERE run = {literal(run)}"
            " AND wanted > 0",
        )

    def ask(self, run: str) -> str:
        """Say that one more worker has nothing to do."""
        return f"UPDATE {self.name(BACKFILLS)} SET wanted = wanted + 1 WHERE run = {literal(run)}"

    def release(self, run: str, owner: str) -> str:
        """Let others have what we hold."""
        return (
            f"UPDATE {self.name(RANGES)} SET owner = NULL, session = NULL, expires_at = NULL"
            f" WHERE run = {literal(run)} AND NOT done AND owner = {literal(owner)}"
        )

    def open_ranges(self, run: str) -> str:
        """How many ranges are not done."""
        return f"SELECT count(*) FROM {self.name(RANGES)} WHERE run = {literal(run)} AND NOT done"

    # --- people ----------------------------------------------------------------------------

    def told(self, run: str) -> str:
        """State, how many workers have nothing to do; no row once the run is forgotten."""
        return f"SELECT state, wanted FROM {self.name(BACKFILLS)} WHERE run = {literal(run)}"

    def note(self, run: str) -> str:
        """Why the state is what it is, where somebody said so."""
        return f"SELECT note FROM {self.name(BACKFILLS)} WHERE run = {literal(run)}"

    def set_state(self, run: str, state: str, *, of: Sequence[str], note: str | None = None) -> str:
        """Change the state from one of those in `of`; returns the new one, or no row."""
        return (
            f"UPDATE {self.name(BACKFILLS)} SET state = {literal(state)}, note = {nullable(note)},"
            f" wanted = 0, changed_at = clock_timestamp() WHERE run = {literal(run)}"
            f" AND state IN ({', '.join(map(literal, of))}) RETURNING state"
        )

    # --- the end ---------------------------------------------------------------------------

    def complete(self, run: str) -> str:
        """Say that all is done, if it is."""
        where = f"run = {literal(run)}"
        return (
            f"UPDATE {self.name(BACKFILLS)} SET state = 'complete', note = NULL,"
            " finished_at = clock_timestamp(), changed_at = clock_timestamp()"
            f" WHERE {where} AND state = 'running'"
            f" AND NOT EXISTS (SELECT 1 FROM {self.name(RANGES)} WHERE {where} AND NOT done)"
            f" AND NOT EXISTS (SELECT 1 FROM {self.name(FAILURES)} WHERE {where})"
        )

    def settled(self, run: str) -> str:
        """State, ranges that are not done, failed rows."""
        where = f"WHERE run = {literal(run)}"
        return (
            f"SELECT state, (SELECT count(*) FROM {self.name(RANGES)} {where} AND NOT done),"
            f" (SELECT count(*) FROM {self.name(FAILURES)} {where})"
            f" FROM {self.name(BACKFILLS)} {where}"
        )

    # --- failed rows -----------------------------------------------------------------------

    def fail(self, run: str, key: Key, sqlstate: str | None, message: str) -> str:
        """Note a row that could not be changed."""
        return (
            f"INSERT INTO {self.name(FAILURES)} (run, key, sqlstate, message) VALUES"
            f" ({literal(run)}, {nullable(encode(key))}, {nullable(sqlstate)}, {literal(message)})"
        )

    def failures(self, run: str, limit: int) -> str:
        """Key, SQLSTATE, words and time of failed rows, the first ones."""
        return (
            f"SELECT key, sqlstate, message, failed_at FROM {self.name(FAILURES)}"
            f" WHERE run = {literal(run)} ORDER BY failed_at, key LIMIT {int(limit)}"
        )

    def retried(self, run: str, key: Key) -> str:
        """Take a failed row off the list, or fail with 22012: it stands in the transaction that
        changes the row."""
        return (
            f"WITH moved AS (DELETE FROM {self.name(FAILURES)} WHERE run = {literal(run)}"
            f" AND key = {nullable(encode(key))} RETURNING 1) SELECT 1 / count(*) FROM moved"
        )

    def failed_again(self, run: str, key: Key, sqlstate: str | None, message: str) -> str:
        """Note why a row that was tried again failed."""
        return (
            f"UPDATE {self.name(FAILURES)} SET sqlstate = {nullable(sqlstate)},"
            f" message = {literal(message)}, failed_at = clock_timestamp()"
            f" WHERE run = {literal(run)} AND key = {nullable(encode(key))}"
        )

    # --- from outside ----------------------------------------------------------------------

    def done_spans(self, name: str) -> str:
        """The ranges of a backfill as far as they are done: `lo`, `cursor`, whether that is all."""
        return (
            f"SELECT r.lo, r.cursor, r.done, r.hi FROM {self.name(RANGES)} r JOIN"
            f" {self.name(BACKFILLS)} b ON b.run = r.run WHERE b.name = {literal(name)}"
        )

    def fence_off(self, run: str) -> str:
        """Take every range from whoever holds it: nothing of theirs can commit any more."""
        return (
            f"UPDATE {self.name(RANGES)} SET token = token + 1, owner = NULL, session = NULL,"
            f" expires_at = NULL WHERE run = {literal(run)} AND NOT done"
        )

    def incomplete(self, versions: Sequence[int] = ()) -> str:
        """Name, version and state of backfills that are not complete: all, or of these versions."""
        which = f" AND version IN ({', '.join(map(str, map(int, versions)))})" if versions else ""
        return (
            f"SELECT name, version, state FROM {self.name(BACKFILLS)}"
            f" WHERE state <> 'complete' AND direction = 'up'{which} ORDER BY created_at, name"
        )

    def overview(self, name: str | None = None) -> str:
        """Every backfill, or one, as `results.statuses` takes it."""
        which = "" if name is None else f" WHERE b.name = {literal(name)}"
        return (
            "SELECT b.name, b.run, b.version, b.direction, b.relation, b.background, b.state,"
            " b.note, b.estimate, b.created_at, b.finished_at, coalesce(r.rows, 0),"
            " coalesce(r.batches, 0), coalesce(r.ranges, 0), coalesce(r.left_open, 0),"
            f" r.started_at, coalesce(f.failed, 0) FROM {self.name(BACKFILLS)} b LEFT JOIN"
            " (SELECT run, sum(rows)::INT8 AS rows, sum(batches)::INT8 AS batches,"
            " count(*) AS ranges, sum(CASE WHEN done THEN 0 ELSE 1 END)::INT8 AS left_open,"
            f" min(started_at) AS started_at FROM {self.name(RANGES)} GROUP BY run) r"
            " ON r.run = b.run LEFT JOIN (SELECT run, count(*) AS failed"
            f" FROM {self.name(FAILURES)} GROUP BY run) f ON f.run = b.run{which}"
            " ORDER BY b.created_at, b.name"
        )

    def holders(self) -> str:
        """Run, owner, batch size, seconds of the last batch, rows, seconds of lease left."""
        return (
            "SELECT run, owner, size, seconds, rows,"
            " EXTRACT(EPOCH FROM expires_at - clock_timestamp())::FLOAT8"
            f" FROM {self.name(RANGES)} WHERE NOT done AND owner IS NOT NULL"
            " ORDER BY changed_at DESC LIMIT 256"
        )

    def failed_rows(self) -> str:
        """Run, key, SQLSTATE, words and time of failed rows."""
        return (
            f"SELECT run, key, sqlstate, message, failed_at FROM {self.name(FAILURES)}"
            " ORDER BY failed_at, key LIMIT 256"
        )

    def progress(self, run: str) -> str:
        """Rows that are done."""
        return (
            f"SELECT coalesce(sum(rows), 0)::INT8 FROM {self.name(RANGES)}"
            f" WHERE run = {literal(run)}"
        )


def _in(seconds: float) -> str:
    return f"clock_timestamp() + INTERVAL '{int(seconds * 1000)} milliseconds'"
