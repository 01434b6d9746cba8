"""A report adds up, or it is an error."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import ManticoreError
from manticore_cockroachdb.fleet.report import Outcome, report_of
from manticore_cockroachdb.fleet.spec import Target

TARGETS = [Target(name, schema=name) for name in "abc"]


def outcome(name: str, state: str = "done") -> Outcome:
    return Outcome(name, f"schema {name}", state)  # type: ignore[arg-type]


def test_whom_nobody_tried_is_in_it_and_the_order_is_that_of_the_targets() -> None:
    report = report_of("migrate", TARGETS, [outcome("c"), outcome("a", "failed")], 1.0, "because")
    assert [(one.name, one.state) for one in report.outcomes] == [
        ("a", "failed"),
        ("b", "never tried"),
        ("c", "done"),
    ]
    assert not report.ok
    assert sum(map(len, (report.done, report.nothing, report.failed, report.never_tried))) == 3


@pytest.mark.parametrize(
    "outcomes",
    [
        [outcome("a"), outcome("b"), outcome("c"), outcome("a")],
        [outcome("a"), outcome("b"), outcome("c"), outcome("d")],
        [outcome("a"), outcome("b"), outcome("c", "perhaps")],
    ],
    ids=["twice", "a stranger", "no such state"],
)
def test_one_that_does_not_add_up_is_an_error(outcomes: list[Outcome]) -> None:
    with pytest.raises(ManticoreError, match="does not add up"):
        report_of("migrate", TARGETS, outcomes, 1.0, None)
