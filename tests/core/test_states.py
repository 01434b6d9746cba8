"""The table of states: complete, and as its head says."""

from __future__ import annotations

from itertools import product

import pytest

from manticore_cockroachdb.migrations.states import RULES, Move, State, VersionFacts, rule_for

EVERY = [
    VersionFacts(file, row, journal, *more)
    for file, row, journal, *more in product(
        *((True, False),) * 2, (None, "up", "down"), *((True, False),) * 5
    )
    if file or row or journal  # else nothing is known of it
]


def test_every_possible_combination_of_facts_has_a_rule():
    assert all(rule_for(facts) in RULES for facts in EVERY)


def test_every_rule_is_reached():
    assert {id(rule_for(facts)) for facts in EVERY} == {id(rule) for rule in RULES}


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
        (VersionFacts(False, True, squashed=True), State.SQUASHED, Move.PASS, Move.PASS),
        (VersionFacts(False, False, "up", squashed=True), State.ORPHANED, Move.STOP, Move.STOP),
        (VersionFacts(True, False, half=True), State.HALF_SQUASHED, Move.STOP, Move.STOP),
        (VersionFacts(True, True, "up", half=True), State.HALF_SQUASHED, Move.STOP, Move.STOP),
    ],
)
def test_the_table(facts, state, migrate, rollback):
    rule = rule_for(facts)
    assert (rule.state, rule.on_migrate, rule.on_rollback) == (state, migrate, rollback)
