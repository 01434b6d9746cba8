"""--events, --on-event, --metrics: what a run tells programs, and that they never stop it."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from manticore_cockroachdb.cli import otel
from manticore_cockroachdb.cli.reports.commands import Commands
from manticore_cockroachdb.cli.reports.metrics import MOST, of_backfills, text
from manticore_cockroachdb.cli.terminal.console import Console

from .conftest import Answer, Manticore, write, write_tables


def lines(found: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.splitlines()]


def numbers(found: str) -> dict[str, float]:
    """Samples by name, one of each."""
    families = text_string_to_metric_families(found)
    return {sample.name: sample.value for family in families for sample in family.samples}


def script(name: str, body: str) -> str:
    """Write a program of Python's and return a command line that runs it."""
    Path(name).write_text(body, encoding="utf-8")
    return f"{sys.executable} {name}"


# --- --events --------------------------------------------------------------------------------


def test_events_are_lines_of_json_behind_what_is_there(on: Manticore) -> None:
    write_tables(3)
    Path("e").write_text('{"event": "older"}\n')
    on("migrate", "--events", "e")
    on("rollback", "--count", "1", "--events", "e")
    found = lines(Path("e").read_text())
    names = [line["event"] for line in found]
    assert names[:2] == ["older", "run_started"]
    assert names.count("migration_finished") == 4 and names.count("run_finished") == 2
    ended = [line for line in found if line["event"] == "run_finished"]
    assert [line["command"] for line in ended] == ["migrate", "rollback"]
    assert [line["migrations"] for line in ended] == [[1, 2, 3], [3]]
    assert all(line["exit_code"] == 0 and line["success"] for line in ended)
    assert len({line["run"] for line in found[1:]}) == 2
    assert all(line["time"].endswith("Z") for line in found[1:])


def test_on_stdout_there_is_nothing_else(on: Manticore) -> None:
    write_tables(2)
    answer = on("migrate", "--events", "-")
    assert [line["event"] for line in lines(answer.out)][-1] == "run_finished"
    assert "2 migrations applied" in answer.err
    answer = on("migrate", "--events", "-", "--quiet")
    assert [line["event"] for line in lines(answer.out)] == ["run_started", "run_finished"]
    assert "Nothing to do" not in answer.err


def test_json_and_events_on_stdout_exclude_each_other(on: Manticore) -> None:
    write_tables(1)
    answer = on("migrate", "--events", "-", "--json", code=2)
    assert "both write to stdout" in answer.err
    on("status", "--exit-code", code=3)  # nothing has run


def test_an_error_is_told_without_the_sql(on: Manticore) -> None:
    write(1, "a", "CREATE TABLE t (id INT PRIMARY KEY);")
    write(2, "b", "INSERT INTO t (id) VALUES (1);\nINSERT INTO nowhere VALUES ('hush');")
    answer = on("migrate", "--events", "-", code=1)
    found = lines(answer.out)[-1]
    assert found["event"] == "run_finished" and not found["success"]
    assert found["error"]["kind"] == "MigrationFailed" and found["error"]["version"] == 2
    assert found["error"]["path"] == "migrations/2_b.sql" and found["error"]["line"] == 2
    assert found["error"]["sqlstate"] == "42P01" and found["migrations"] == [1]
    assert "hush" not in answer.out


def test_the_steps_of_a_migration_say_what_they_do(on: Manticore, server: Any) -> None:
    concurrently = "CONCURRENTLY " if server.engine == "postgresql" else ""
    write(1, "a", "CREATE TABLE t (id INT PRIMARY KEY, name TEXT);")
    write(2, "b", f"CREATE INDEX {concurrently}i ON t (name) WHERE name <> 'hush';")
    answer = on("migrate", "--events", "-")
    steps = [line for line in lines(answer.out) if line["event"] == "step_started"]
    assert steps[-1]["statement"] == "CREATE INDEX i" and "hush" not in answer.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is imitated by /dev/full")
def test_a_full_disk_is_said_once_and_the_run_goes_on(on: Manticore) -> None:
    write_tables(3)
    answer = on("migrate", "--events", "/dev/full")
    assert answer.err.count("Events are not written any more") == 1
    assert "3 migrations applied" in answer.out


def test_a_file_that_cannot_be_opened_is_an_error_before_anything_runs(on: Manticore) -> None:
    write_tables(1)
    for option in ("--events", "--metrics"):
        answer = on("migrate", option, "nowhere/file", code=None)
        assert answer.code in (1, 2) and "nowhere" in answer.err
        assert "needs the name of a file" in on("migrate", option, "", code=2).err
    on("status", "--exit-code", code=3)


# --- --on-event ------------------------------------------------------------------------------

KEEP = "import sys\nopen('told', 'a').write(sys.stdin.read())\n"


def test_a_program_gets_every_event_in_order(on: Manticore) -> None:
    write_tables(2)
    on("migrate", "--on-event", script("keep.py", KEEP))
    names = [line["event"] for line in lines(Path("told").read_text())]
    assert names[0] == "run_started" and names[-1] == "run_finished"
    assert names.count("migration_finished") == 2


def test_nothing_of_an_event_is_part_of_a_command_line(on: Manticore) -> None:
    Path("migrations").mkdir()
    name = "1_a;touch_hacked;$(touch_hacked2).sql"
    Path("migrations", name).write_text("CREATE TABLE t (id INT PRIMARY KEY);")
    on("migrate", "--on-event", script("keep.py", KEEP), code=None)
    assert "touch hacked" in Path("told").read_text()
    assert not Path("hacked").exists() and not Path("hacked2").exists()


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)", ""])
def test_a_program_that_fails_or_reads_nothing_changes_nothing(on: Manticore, body: str) -> None:
    write_tables(2)
    answer = on("migrate", "--on-event", script("fail.py", body))
    assert "2 migrations applied" in answer.out
    assert ("failed" in answer.err) == bool(body)


