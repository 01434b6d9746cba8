"""The program as a process: signals, a terminal, a reader that goes away."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from manticore_cockroachdb import Database
from tests.support.differences import lacks
from tests.support.servers import Server

from .conftest import Manticore, write, write_tables

if sys.platform == "win32":
    pytest.skip("Windows has neither these signals nor ptys", allow_module_level=True)

PROGRAM = [sys.executable, "-m", "manticore_cockroachdb"]
LIMIT = 30.0


@contextmanager
def running(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A command under way."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
        # Under nohup the tests would hand on that hang-ups are ignored, and rightly be obeyed.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_said(process: subprocess.Popen[str], text: str) -> str:
    """Read stderr until a text has come."""
    assert process.stderr is not None
    said = ""
    while text not in said:
        line = process.stderr.readline()
        assert line, f"it ended and said {said!r}"
        said += line
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_in_good_order(on: Manticore, number: signal.Signals) -> None:
    write_tables(1)
    write(2, "slow", "CREATE TABLE t2 (id INT); SELECT pg_sleep(60);", "DROP TABLE t2;")
    with running("migrate", "-v") as process:
        until_said(process, "applying 2 slow")
        time.sleep(0.3)
        process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 128 + number
    assert "stopping in good order" in said
    assert "stopped; 1 migration applied; the state is recorded" in said
    assert "Traceback" not in said
    assert on("lock", "status").out == "Nobody is migrating.\n"
    assert on("current").out == "1\n"
    write(2, "slow", "CREATE TABLE t2 (id INT);", "DROP TABLE t2;")
    assert on("migrate").out == "1 migration applied.\n"


@pytest.mark.clock
def test_sigterm_frees_the_lease_within_a_second(on: Manticore, url: str, server: Server) -> None:
    """Whoever takes over need not wait for it to run out; whatever the signal meets."""
    write(1, "slow", "CREATE TABLE t1 (id INT); SELECT pg_sleep(60);")
    with Database.from_url(url) as db, running("migrate", "-v", DATABASE_URL=url) as process:
        until_said(process, "applying 1 slow")
        time.sleep(0.5)
        assert db.execute("SELECT owner FROM _migrations_lease")[0]["owner"] is not None
        process.terminate()
        sent = time.monotonic()
        while db.execute("SELECT owner FROM _migrations_lease")[0]["owner"] is not None:
            assert time.monotonic() < sent + LIMIT
            time.sleep(0.01)
        took = time.monotonic() - sent
        assert process.wait(LIMIT) == 143
    assert took < (10.0 if lacks(server, "cancel requests") else 1.0)


def test_a_second_signal_stops_at_once() -> None:
    program = (
        "import sys, time\n"
        "from manticore_cockroachdb.cli.signals import handled\n"
        "with handled():\n"
        "    try:\n"
        "        print('ready', file=sys.stderr, flush=True)\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaning up', file=sys.stderr, flush=True)\n"
        "        time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    try:
        until_said(process, "ready")
        process.send_signal(signal.SIGTERM)
        until_said(process, "cleaning up")
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == -signal.SIGINT
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(
    subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="making a PID namespace takes unshare(1), and the right to",
)
def test_as_the_first_process_of_a_container_too() -> None:
    """The kernel hands such a process no signal that it does not handle: pid_namespaces(7)."""
    program = (
        "import os, sys, time\n"
        "from manticore_cockroachdb.cli.signals import handled\n"
        "with handled():\n"
        "    try:\n"
        "        print(os.getpid(), 'ready', file=sys.stderr, flush=True)\n"
        "        os.kill(1, 15)\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        os.kill(1, 15)\n"
        "        time.sleep(60)\n"
    )
    done = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stderr) == (143, "1 ready\n")


def test_a_reader_that_went_away_is_no_crash(on: Manticore) -> None:
    write_tables(1)
    on("migrate")
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["history"], ["status", "--json"], ["--help"]):
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=LIMIT
        )
        assert (done.returncode, done.stderr) == (141, "")
    # Nobody hears what is said on stderr: the migrations are applied all the same.
    write_tables(3)
    done = subprocess.run(
        [*PROGRAM, "migrate"], stdout=subprocess.PIPE, stderr=writer, text=True, timeout=LIMIT
    )
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "2 migrations applied.\n")


# --- on a terminal --------------------------------------------------------------------------

# What a terminal shows does not depend on the server: one will do.
one_server = pytest.mark.engine("postgresql", because="one engine")


class Screen:
    """A terminal of 80 columns with a command in it."""

    def __init__(self, *arguments: str, **environ: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.shown = ""
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **environ},
        )
        os.close(side)

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def wait_for(self, text: str) -> None:
        while text not in self.shown:
            assert self._read(), f"it ended and showed {self.shown!r}"

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        while self._read():
            pass
        os.close(self._main)
        return self.process.wait(LIMIT)

    def _read(self) -> bool:
        if not select.select([self._main], [], [], LIMIT)[0]:
            self.process.kill()
            raise AssertionError(f"nothing for {LIMIT:.0f} s after {self.shown!r}")
        try:
            data = os.read(self._main, 4096)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@one_server
@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, ""), ("n", 1, "3"), ("", 1, "3")])
def test_several_are_asked_for(on: Manticore, answer: str, code: int, left: str) -> None:
    write_tables(3)
    on("migrate")
    screen = Screen("rollback", "--all")
    screen.wait_for("Roll them back?")
    assert "3 migrations will be rolled back:" in screen.shown
    assert re.findall(r"(\d)  create t\d", screen.shown) == ["3", "2", "1"]
    screen.type(f"{answer}\n")
    assert screen.wait() == code
    assert ("Nothing was done." in screen.shown) == (code == 1)
    assert on("current").out.strip() == left


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, "1"), ("n", 1, "2")])
def test_a_table_with_rows_is_asked_for(on: Manticore, answer: str, code: int, left: str) -> None:
    write_tables(1)
    table = 'CREATE TABLE "a, b" (id INT PRIMARY KEY); INSERT INTO "a, b" VALUES (1);'
    write(2, "with a row", table, 'DROP TABLE "a, b";')
    on("migrate")
    screen = Screen("rollback")
    screen.wait_for("Roll it back?")
    assert "database " in screen.shown and "1 migration will be rolled back:" in screen.shown
    assert 'there are rows in "a, b"' in screen.shown
    screen.type(f"{answer}\n")
    assert screen.wait() == code
    assert on("current").out.strip() == left
    on("migrate")
    screen = Screen("rollback", "--yes")
    assert screen.wait() == 0
    assert "Roll it back?" not in screen.shown and "destroys all rows" in screen.shown
    screen = Screen("rollback")  # an empty table is nobody's loss
    assert screen.wait() == 0
    assert on("current").out == ""


def test_where_nobody_can_be_asked_one_is_reverted_as_told(on: Manticore) -> None:
    """As scripts do since ever; what goes is said."""
    write(1, "one", "CREATE TABLE t (id INT); INSERT INTO t VALUES (1);", "DROP TABLE t;")
    on("migrate")
    answer = on("rollback")
    assert "destroys all rows of t" in answer.err
    assert answer.out == "1 migration rolled back.\n"


def test_a_migration_without_a_file_is_not_reverted(on: Manticore) -> None:
    write_tables(1)
    path = write(2, "theirs", "CREATE TABLE theirs (id INT);", "DROP TABLE theirs;")
    on("migrate")
    path.unlink()
    refused = on("rollback", code=6)
    assert "Migration 2 (theirs) has no file here" in refused.err
    assert "--allow-missing" in refused.err
    assert on("rollback", "--allow-missing").out == "1 migration rolled back.\n"
    assert on("rollback").out == "1 migration rolled back.\n"


@one_server
def test_ctrl_c_at_the_question_does_nothing(on: Manticore) -> None:
    write_tables(2)
    on("migrate")
    screen = Screen("rollback", "--all")
    screen.wait_for("Roll them back?")
    screen.process.send_signal(signal.SIGINT)
    assert screen.wait() == 130
    assert on("current").out == "2\n"


@one_server
def test_a_bar_and_colours_on_a_terminal(on: Manticore) -> None:
    write(1, "one", "SELECT 1;")
    write(2, "two", "SELECT pg_sleep(0.5);")
    screen = Screen("migrate")
    assert screen.wait() == 0
    assert "0/2" in screen.shown and "━" in screen.shown
    assert "\x1b[32mapplied\x1b[0m 1 one (" in screen.shown
    for row in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.shown)):
        assert len(row) <= 78


@one_server
def test_no_color_is_honoured(on: Manticore) -> None:
    write(1, "one", "SELECT 1;")
    write(2, "two", "SELECT pg_sleep(0.5);")
    for arguments in (["migrate"], ["migrate", "--to", "9"]):
        screen = Screen(*arguments, NO_COLOR="1")
        screen.wait()
        assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", screen.shown), screen.shown


@one_server
def test_a_dumb_terminal_gets_plain_lines(on: Manticore) -> None:
    write_tables(2)
    screen = Screen("migrate", TERM="dumb")
    assert screen.wait() == 0
    assert "\x1b" not in screen.shown
    assert "applied 1 create t1 (" in screen.shown
