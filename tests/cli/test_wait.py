"""manticore wait and --deadline, as an init container and a job call them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from manticore_cockroachdb.cli.durations import seconds

from .conftest import Manticore, write, write_tables
from .test_processes import LIMIT, PROGRAM, running, until_said


def test_an_init_container_beside_a_job(on: Manticore) -> None:
    write_tables(2)
    with running("wait", "--interval", "100ms", "--json") as process:
        said = until_said(process, "waiting for ")
        assert "2 migrations, 1 to 2; nobody is migrating (for 5 min 00 s at most)" in said
        on("migrate")
        out, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    found = json.loads(out)
    assert found.pop("waited") > 0
    assert found == {"ready": True, "newer": []}
    assert on("wait").out == "Ready.\n"
    assert on("wait", "--quiet").out == ""


def test_how_it_ends(on: Manticore) -> None:
    write_tables(2)
    late = on("wait", "--timeout", "0", code=3)
    assert "still lacks 2 migrations, 1 to 2" in late.err
    on("migrate")
    path = Path("migrations/2_create_t2.sql")
    path.unlink()
    answer = on("wait")
    assert answer.out == "Ready: the database is newer, by 1 migration up to 2.\n"
    path = write(1, "create t1", "CREATE TABLE other (id INT PRIMARY KEY);")
    assert "was changed after it was applied" in on("wait", code=6).err
    assert on("wait", "--json", code=6).json["error"]["kind"] == "ChangedFile"
    assert on("wait", "--allow-changed").out.startswith("Ready")
    path.unlink()
    nothing = on("wait")  # a wrong --dir must not pass unseen
    assert "warning: " in nothing.err and "is this the right --dir?" in nothing.err


def test_nobody_listens(manticore: Manticore) -> None:
    write_tables(1)
    answer = manticore("wait", "--url", "postgresql://127.0.0.1:1/x", "--timeout", "0", code=1)
    assert "nothing listens there" in answer.err


def test_sigterm_ends_it(manticore: Manticore) -> None:
    write_tables(1)
    with running("wait", "--url", "postgresql://127.0.0.1:1/x") as process:
        until_said(process, "waiting for the database")
        process.terminate()
        assert process.wait(LIMIT) == 143


@pytest.mark.clock
def test_a_deadline(on: Manticore) -> None:
    write_tables(1)
    write(2, "slow", "SELECT pg_sleep(60);")
    late = on("migrate", "--deadline", "2s", "--json", code=8)
    error = late.json["error"]
    assert (error["kind"], error["version"], error["applied"]) == ("DeadlineReached", 2, [1])
    assert "Migration 2 was stopped at the deadline" in late.err
    assert on("current").out == "1\n"
    assert on("lock", "status").out == "Nobody is migrating.\n"
    assert "before migration 2" in on("migrate", "--deadline", "2020-01-01T00:00Z", code=8).err
    write(2, "slow", "SELECT 1;")
    assert on("migrate", "--deadline", "1m").out == "1 migration applied.\n"
    assert on("rollback", "--deadline", "1m", code=1).err  # it has no undo part


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90", 90.0),
        ("0", 0.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("10min", 600.0),
        ("500ms", 0.5),
        ("2 m 5 s", 125.0),
        ("1D", 86400.0),
        ("", None),
        ("m", None),
        ("10x", None),
        ("-5s", None),
        ("5s3", None),
    ],
)
def test_durations(text: str, found: float | None) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["soon", "2026-01-31", "2026-01-31T12:00", "-1", ""])
def test_what_is_no_deadline(manticore: Manticore, text: str) -> None:
    write_tables(1)
    answer = manticore("migrate", "--deadline", text, "--url", "postgresql://127.0.0.1:1/x", code=2)
    assert "--deadline" in answer.err


def test_many_start_at_once(on: Manticore) -> None:
    """One works, none fails; `python -m faults race --runners 450` does it with 450."""
    write_tables(5)
    many = [
        subprocess.Popen([*PROGRAM, "migrate"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(12)
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in many]
    assert [code for _, code in ends] == [0] * 12
    assert sum(b"5 migrations applied" in out for (out, _), _ in ends) == 1
    assert sum(b"Nothing to do" in out for (out, _), _ in ends) == 11
