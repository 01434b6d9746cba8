"""The names of our own tables; what is in them say `runner.bookkeeping`, `backfill.tables`
and `runner.script_table`."""

from __future__ import annotations

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
