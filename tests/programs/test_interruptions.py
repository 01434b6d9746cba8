"""Ctrl-C, cancellation and sys.exit in Python migrations: nothing of them stays, nobody waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.errors import FileError, MigrationFailed

from ..hostile.test_interruptions import cancelled_anywhere, interrupted_anywhere

POINTS = 10
FILES = {
    "1_t.sql": "CREATE TABLE t (x INT8);\n",
    "2_x.py": 'def migrate(connection):\n    connection.insert("t", {"x": 2})\n',
    "3_y.py": 'async def migrate(connection):\n    await connection.insert("t", {"x": 3})\n',
}


@pytest.fixture
def directory(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def settle(db):
    db.execute("DROP TABLE IF EXISTS t; DELETE FROM _migrations; DELETE FROM _migrations_steps")


def is_exact(db, directory, point):
    (lease,) = db.execute("SELECT owner FROM _migrations_lease")
    assert lease["owner"] is None, f"the lease was kept at point {point}"
    versions = [row["version"] for row in db.select("_migrations", ["version"], order_by="version")]
    assert versions == [1, 2, 3][: len(versions)], point
    if versions:
        rows = [row["x"] for row in db.select("t", order_by="x")]
        assert rows == versions[1:], point
    Migration(db, directory, lease_wait=5).migrate()
    assert [row["x"] for row in db.select("t", order_by="x")] == [2, 3], point


@pytest.mark.engine("postgresql", because="quicker")
def test_an_interrupt_anywhere(server, url, directory):
    interrupted_anywhere(url, directory, POINTS, settle, is_exact)


@pytest.mark.engine("postgresql", because="quicker")
def test_a_cancellation_anywhere(server, url, directory):
    cancelled_anywhere(url, directory, POINTS, settle, is_exact)


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_sys_exit_is_a_failure(db, colour, tmp_path, kind):
    (tmp_path / "1_t.sql").write_text(FILES["1_t.sql"])
    path = tmp_path / "2_x.py"
    path.write_text(f"import sys\n\n{kind} migrate(connection):\n    sys.exit(0)\n")
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(MigrationFailed, match="SystemExit") as error:
        await migration.migrate()
    assert error.value.line == 4
    path.write_text("import sys\nsys.exit(0)\n" + FILES["2_x.py"])
    with pytest.raises(FileError, match="SystemExit") as error:
        await migration.migrate()
    assert error.value.line == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_in_one_leaves_nothing(url, tmp_path, kind, how):
    (tmp_path / "1_t.sql").write_text(FILES["1_t.sql"])
    begun = tmp_path / "begun"
    pause = "time.sleep(0.05)" if kind == "def" else "await asyncio.sleep(0.05)"
    call = "" if kind == "def" else "await "
    (tmp_path / "2_x.py").write_text(
        textwrap.dedent(
            f"""
            import asyncio, pathlib, time

            {kind} migrate(connection):
                {call}connection.insert("t", {{"x": 2}})
                pathlib.Path({str(begun)!r}).touch()
                for _ in range(400):
                    {pause}
                    {call}connection.execute("SELECT 1")
            """
        )
    )
    command = [sys.executable, "-m", "manticore_cockroachdb", "migrate"]
    process = subprocess.Popen([*command, "--url", url, "--dir", str(tmp_path)])
    try:
        deadline = time.monotonic() + 60
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(how)
        assert process.wait(30) != 0
    finally:
        process.kill()
    (tmp_path / "2_x.py").write_text(FILES["2_x.py"])
    with Database.from_url(url) as db:
        assert not Migration(db, tmp_path).is_applied(2)
        assert Migration(db, tmp_path, lease_wait=60).migrate() == 1
        assert db.select("t") == [{"x": 2}]
