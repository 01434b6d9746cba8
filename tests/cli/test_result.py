"""Results as JSON and as lines, and the small words in them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from manticore_cockroachdb.cli.commands import history, lock
from manticore_cockroachdb.cli.commands import status as status_command
from manticore_cockroachdb.cli.index import Exit
from manticore_cockroachdb.cli.result import Result, emit, plain
from manticore_cockroachdb.cli.terminal.layout import Layout
from manticore_cockroachdb.cli.terminal.text import count, took, when
from manticore_cockroachdb.migrations.results import (
    Attempt,
    HistoryRow,
    LeaseStatus,
    Pending,
    Problem,
    Status,
)
from manticore_cockroachdb.migrations.states import State

NOON = datetime(2023, 1, 1, 12, 0, 0, 123, tzinfo=timezone(timedelta(hours=2)))


def test_values_become_plain_data() -> None:
    row = HistoryRow(1, "a", NOON)
    data = plain({"row": row, "state": State.PARTIAL, "x": (Decimal("1.5"), Path("p"))})
    assert data == {
        "row": {
            "version": 1,
            "description": "a",
            "applied_at": "2023-01-01T12:00:00.000123+02:00",
            "checksum": None,
            "mode": None,
            "duration_ms": None,
            "applied_by": None,
            "applied_from": None,
        },
        "state": "partial",
        "x": ["1.5", "p"],
    }
    with pytest.raises(TypeError):
        plain(object())


def test_json_is_one_text_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    assert emit(Result(lambda: {"a": "é\x1b"}, code=3), as_json=True) == 3
    out = capsys.readouterr().out
    assert out.isascii() and out.count("\n") == 1 and json.loads(out) == {"a": "é\x1b"}


def test_quiet_leaves_out_what_was_only_told(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Result(None, ["told"], quiet=True), as_json=False, quiet=True)
    emit(Result(None, ["asked for"]), as_json=False, quiet=True)
    assert capsys.readouterr().out == "asked for\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0004, "0 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1.0 s"),
        (3.44, "3.4 s"),
        (59.96, "1 min 00 s"),
        (320, "5 min 20 s"),
        (7505, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert took(seconds) == text


def test_times_and_counts() -> None:
    assert when(NOON) == "2023-01-01 10:00:00"
    assert when(NOON.replace(tzinfo=None)) == "2023-01-01 12:00:00"
    assert when(None) == ""
    assert [count(n, "migration") for n in (0, 1, 1200)] == [
        "0 migrations",
        "1 migration",
        "1,200 migrations",
    ]


def status(
    *, applied: tuple[int, ...] = (), pending: tuple[Pending, ...] = (), problems: int = 0
) -> Status:
    rows = tuple(HistoryRow(v, f"d{v}", NOON) for v in applied)
    bad = tuple(Problem(n, State.CHANGED, "changed", "look") for n in range(problems))
    return Status("PostgreSQL 18", applied[-1] if applied else None, rows, pending, (), bad)


def waiting(version: int, state: State = State.PENDING, mode: str | None = "steps") -> Pending:
    return Pending(version, f"p{version}", f"m/{version}.sql", state, mode, "why", 1, 3)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (status(applied=(1,)), Exit.OK),
        (status(pending=(waiting(1),)), Exit.PENDING),
        (status(pending=(waiting(1, State.PARTIAL),)), Exit.PERSON),
        (status(pending=(waiting(1, mode=None),)), Exit.PERSON),
        (status(problems=1), Exit.PERSON),
    ],
)
def test_the_exit_code_of_a_status(found: Status, code: int) -> None:
    assert status_command.presented(found, "w", "d", Layout(), exit_code=True).code == code
    assert status_command.presented(found, "w", "d", Layout(), exit_code=False).code == 0


def test_the_data_of_a_status() -> None:
    found = status(applied=(1, 2), pending=(waiting(3),), problems=1)
    data = status_command.presented(found, "root@h/d", "m", Layout(), exit_code=False).plain()
    assert isinstance(data, dict)
    assert data["current"] == 2
    assert [row["version"] for row in data["applied"]] == [1, 2]
    assert datetime.fromisoformat(data["applied"][0]["applied_at"]) == NOON
    assert data["pending"][0]["path"] == "m/3.sql"
    assert data["pending"][0]["state"] == "pending"
    assert data["problems"][0]["hint"] == "look"


def test_the_lines_of_a_status_show_modes_and_problems() -> None:
    found = status(applied=(1,), pending=(waiting(3), waiting(4, mode=None)), problems=1)
    text = "\n".join(
        status_command.presented(found, "root@h/d", "m", Layout(), exit_code=False).lines
    )
    assert "3  p3  steps, 1 of 3 done  why" in text
    assert "4  p4  refused" in text
    assert "changed\n    hint: look" in text


def test_a_terminal_gets_the_first_of_many(tmp_path: Path) -> None:
    found = status(pending=tuple(waiting(n) for n in range(100)))
    short = status_command.presented(found, "w", "d", Layout(width=80), exit_code=False).lines
    assert any("and 60 more" in line for line in short)
    for layout in (Layout(), Layout(width=80, everything=True)):
        assert len(status_command.presented(found, "w", "d", layout, exit_code=False).lines) > 100


def test_hostile_descriptions_do_not_reach_the_terminal() -> None:
    row = HistoryRow(1, "a\x1b[2J\nb", NOON)
    found = Status("s", 1, (row,), (), (), ())
    lines = status_command.presented(found, "w", "d", Layout(), exit_code=False).lines
    rows = history.applied([{"version": 1, "description": row.description}], Layout()).lines
    assert not any("\x1b" in line or "\n" in line for line in [*lines, *rows])


def test_history_shows_who_and_hides_what_is_ours() -> None:
    row = {
        "version": 1,
        "description": "a",
        "applied_at": NOON,
        "duration_ms": 12,
        "applied_by": "root",
        "applied_from": "host",
        "undo": "DROP",
        "token": 7,
    }
    result = history.applied([row], Layout())
    assert result.lines[1] == "1        2023-01-01 10:00:00  12 ms  root@host  a"
    assert isinstance(result.data, list) and set(result.data[0]) == set(history.HISTORY)
    assert history.applied([], Layout()).lines == ["Nothing is applied."]


def test_attempts() -> None:
    one = Attempt(3, "up", NOON, 7, "root", "h", "SELECT\n1", "42601", "no.", "nothing remains")
    lines = history.failed_attempts([one], Layout()).lines
    assert lines == [
        "2023-01-01 10:00:00 UTC  3",
        "  root@h, after 7 ms, SQLSTATE 42601, nothing remains",
        "  no.",
        "  | SELECT",
        "  | 1",
    ]


def test_the_lease() -> None:
    now = datetime(2023, 1, 1, tzinfo=UTC)
    nobody = lock.presented(LeaseStatus(None, 3, None, None, None))
    assert nobody.lines == ["Nobody is migrating."]
    held = lock.presented(LeaseStatus("h:1", 3, "s", now, 12.3))
    assert held.lines == [
        "h:1 has the right to migrate, since 2023-01-01 00:00:00 UTC, for 12 s more."
    ]
    gone = lock.presented(LeaseStatus("h:1", 3, "s", now, -1.0))
    assert "expired" in gone.lines[0]
    assert "token" not in str(held.plain())


def test_a_closed_stdout_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        assert emit(Result(None, ["x"]), as_json=False) == Exit.BROKEN_PIPE
