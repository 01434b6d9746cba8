"""The names of our own tables; what is in them say `runner.bookkeeping`, `backfill.tables`
and `runner.script_table`."""

from __future__ import annotations

from dataclasses import dataclass

from .parser.quoting import quote

HISTORY = "_migrations"
LEASE = "_migrations_lease"
STEPS = "_migrations_steps"
ATTEMPTS = "_migrations_attempts"
# Made when the first backfill is registered.
BACKFILLS = "_migrations_backfills"
RANGES = "_migrations_backfill_ranges"
FAILURES = "_migrations_backfill_failures"
# Made when `once` is first used; not a part of the migrations.
ONCE = "_manticore_once"
# Made when the first repeatable file or hook runs.
SCRIPTS = "_migrations_scripts"
OURS = (HISTORY, LEASE, STEPS, ATTEMPTS, BACKFILLS, RANGES, FAILURES, SCRIPTS)


@dataclass(frozen=True, slots=True)
class OwnTables:
    """Where our tables are: the `schema`, on a server of the given engine."""

    schema: str
    cockroachdb: bool

    def name(self, table: str) -> str:
        """A table's qualified, quoted name."""
        return f"{quote(self.schema)}.{quote(table)}"

    @property
    def begin(self) -> str:
        """Open a transaction that a fence makes exact."""
        return "BEGIN ISOLATION LEVEL SERIALIZABLE" if self.cockroachdb else "BEGIN"
