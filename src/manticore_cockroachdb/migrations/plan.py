"""Which transaction each migration gets, decided before anything runs.

    (files, history, journal, target, capabilities) -> Plan

A migration runs in one of two modes:

* **transaction**: the whole part and its history row in one transaction, where the server
  really makes that atomic. A failure leaves nothing; a second run starts from the beginning.
* **steps**: one step after another, each journalled before and after. A step is either
  *atomic* (statements that a transaction covers, committed together with their journal row)
  or *alone* (a statement that no transaction covers; its effect is looked up in the catalog).

* **python**: a Python migration, in one transaction; its statements are known when they come.
* **backfill**: a part with `-- @backfill` runs batch by batch, each a transaction with its
  checkpoint, until the table has been walked (`manticore_cockroachdb.backfill`).

or it is refused, with the split to make. PostgreSQL covers everything except what it forbids in
a transaction block. CockroachDB covers data changes, CREATE TABLE, and changes to a table made
in the same transaction; everything else lives on as a job after COMMIT and runs alone
(CockroachDB docs, "Online schema changes", known limitations).

Only verbs that can matter are parsed, so that a file of a million INSERTs is planned at the
speed of the splitter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from ..dialect import Capabilities
from ..errors import MigrationError, raise_all
from ..parser.lex import parentheses
from .script import (
    MigrationPlan,
    Mode,
    Script,
    Step,
    is_plain,
    refused,
)

if TYPE_CHECKING:
    from .backfill import Backfill


ALL_COVERED = "every statement commits and rolls back with the transaction"
COVERED_ONLY = "data changes and new tables only"
NOT_ANALYSED = (
    "Python: not analysed; one transaction, and what none covers is refused when it comes"
)
ORDINARY = frozenset({ALL_COVERED, COVERED_ONLY})
"""Why nearly every migration runs in one transaction: not worth a word where many are listed."""

# What CockroachDB covers only if it is looked at closely, in the parentheses of a new table.
_MORE = ("references", "interleave", "like", "as")


def plan_script(script: Script, caps: Capabilities) -> MigrationPlan:
    """Decide mode and steps of one script. Raises Refused when no way is safe."""
    if script.is_program:
        return MigrationPlan(
            script, Mode.PYTHON, NOT_ANALYSED, (Step(0, 0, 0, True, NOT_ANALYSED),), True
        )
    if script.backfill is not None:
        return _batch_by_batch(script, script.backfill)
    if script.wish is not False and is_simple(script, caps):
        return _in_one_transaction(script, caps, changes_session=False, sociable=True)
    return plan_closely(script, caps)


def plan_closely(script: Script, caps: Capabilities) -> MigrationPlan:
    """Decide as `plan_script` does, for any script, from what each statement is read as."""
    spans = script.spans
    from .grouping import group  # the statement model, which many runs do not need

    groups, sociable = group(script, caps)
    alone = [g for g in groups if not g.atomic]
    changes_session = any(g.session for g in groups)
    if script.wish is True and (alone or len(groups) > 1):
        culprit = alone[0] if alone else groups[1]
        raise refused(
            script,
            spans[culprit.first][0],
            f"-- @transaction on asks for one transaction, but {culprit.reason}.",
            "move this statement into a migration of its own, or drop the directive",
        )
    if script.wish is not False and len(groups) <= 1 and not alone:
        return _in_one_transaction(script, caps, changes_session=changes_session, sociable=sociable)
    if script.wish is False:
        groups = [part for g in groups for part in g.split()]
    reason = alone[0].reason if alone else "the file asks for it"
    if not alone and script.wish is not False:
        reason = groups[1].reason
    steps = tuple(
        Step(i, g.first, g.last, g.atomic, g.reason, g.node) for i, g in enumerate(groups)
    )
    settings = tuple(i for g in groups for i in g.settings)
    return MigrationPlan(script, Mode.STEPS, reason, steps, changes_session, settings=settings)


def is_simple(script: Script, caps: Capabilities) -> bool:
    """Whether it is seen without reading closely that a transaction covers all of a script."""
    spans = script.spans
    if caps.transactional_ddl:
        return all(is_plain(script, i, caps) for i in range(len(spans)))
    if len(spans) != 1:
        return False
    start, end = spans[0]
    found = _new_table().match(script.text, start, end)
    if found is None:
        return False
    inside = found[1].lower()
    return not any(word in inside and re.search(rf"\b{word}\b", inside) for word in _MORE)


def _in_one_transaction(
    script: Script, caps: Capabilities, *, changes_session: bool, sociable: bool
) -> MigrationPlan:
    reason = ALL_COVERED if caps.transactional_ddl else COVERED_ONLY
    step = Step(0, 0, len(script.spans), True, reason)
    return MigrationPlan(script, Mode.TRANSACTION, reason, (step,), changes_session, sociable)


def _batch_by_batch(script: Script, backfill: Backfill) -> MigrationPlan:
    if script.wish is True:
        raise refused(
            script,
            script.spans[0][0] if script.spans else 0,
            "-- @transaction on asks for one transaction, and a backfill is one for each batch",
            "drop one of the two directives",
        )
    reason = f"batch by batch over {backfill.table}"
    if backfill.background:
        reason += ", in the background"
    step = Step(0, 0, len(script.spans), True, reason)
    return MigrationPlan(script, Mode.BACKFILL, reason, (step,), False)


@cache
def _new_table() -> re.Pattern[str]:
    """CREATE TABLE, a name and what is in parentheses, group 1, and nothing else."""
    return re.compile(
        rf"create\s+table\s+[a-z_][a-z0-9_]*\s*({parentheses(4)})\Z", re.IGNORECASE | re.DOTALL
    )


def plan_all(scripts: Iterable[Script], caps: Capabilities) -> tuple[MigrationPlan, ...]:
    """Decide every script, so that a refusal comes before the first statement runs.

    Raises MigrationError, with all that is wrong with any of them.
    """
    plans: list[MigrationPlan] = []
    errors: list[MigrationError] = []
    each = iter(scripts)
    while True:
        try:
            plans.append(plan_script(next(each), caps))
        except StopIteration:
            break
        except MigrationError as error:
            errors.append(error)
    raise_all(errors)
    return tuple(plans)
