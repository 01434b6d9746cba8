"""Grouping for a database that is built from nothing: many migrations in one transaction.

CockroachDB pays for each transaction with DDL, so a thousand one-table migrations take far
longer than the same tables in a few transactions. What may be grouped is what `migrations.plan`
found safe beside others in one transaction. A group that does not go through is run again one by
one, so the history and the error are those of an ordinary run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .script import MigrationPlan

SIZE = 20  # of 10 to 200, the quickest for 1,000 tables on CockroachDB v20.2
CHARACTERS = 500_000


def grouped(plans: Sequence[MigrationPlan]) -> Iterator[tuple[MigrationPlan, ...]]:
    """The plans in order, neighbours that one transaction covers put together."""
    group: list[MigrationPlan] = []
    size = 0
    for plan in plans:
        length = len(plan.script.text)
        joins = plan.self_contained and plan.sociable
        if group and (not joins or len(group) == SIZE or size + length > CHARACTERS):
            yield tuple(group)
            group, size = [], 0
        if joins:
            group.append(plan)
            size += length
        else:
            yield (plan,)
    if group:
        yield tuple(group)
