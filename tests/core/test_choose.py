"""Which migrations a rollback is about, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from manticore_cockroachdb.errors import HistoryError, MissingFile, PartialMigration
from manticore_cockroachdb.migrations.choose import (
    Allowances,
    Recorded,
    as_shown,
    choose_down,
    resolve,
)
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.results import JournalRow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LAX = Allowances(missing=True)


def row(version: int, token: int | None = None, minute: float | None = None) -> Recorded:
    when = None if minute is None else NOON + timedelta(minutes=minute)
    return Recorded(version, "", None, token, when)


def chosen(
    rows: list[Recorded], count: int = 99, target: int | None = None, allow: Allowances = LAX
) -> list[int]:
    return [s.version for s in choose_down(resolve((), rows, (), None), count, target, allow)]


def test_one_run_is_reverted_from_its_highest_version() -> None:
    """Whatever a clock that was set back in its midst says."""
    assert chosen([row(1, 5, 2), row(2, 5, 1), row(3, 5, 0)]) == [3, 2, 1]


def test_what_came_late_goes_first() -> None:
    rows = [row(1, 1, 0), row(2, 2, 9), row(3, 1, 1), row(4, 3, 10), row(5, 1, 2)]
    assert chosen(rows) == [4, 2, 5, 3, 1]
    assert chosen(rows, 2) == [4, 2]
    assert chosen(rows, target=2) == [4, 5, 3]
    assert chosen(rows, target=5) == []


@pytest.mark.parametrize(
    "late",
    [
        row(2, 9, 0),  # a clock that is behind
        row(2, 1, 30),  # a new lease table, whose tokens begin anew
        row(2),  # recorded by 0.3.1, or by hand
        row(2, None, 30),
        row(2, 9, None),
    ],
)
def test_evidence_that_disagrees_leaves_the_order_of_versions(late: Recorded) -> None:
    assert chosen([row(1, 3, 1), late, row(3, 3, 2)]) == [3, 2, 1]


def test_one_without_a_file_stops_only_who_would_revert_it() -> None:
    file = parse_file("2_b.sql", "SELECT 1;\n-- @UNDO\nSELECT 2;\n", "2_b.sql")
    found = resolve((file,), [row(1, 1, 0), row(2, 2, 1)], (), None)
    assert [s.version for s in choose_down(found, 1, None, Allowances())] == [2]
    with pytest.raises(MissingFile, match="has no file here") as caught:
        choose_down(found, 2, None, Allowances())
    assert "--allow-missing" in str(caught.value.hint)
    assert [s.version for s in choose_down(found, 2, None, LAX)] == [2, 1]


def test_what_stopped_half_way_above_is_settled_first() -> None:
    file = parse_file("4_d.sql", "SELECT 1;\n", "4_d.sql")
    journal = [JournalRow(4, "up", 0, "x", "started", None, None)]
    rows = [row(1, 1, 0), row(2, 2, 9), row(3, 1, 1)]
    with pytest.raises(PartialMigration, match="Migration 4"):
        choose_down(resolve((file,), rows, journal, None), 1, None, LAX)


def test_what_was_shown_must_be_what_happens() -> None:
    found = choose_down(resolve((), [row(1), row(2)], (), None), 1, None, LAX)
    as_shown(found, None)
    as_shown(found, [2])
    with pytest.raises(HistoryError, match="2 would be rolled back, not 1"):
        as_shown(found, [1])
