"""What a database has to have before a program starts: the table at the head of `readiness`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.errors import ChangedFile, MissingFile, OutOfOrder, PartialMigration
from manticore_cockroachdb.migrations.choose import Allowances, Recorded, resolve
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.readiness import Readiness, readiness
from manticore_cockroachdb.migrations.results import (
    NEW,
    HistoryRow,
    JournalRow,
    LeaseStatus,
    RepeatableStatus,
)
from manticore_cockroachdb.migrations.status import Snapshot

STRICT = Allowances()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SERVER = Server("postgresql", (18, 0))


class Backfill:
    """As much of a `BackfillStatus` as matters here."""

    def __init__(self, version: int, state: str = "running", direction: str = "up") -> None:
        self.name, self.version = str(version), version
        self.state, self.direction = state, direction
        self.complete = state == "complete"


def asked(
    files: dict[int, str],
    applied: tuple[int, ...],
    *,
    changed: tuple[int, ...] = (),
    journal: tuple[tuple[int, Any], ...] = (),
    backfills: tuple[Any, ...] = (),
    repeatable: tuple[RepeatableStatus, ...] = (),
    allow: Allowances = STRICT,
    **options: Any,
) -> Readiness:
    parsed = [parse_file(f"{v}_m.sql", text, f"{v}_m.sql") for v, text in files.items()]
    sums = {file.version: file.checksum for file in parsed}
    recorded = [Recorded(v, "m", "other" if v in changed else sums.get(v, "gone")) for v in applied]
    rows = [JournalRow(v, way, 0, "", "started", None, None) for v, way in journal]
    history = tuple(HistoryRow(v, "m", NOON) for v in applied)
    statuses = resolve(parsed, recorded, rows, None)
    shot = Snapshot(
        SERVER, capabilities(SERVER), history, tuple(rows), statuses, backfills, repeatable
    )
    return readiness(shot, allow, **options)


THREE = dict.fromkeys((1, 2, 3), "SELECT 1;\n")


def test_all_applied_is_ready() -> None:
    assert asked(THREE, (1, 2, 3)) == Readiness((), (), (), (), None)
    assert asked(THREE, (1, 2, 3)).ready


@pytest.mark.parametrize(
    ("applied", "journal", "missing"),
    [
        ((), (), (1, 2, 3)),
        ((1,), (), (2, 3)),
        ((1, 2), ((3, "up"),), (3,)),
        ((1, 2, 3), ((3, "down"),), (3,)),  # it is being undone
    ],
)
def test_what_is_not_applied_is_waited_for(applied: Any, journal: Any, missing: Any) -> None:
    found = asked(THREE, applied, journal=journal)
    assert (found.missing, found.problems, found.ready) == (missing, (), False)


def test_words_for_what_is_waited_for() -> None:
    assert asked(THREE, ()).lacking == ("3 migrations, 1 to 3",)
    assert asked(THREE, (1, 2)).lacking == ("migration 3",)


@pytest.mark.parametrize("journal", [(), ((9, "up"),), ((5, "down"),)])
def test_a_newer_database_will_do(journal: Any) -> None:
    """Also while the newer build is at it."""
    found = asked(THREE, (1, 2, 3, 4, 5), journal=journal)
    assert found.ready
    assert found.newer[:2] == (4, 5)


def test_what_is_meant_for_elsewhere_is_not_waited_for() -> None:
    assert asked(THREE | {4: "-- @environments other\nSELECT 1;\n"}, (1, 2, 3)).ready


@pytest.mark.parametrize(
    ("files", "applied", "more", "error"),
    [
        (THREE, (1, 2, 3), {"changed": (2,)}, ChangedFile),
        ({1: "SELECT 1;\n", 3: "SELECT 1;\n"}, (1, 2, 3), {}, MissingFile),
        (THREE, (1, 3), {}, OutOfOrder),
        ({1: "SELECT 1;\n", 3: "SELECT 1;\n"}, (1,), {"journal": ((2, "up"),)}, PartialMigration),
    ],
)
def test_another_history_is_no_matter_of_waiting(
    files: Any, applied: Any, more: Any, error: type[Exception]
) -> None:
    found = asked(files, applied, **more)
    assert [type(one) for one in found.problems] == [error]
    assert not found.ready


def test_what_a_user_lets_pass() -> None:
    lax = Allowances(out_of_order=True, changed=True, missing=True)
    assert asked(THREE, (1, 2, 3), changed=(2,), allow=lax).ready
    assert asked({1: "SELECT 1;\n", 3: "SELECT 1;\n"}, (1, 2, 3), allow=lax).ready
    found = asked(THREE, (1, 3), allow=lax)
    assert (found.missing, found.problems) == ((2,), ())


def test_backfills_that_are_needed() -> None:
    """Those that a file or the caller names; all of them only where that is asked for."""
    running = (Backfill(2), Backfill(3, "complete"), Backfill(2, direction="down"))
    assert asked(THREE, (1, 2, 3), backfills=running).ready
    assert not asked(THREE, (1, 2, 3), backfills=running, requires=(2,)).ready
    assert asked(THREE, (1, 2, 3), backfills=running, requires=(3,)).ready
    whole = asked(THREE, (1, 2, 3), backfills=running, complete=True)
    assert whole.lacking == ("the backfill of 2, which is running",)
    named = THREE | {4: "-- @requires 2\nSELECT 1;\n"}
    assert asked(named, (1, 2, 3, 4), backfills=running).lacking == whole.lacking
    # Not applied at all is one matter, not two.
    assert asked(THREE, (1,), backfills=(), requires=(2, 7)).missing == (2, 3, 7)


def test_repeatable_files() -> None:
    """Of one that ran with another text nobody can tell which is the newer."""
    new = RepeatableStatus("a.sql", "pending", NEW, "a.sql")
    changed = RepeatableStatus("b.sql", "pending", "has changed", "b.sql")
    ran = RepeatableStatus("c.sql", "applied", "has run", "c.sql")
    assert asked(THREE, (1, 2, 3), repeatable=(new, changed, ran)).repeatable == (new,)
    assert asked(THREE, (1, 2, 3), repeatable=(changed, ran)).ready
    whole = asked(THREE, (1, 2, 3), repeatable=(new, changed, ran), complete=True)
    assert whole.lacking == ("repeatable a.sql, b.sql",)


def test_no_files_ask_for_nothing() -> None:
    assert asked({}, (1, 2)).ready


def test_who_is_at_work_is_told() -> None:
    assert LeaseStatus(None, 0, None, None, None).owner is None  # the shape that `runner` has
    assert asked(THREE, ()).runner is None