def test_a_program_that_is_not_there_is_an_error_before_anything_runs(on: Manticore) -> None:
    write_tables(1)
    for command in ("nonesuch --x", "'unterminated", ""):
        answer = on("migrate", "--on-event", command, code=None)
        assert answer.code == 2 and "--on-event" in answer.err, command
    on("status", "--exit-code", code=3)


def console(capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(sys.stderr)


def test_a_slow_one_is_ended_with_what_it_started_and_the_rest_is_counted(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    body = """
import subprocess, sys
started = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
open('pid', 'w').write(str(started.pid))
started.wait()
"""
    told = Commands(script("slow.py", body), Console(sys.stderr), limit=1, patience=2, waiting=5)
    for n in range(20):
        told.hear({"event": "notice", "n": n})
    told.close()
    said = capfd.readouterr().err
    assert "took longer than" in said and "were not handed to it" in said
    left = Path("pid").read_text()
    stat = Path("/proc", left, "stat")  # one that ended has none, or waits for whoever adopts it

    deadline = time.monotonic() + 30  # SIGKILL is obeyed when the process is run next
    with suppress(FileNotFoundError, ProcessLookupError):  # it may go between two looks
        while ") Z" not in (found := stat.read_text()):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


def test_progress_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = Commands(script("keep.py", KEEP), Console(sys.stderr))
    for name in ("statement_progress", "job_progress", "backfill_progress"):
        told.hear({"event": name})
    told.close()
    assert not Path("told").exists()


# --- --metrics -------------------------------------------------------------------------------


def test_the_numbers_of_a_run(on: Manticore) -> None:
    write_tables(3)
    on("migrate", "--metrics", "m.prom")
    found = numbers(Path("m.prom").read_text())
    assert found["manticore_run_success"] == 1 and found["manticore_run_exit_code"] == 0
    assert found["manticore_run_migrations"] == 3 and found["manticore_migration_version"] == 3
    assert 0 < found["manticore_run_duration_seconds"] < 600
    assert (
        found["manticore_run_start_timestamp_seconds"]
        <= (found["manticore_run_end_timestamp_seconds"])
    )
    assert {path.name for path in Path().iterdir()} == {"migrations", "m.prom"}


def test_a_run_that_fails_is_no_success(on: Manticore) -> None:
    write(1, "a", "CREATE TABLE t (id INT PRIMARY KEY);")
    write(2, "b", "SELECT 1 / 0;")
    on("migrate", "--metrics", "m.prom", code=1)
    found = numbers(Path("m.prom").read_text())
    assert found["manticore_run_success"] == 0 and found["manticore_run_exit_code"] == 1
    assert found["manticore_run_migrations"] == 1


def test_backfills(on: Manticore) -> None:
    write(1, "a", "CREATE TABLE t (id INT PRIMARY KEY, name TEXT);")
    write(2, "rows", "INSERT INTO t (id) SELECT generate_series(1, 300);")
    write(3, "b", "-- @backfill t\nUPDATE t SET name = 'x' WHERE :batch;")
    on("migrate", "--metrics", "m.prom")
    assert numbers(Path("m.prom").read_text())["manticore_backfill_rows_total"] == 300
    answer = on("backfill", "status", "--prometheus")
    found = numbers(answer.out)
    assert found["manticore_backfill_rows_total"] == 300
    assert found["manticore_backfill_complete"] == 1
    assert 'state="complete"} 1.0' in answer.out and 'backfill="3"' in answer.out
    on("backfill", "status", "--prometheus", "--json", code=2)


def test_labels_are_bounded_and_escaped() -> None:
    from datetime import UTC, datetime, timedelta

    from manticore_cockroachdb.backfill.results import BackfillStatus

    def status(n: int, state: str) -> BackfillStatus:
        at = datetime.now(UTC) + timedelta(seconds=n)
        return BackfillStatus(
            f'b"{n}\\\n', n, "up", "t", False, state, None, n, None, 1, 1, 1, None, None, 0, at,
            None, None,
        )  # fmt: skip

    many = [status(n, "complete") for n in range(3 * MOST)] + [status(-1, "running")]
    found = list(text_string_to_metric_families(text(of_backfills(many, "d"))))
    rows = next(f for f in found if f.name == "manticore_backfill_rows")
    assert len(rows.samples) == MOST
    names = {sample.labels["backfill"] for sample in rows.samples}
    assert 'b"-1\\\n' in names and f'b"{3 * MOST - 1}\\\n' in names
    states = next(f for f in found if f.name == "manticore_backfills")
    assert {s.labels["state"]: s.value for s in states.samples}["complete"] == 3 * MOST


# --- OpenTelemetry by its variables -----------------------------------------------------------


def test_a_command_tells_opentelemetry_where_its_variables_say_so(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    monkeypatch.chdir(tmp_path)
    write_tables(1)
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    environ = {
        **os.environ,
        "DATABASE_URL": url,
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "TRACEPARENT": parent,
    }

    def run(**more: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--quiet"],
            env={**environ, **more},
            capture_output=True,
            text=True,
            check=True,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    told = run().out
    assert '"name": "migration"' in told and '"service.name": "manticore"' in told
    assert told.count(parent.split("-")[1]) >= 2 and f"0x{parent.split('-')[2]}" in told
    assert run(OTEL_SDK_DISABLED="true").out == ""
    warned = run(OTEL_TRACES_EXPORTER="nonesuch")
    assert warned.out == "" and "Telemetry is off" in warned.err


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_which_variables_ask_for_telemetry(environ: dict[str, str], on: bool) -> None:
    assert otel.wanted(environ) is on
