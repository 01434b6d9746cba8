"""What a run's events say on stderr."""

from __future__ import annotations

import io
import time

import pytest

from manticore_cockroachdb.cli.terminal import progress as module
from manticore_cockroachdb.cli.terminal.console import Console
from manticore_cockroachdb.cli.terminal.progress import Progress
from manticore_cockroachdb.runner import events as e

from .test_terminal import Terminal

PLANNED = e.RunPlanned("up", (1, 2))
STARTED = e.MigrationStarted(1, "create users", "up", "transaction", 1)
FINISHED = e.MigrationFinished(1, "create users", "up", 0.012)
UNDONE = e.MigrationFinished(1, "create users", "down", 0.012)


def told(*events: e.Event, quiet: bool = False, verbose: bool = False) -> str:
    stream = io.StringIO()
    progress = Progress(Console(stream, quiet=quiet, verbose=verbose))
    for event in events:
        progress(event)
    progress.close()
    return stream.getvalue()


def test_one_plain_line_for_each_migration() -> None:
    assert told(PLANNED, STARTED, FINISHED) == "applied 1 create users (12 ms)\n"
    assert told(UNDONE) == "rolled back 1 create users (12 ms)\n"


def test_quiet_says_nothing_and_verbose_more() -> None:
    step = e.StepStarted(1, 1, 3, "SELECT 1", True)
    assert told(PLANNED, STARTED, step, FINISHED, quiet=True) == ""
    assert told(STARTED, step, verbose=True) == (
        "applying 1 create users (transaction)\n1: step 2 of 3, which an earlier run had begun\n"
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            e.LeaseWaiting("host:1:ab", 12.4),
            "waiting for host:1:ab, who has the right to migrate (for 12 s more unless renewed)\n",
        ),
        (e.LeaseTaken(3, None), ""),
        (e.LeaseTaken(3, "host:1"), "took over from host:1, who stopped without a word\n"),
        (
            e.Retrying(1, "40001", "restart transaction", 2, 0.25),
            "retrying 1 in 250 ms (attempt 2): restart transaction\n",
        ),
        (
            e.Recovered(1, "it had been committed"),
            "connected again; migration 1 had been committed\n",
        ),
        (
            e.Recovered(5, "nothing had happened; running it again"),
            "connected again; of migration 5 nothing had happened; running it again\n",
        ),
        (
            e.Recovered(5, "its job did it all the same"),
            "connected again; migration 5: its job did it all the same\n",
        ),
        (e.Notice("WARNING", "a\nb\x1b"), "warning: a b�\n"),
        (
            e.MigrationFinished(1, "evil\x1b[2J\nname", "up", 1.0),
            "applied 1 evil�[2J name (1.0 s)\n",
        ),
        (e.Event(), ""),
    ],
)
def test_everything_else_is_a_line_too(event: e.Event, line: str) -> None:
    assert told(event) == line


def test_a_schema_change_is_told_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    stream = io.StringIO()
    progress = Progress(Console(stream))
    for second in range(12):
        now = 100.0 + second
        progress(e.JobProgress(1, "77", "running", second / 10, "CREATE INDEX"))
    assert stream.getvalue().splitlines() == [
        "schema change 77: 0% running: CREATE INDEX",
        "schema change 77: 50% running: CREATE INDEX",
        "schema change 77: 100% running: CREATE INDEX",
    ]


def test_statements_of_a_long_file_are_told_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    stream = io.StringIO()
    progress = Progress(Console(stream))
    for second in range(12):
        now = 100.0 + second
        progress(e.StatementProgress(2, second * 1000, 352827))
    assert stream.getvalue().splitlines() == [
        "2: 5,000 of 352,827 statements",
        "2: 10,000 of 352,827 statements",
    ]


def test_statements_of_a_long_file_have_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    progress = Progress(Console(stream))
    for event in (PLANNED, STARTED, e.StatementProgress(1, 88207, 352827)):
        progress(event)
    progress.close()
    assert "1: 88,207 of 352,827 statements" in stream.getvalue()
    assert "25%" in stream.getvalue()


def test_the_result_and_the_summary() -> None:
    progress = Progress(Console(io.StringIO(), quiet=True))
    assert progress.data() == {"applied": []}
    assert progress.summary(stopped=True) == "stopped; 0 migrations applied; the state is recorded"
    progress(FINISHED)
    assert progress.summary() == "1 migration applied"
    assert progress.data() == {
        "applied": [{"version": 1, "description": "create users", "seconds": 0.012}]
    }
    progress = Progress(Console(io.StringIO(), quiet=True))
    progress(UNDONE)
    assert list(progress.data()) == ["rolled_back"]


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_does_not_end_the_run() -> None:
    progress = Progress(Console(Gone()))
    progress(FINISHED)
    assert len(progress.finished) == 1


def test_a_single_migration_on_a_terminal_needs_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    progress = Progress(Console(stream))
    for event in (e.RunPlanned("up", (1,)), STARTED, FINISHED):
        progress(event)
    progress.close()
    shown = stream.getvalue()
    assert "applying 1 create users …" in shown
    assert shown.endswith("\r\x1b[Kapplied 1 create users (12 ms)\n")


def test_several_on_a_terminal_have_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    progress = Progress(Console(stream))
    job = e.JobProgress(1, "7", "running", 0.42, "CREATE INDEX i ON t (a)")
    for event in (PLANNED, STARTED, job):
        progress(event)
    time.sleep(0.3)  # the bar is drawn ten times a second
    progress(FINISHED)
    progress.close()
    shown = stream.getvalue()
    assert "1/2" in shown and "42%" in shown and "━" in shown
    assert "\x1b[32mapplied\x1b[0m 1 create users (12 ms)" in shown
    assert shown.endswith("\x1b[2K")  # the last thing done is to clear a row
