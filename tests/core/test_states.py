"""The table of states: complete, and as its head says."""

from __future__ import annotations

from itertools import product

import pytest

from manticore_cockroachdb.migrations.states import RULES, Move, State, VersionFacts, rule_for


def test_every_possible_combination_of_facts_has_a_rule():
    for file, row, journal, same, here, newer in product(
        (True, False), (True, False), (None, "up", "down"), (True, False), (True, False),
        (True, False),
    ):  # fmt: skip
        if not (file or row or journal):
            continue  # nothing is known of it
        rule_for(VersionFacts(file, row, journal, same, here, newer))


def test_every_rule_is_reached():
    reached = {
        id(rule_for(VersionFacts(file, row, journal, same, here, newer)))
        for file, row, journal, same, here, newer in product(
            (True, False), (True, False), (None, "up", "down"), (True, False), (True, False),
            (True, False),
        )
        if file or row or journal
    }  # fmt: skip
    assert reached == {id(rule) for rule in RULES}


@pytest.mark.parametrize(
    ("facts", "state", "migrate", "rollback"),
    [
        (VersionFacts(True, False), State.PENDING, Move.RUN, Move.PASS),
        (VersionFacts(True, True), State.APPLIED, Move.PASS, Move.RUN),
        (VersionFacts(True, True, same=False), State.CHANGED, Move.STOP, Move.RUN),
        (VersionFacts(False, True), State.MISSING, Move.STOP, Move.STOP),
        (VersionFacts(True, False, "up"), State.PARTIAL, Move.RESUME, Move.STOP),
        (VersionFacts(True, True, "down"), State.REVERTING, Move.STOP, Move.RESUME),
        (VersionFacts(False, True, "down"), State.REVERTING, Move.STOP, Move.RESUME),
        (VersionFacts(False, False, "up"), State.ORPHANED, Move.STOP, Move.STOP),
        (VersionFacts(True, False, here=False), State.SKIPPED, Move.PASS, Move.PASS),
        (VersionFacts(True, False, newer_applied=True), State.OUT_OF_ORDER, Move.STOP, Move.PASS),
        (
            VersionFacts(True, False, here=False, newer_applied=True),
            State.SKIPPED,
            Move.PASS,
            Move.PASS,
        ),
        (VersionFacts(True, False, "down"), State.PENDING, Move.RUN, Move.PASS),
    ],
)
def test_the_table(facts, state, migrate, rollback):
    rule = rule_for(facts)
    assert (rule.state, rule.on_migrate, rule.on_rollback) == (state, migrate, rollback)
