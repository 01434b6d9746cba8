"""Whether what an error says of the database is so.

A migration that stopped half way is a promise too: its exact state, and a way forward. `untruths`
holds the journal and the error's text against the counters in the database. A step that is
journalled as done must have moved its counters, one that is not journalled must not have; and what
is listed as having stayed or as undone must be that.
"""

from __future__ import annotations

import re

from faults.harness_state import State
from manticore_cockroachdb.migrations.script import MigrationPlan, Step

_COUNTER = re.compile(r"UPDATE counters SET n = n [+-] 1 WHERE id = (\d+)")
_LISTS = re.compile(r"Stayed: (?P<stayed>.*)\. Undone: (?P<undone>.*)\.", re.DOTALL)


def untruths(text: str, plan: MigrationPlan, start: State, goal: State, now: State) -> list[str]:
    """What an error about ``plan`` and the journal say and the database does not."""
    found: list[str] = []
    if (plan.version in now.history) == (plan.script.direction == "up"):
        found.append("it is recorded all the same")
    if "hint:" not in text:
        found.append("no way forward is shown")
    states = {
        ordinal: state
        for version, direction, ordinal, state in now.journal
        if version == plan.version and direction == plan.script.direction
    }
    lists = _LISTS.search(text)
    for step in plan.steps:
        state = states.get(step.ordinal)
        if state == "stuck" and lists is not None:
            found += _listed(plan, step, lists, start, goal, now)
        elif state == "done":
            found += _counters(plan.step_sql(step), goal, now, "done")
        elif state is None or state == "failed":
            found += _counters(plan.step_sql(step), start, now, "not done")
    return found


def _listed(
    plan: MigrationPlan,
    step: Step,
    lists: re.Match[str],
    start: State,
    goal: State,
    now: State,
) -> list[str]:
    found: list[str] = []
    for first, end in plan.script.spans[step.first : step.last]:
        statement = plan.script.text[first:end]
        one_line = " ".join(statement.split())[:80]
        if one_line in lists["stayed"]:
            found += _counters(statement, goal, now, "stayed")
        elif one_line in lists["undone"]:
            found += _counters(statement, start, now, "undone")
        else:
            found.append(f"nothing is said of {one_line}")
    return found


def _counters(sql: str, wanted: State, now: State, said: str) -> list[str]:
    return [
        f"{found[0]} is said to be {said}, and the counter is {now.counters.get(int(found[1]))}"
        for found in _COUNTER.finditer(sql)
        if now.counters.get(int(found[1])) != wanted.counters.get(int(found[1]))
        and int(found[1]) in now.counters
    ]
