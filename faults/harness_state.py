"""What is in a database, read in a handful of queries and compared as sets.

The catalog is a set of lines, one for each column, index with its validity, constraint with
whether it is validated, enum value, view and sequence; the data are the counters and a line for
each other table; then the history and what of ours should be empty: the journal and the lease.
Two databases are alike when all of it is. Names are compared, never numbers the server gave.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

_OURS = "NOT LIKE '\\_migrations%'"

CATALOG = (
    "SELECT 'column', table_name, column_name, data_type, is_nullable, column_default"
    f" FROM information_schema.columns WHERE table_schema = 'public' AND table_name {_OURS}",
    "SELECT 'index', c.relname, i.relname, x.indisvalid::TEXT, x.indisunique::TEXT,"
    " x.indnatts::TEXT FROM pg_catalog.pg_index x"
    " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE n.nspname = 'public' AND c.relname {_OURS}",
    "SELECT 'constraint', c.relname, k.conname, k.contype::TEXT, k.convalidated::TEXT, ''"
    " FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE n.nspname = 'public' AND c.relname {_OURS}",
    "SELECT 'enum', t.typname, e.enumlabel, '', '', '' FROM pg_catalog.pg_enum e"
    " JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid",
    "SELECT 'relation', c.relname, c.relkind::TEXT, '', '', '' FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE n.nspname = 'public' AND c.relname {_OURS}",
)
DATA = {
    "users": "SELECT * FROM users ORDER BY id",
    "moods": "SELECT id, mood::TEXT FROM moods ORDER BY id",
    "feelings": "SELECT id, mood::TEXT FROM feelings ORDER BY id",
    "orders": "SELECT id, user_id FROM orders ORDER BY id",
    "more": "SELECT id FROM more ORDER BY id",
    "seed": "SELECT count(*), sum(length(body)) FROM seed",
    "short_1": "SELECT id FROM short_1 ORDER BY id",
    "short_2": "SELECT id FROM short_2 ORDER BY id",
}


@dataclass(frozen=True, slots=True)
class State:
    """What is in a database at one time."""

    catalog: frozenset[str] = frozenset()
    data: frozenset[str] = frozenset()
    counters: dict[int, int] = field(default_factory=dict)
    history: tuple[int, ...] = ()
    journal: tuple[tuple[int, str, int, str], ...] = ()
    holder: str | None = None

    def differences(self, wanted: State) -> list[str]:
        """How this differs from what is wanted, the journal and the lease aside."""
        found = [f"missing {line}" for line in sorted(wanted.catalog - self.catalog)]
        found += [f"extra {line}" for line in sorted(self.catalog - wanted.catalog)]
        found += [f"data missing {line}" for line in sorted(wanted.data - self.data)]
        found += [f"data extra {line}" for line in sorted(self.data - wanted.data)]
        for number in sorted(self.counters.keys() | wanted.counters.keys()):
            has, wants = self.counters.get(number), wanted.counters.get(number)
            if has != wants:
                found.append(f"counter {number} is {has}, not {wants}")
        if self.history != wanted.history:
            found.append(f"history {self.history}, not {wanted.history}")
        return found


class Reader:
    """Reads states over a connection of its own, which it opens again when it is lost."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: psycopg.Connection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of one query."""
        return self._execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._execute(sql)

    def _execute(self, sql: str) -> psycopg.Cursor[tuple[object, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
        return self._connection.execute(sql.encode())

    def history(self) -> tuple[int, ...]:
        """The versions recorded as applied."""
        try:
            rows = self.rows("SELECT version FROM _migrations ORDER BY version")
        except psycopg.errors.UndefinedTable:
            return ()
        return tuple(int(str(row[0])) for row in rows)

    def holder(self) -> str | None:
        """Who holds the lease."""
        try:
            rows = self.rows("SELECT owner FROM _migrations_lease WHERE id = 1")
        except psycopg.errors.UndefinedTable:
            return None
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    def state(self) -> State:
        """Everything; the history is read first, since what it says must be there already.

        A server whose client was killed goes on with the message that it has, which may hold
        several migrations. So it is read again until none was recorded in between.
        """
        while True:
            history = self.history()
            state = self._state(history)
            if self.history() == history:
                return state

    def _state(self, history: tuple[int, ...]) -> State:
        catalog = {"|".join(map(str, row)) for row in self.rows(" UNION ALL ".join(CATALOG))}
        tables = {line.split("|")[1] for line in catalog if line.startswith("relation|")}
        data = {
            f"{table} {tuple(sorted(map(str, row)))}"
            for table, sql in DATA.items()
            if table in tables
            for row in self.rows(sql)
        }
        counters = {}
        if "counters" in tables:
            rows = self.rows("SELECT id, n FROM counters")
            counters = {int(str(row[0])): int(str(row[1])) for row in rows}
        return State(
            frozenset(catalog), frozenset(data), counters, history, self.journal(), self.holder()
        )

    def journal(self) -> tuple[tuple[int, str, int, str], ...]:
        """The journal's rows: version, direction, ordinal, state."""
        try:
            rows = self.rows(
                "SELECT version, direction, ordinal, state FROM _migrations_steps ORDER BY 1, 2, 3"
            )
        except psycopg.errors.UndefinedTable:
            return ()
        return tuple((int(str(v)), str(d), int(str(o)), str(s)) for v, d, o, s in rows)
