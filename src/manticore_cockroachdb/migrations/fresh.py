"""Grouping for a database that is built from nothing: several migrations in one transaction.

CockroachDB pays for each transaction with DDL, so a thousand one-table migrations take far
longer than the same tables in twenty transactions. What may be grouped is exactly what
`migrations.plan` found safe in one transaction. A group that fails is run again one by one, so
the history and the error are those of an ordinary run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..dialect import Capabilities
from . import nodes as n
from .parse import parse
from .plan import MigrationPlan, Mode

SIZE = 50
CHARACTERS = 500_000


def grouped(
    plans: Sequence[MigrationPlan], caps: Capabilities
) -> Iterator[tuple[MigrationPlan, ...]]:
    """The plans in order, neighbours that one transaction covers put together."""
    group: list[MigrationPlan] = []
    size = 0
    for plan in plans:
        if not _joins(plan, caps):
            if group:
                yield tuple(group)
            yield (plan,)
            group, size = [], 0
            continue
        length = len(plan.script.text)
        if group and (len(group) == SIZE or size + length > CHARACTERS):
            yield tuple(group)
            group, size = [], 0
        group.append(plan)
        size += length
    if group:
        yield tuple(group)


def _joins(plan: MigrationPlan, caps: Capabilities) -> bool:
    """Whether a migration may share its transaction with neighbours."""
    if plan.mode is not Mode.TRANSACTION or plan.changes_session:
        return False
    if caps.transactional_ddl:
        return True
    # On CockroachDB only plain new tables: no writes, which older versions want after all DDL,
    # and no foreign keys, whose table cannot be mentioned again in the same transaction.
    for start, end in plan.script.spans:
        node = parse(plan.script.text[start:end])
        if not isinstance(node, n.CreateTable) or node.as_query:
            return False
        if any(c.references for c in node.columns):
            return False
        if any(c.kind == "foreign key" for c in node.constraints):
            return False
    return True
