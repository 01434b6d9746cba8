"""What readings of the catalog say about a statement: a table of all that can be read."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.catalog_probe import (
    Conclusion,
    Effect,
    Probe,
    conclude,
    effect_of,
    split_before,
)
from manticore_cockroachdb.parser.parse import parse

DONE, NOT_DONE = Conclusion.DONE, Conclusion.NOT_DONE
PART, UNKNOWN = Conclusion.PART, Conclusion.UNKNOWN
SEEN = Probe("a", "true")
CHANGES = Probe("b", None)


@pytest.mark.parametrize(
    ("probes", "repeatable", "before", "now", "conclusion"),
    [
        # nothing to look up
        ((), True, None, (), NOT_DONE),
        ((), False, None, (), UNKNOWN),
        # what has to be there
        ((SEEN,), False, None, ("true",), DONE),
        ((SEEN,), False, None, ("false",), NOT_DONE),
        ((SEEN,), False, None, (None,), NOT_DONE),
        ((SEEN,), False, ("true",), ("true",), DONE),
        # what has to be otherwise than before
        ((CHANGES,), False, None, ("x",), UNKNOWN),
        ((CHANGES,), True, None, ("x",), UNKNOWN),
        ((CHANGES,), False, ("x",), ("x",), NOT_DONE),
        ((CHANGES,), False, ("x",), ("y",), DONE),
        ((CHANGES,), False, (None,), ("y",), DONE),
        ((CHANGES,), False, (None,), (None,), NOT_DONE),
        # several: all of it, nothing of it, some of it
        ((SEEN, SEEN), False, None, ("true", "true"), DONE),
        ((SEEN, SEEN), False, None, ("false", "false"), NOT_DONE),
        ((SEEN, SEEN), False, None, ("true", "false"), PART),
        ((SEEN, SEEN), True, None, ("true", "false"), NOT_DONE),
        ((SEEN, CHANGES), False, ("false", "x"), ("true", "y"), DONE),
        ((SEEN, CHANGES), False, ("false", "x"), ("true", "x"), PART),
        # some of it was there before, and nothing has changed: the statement did nothing
        ((SEEN, SEEN), False, ("true", "false"), ("true", "false"), NOT_DONE),
        ((SEEN, SEEN), False, ("false", "false"), ("true", "false"), PART),
        ((SEEN, CHANGES), False, ("true", "x"), ("true", "x"), NOT_DONE),
    ],
)
def test_conclusions(probes, repeatable, before, now, conclusion):
    assert conclude(Effect(probes, repeatable), before, now) is conclusion


def test_what_is_blind():
    assert Effect().blind
    assert not Effect(repeatable=True).blind
    assert not Effect((SEEN,)).blind
    assert Effect().query() is None and Effect().before() is None and Effect().proof() is None
    assert Effect((CHANGES,)).proof() is None
    assert Effect((SEEN, CHANGES)).query() == "SELECT (a)::TEXT, (b)::TEXT"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (None, None),
        ("", None),
        ("true", ("true",)),
        ("~", (None,)),
        ("true|~|x", ("true", None, "x")),
    ],
)
def test_readings_are_put_together_and_taken_apart(text, values):
    assert split_before(text) == values


def test_the_quick_way_is_taken_where_it_is_asked_for():
    effect = Effect((Probe("slow", "true", "quick"), Probe("only", "x")))
    for put in (effect.before, effect.proof):
        assert "slow" in put() and "quick" not in put()
        assert "quick" in put(quick=True) and "slow" not in put(quick=True)
        assert "only" in put(quick=True)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TYPE mood RENAME TO feeling",
        "ALTER SCHEMA mood RENAME TO feeling",
        "ALTER ROLE mood RENAME TO feeling",
        "ALTER TABLE mood RENAME TO feeling",
    ],
)
def test_a_renaming_is_seen_from_both_names(sql):
    old, new = effect_of(parse(sql), cockroachdb=False).probes
    assert "'mood'" in old.sql and "'feeling'" not in old.sql and old.expected == "false"
    assert "'feeling'" in new.sql and "'mood'" not in new.sql and new.expected == "true"


@pytest.mark.parametrize(
    ("action", "repeatable"),
    [
        ("ALTER a SET NOT NULL", True),
        ("ALTER a DROP NOT NULL", True),
        ("ALTER a SET DEFAULT 1", True),
        ("ALTER a TYPE INT", True),
        ("ALTER a TYPE INT USING a + 1", False),  # again, and it counts twice
        ("VALIDATE CONSTRAINT c", True),
        ("ADD a INT", False),
        ("ADD IF NOT EXISTS a INT", True),
        ("DROP a", False),
        ("DROP IF EXISTS a", True),
        ("DROP CONSTRAINT c", False),
        ("DROP CONSTRAINT IF EXISTS c", True),
        ("RENAME a TO b", False),
    ],
)
def test_what_may_run_again_without_a_look(action, repeatable):
    assert effect_of(parse(f"ALTER TABLE t {action}"), cockroachdb=True).repeatable is repeatable
