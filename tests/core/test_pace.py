"""How many migrations a message carries."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from manticore_cockroachdb.runner.messages import LIMIT
from manticore_cockroachdb.runner.pace import MOST, SHORT, Pace


@dataclass
class Script:
    text: str = "x"


@dataclass
class Plan:
    self_contained: bool = True
    script: Script = None  # type: ignore[assignment]

    def __post_init__(self):
        self.script = self.script or Script()


def test_it_doubles_while_answers_come_soon():
    pace, seen = Pace(), []
    for _ in range(8):
        seen.append(pace.count)
        pace.took(pace.count, 0.05, 0.01)
    assert seen == [1, 2, 4, 8, 16, 32, 64, 64] and MOST == 64


def test_only_a_full_message_says_that_more_would_fit():
    pace = Pace()
    pace.count = 8
    pace.took(3, 0.01, 0.0)
    assert pace.count == 8


@pytest.mark.parametrize(
    ("count", "seconds", "distance", "expected"),
    [
        (10, 2 * SHORT, 0.0, 5),
        (10, 20 * SHORT, 0.0, 1),
        (1, 9.0, 0.0, 1),
        (10, 2 * SHORT, SHORT, 20),  # the way there is not the server's time
        (10, SHORT, 9.0, 20),
        (10, SHORT, 0.0, 20),  # no longer than that
    ],
)
def test_it_shrinks_where_the_server_needs_longer(count, seconds, distance, expected):
    pace = Pace()
    pace.count = count
    pace.took(count, seconds, distance)
    assert pace.count == expected


def test_what_goes_into_the_next_message():
    pace = Pace()
    plans = [Plan() for _ in range(5)]
    assert pace.next(plans, 0) == plans[:1]
    pace.count = 3
    assert pace.next(plans, 0) == plans[:3]
    assert pace.next(plans, 1) == plans[1:4]
    assert pace.next(plans, 3) == plans[3:]
    pace.stumbled()
    assert pace.next(plans, 3) == plans[3:4]


def test_who_cannot_join_travels_alone():
    pace = Pace()
    pace.count = 9
    plans = [Plan(), Plan(self_contained=False), Plan(), Plan(script=Script("x" * LIMIT))]
    assert pace.next(plans, 0) == plans[:1]
    assert pace.next(plans, 1) == plans[1:2]
    assert pace.next(plans, 2) == plans[2:3]
    assert pace.next(plans, 3) == plans[3:4]
    half = [Plan(script=Script("x" * (LIMIT // 2))) for _ in range(3)]
    assert pace.next(half, 0) == half[:2]
