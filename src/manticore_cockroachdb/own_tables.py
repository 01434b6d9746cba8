"""The names of our own four tables; what is in them says `runner.bookkeeping`."""

from __future__ import annotations

HISTORY = "_migrations"
LEASE = "_migrations_lease"
STEPS = "_migrations_steps"
ATTEMPTS = "_migrations_attempts"
OURS = (HISTORY, LEASE, STEPS, ATTEMPTS)
