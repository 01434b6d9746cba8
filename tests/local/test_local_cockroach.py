"""CockroachDB: which binary, what it is told, and, where there is one, the real thing."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import psycopg
import pytest

from manticore_cockroachdb import local
from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local.server import begin

pytestmark = pytest.mark.slow

# Enough of a node for what is ours: it takes connections, says where, and ends on SIGTERM.
FAKE = f"""#!{sys.executable}
import os, socket, sys
if sys.argv[1] == "version":
    print("Build Tag:        v20.2.19")
    sys.exit()
print(*sys.argv[1:], flush=True)
options = dict(word.split("=", 1) for word in sys.argv if "=" in word)
if "broken" in os.environ.get("TMPDIR", ""):
    sys.exit("ERROR: the disk is made of cheese")
server = socket.create_server(("127.0.0.1", 0))
url = f"postgresql://root@127.0.0.1:{{server.getsockname()[1]}}?sslmode=disable"
for name, text in (("pid-file", str(os.getpid())), ("listening-url-file", url)):
    with open(options["--" + name] + ".new", "w") as file:
        file.write(text + "\\n")
    os.rename(file.name, options["--" + name])
while True:
    server.accept()
"""
REAL = os.environ.get("MANTICORE_COCKROACH") or shutil.which("cockroach")


@pytest.fixture
def fake(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a program called cockroach."""
    directory = parent / "bin"
    directory.mkdir()
    (directory / "cockroach").write_text(FAKE)
    (directory / "cockroach").chmod(0o755)
    monkeypatch.delenv("MANTICORE_LOCAL_ENGINE")
    monkeypatch.delenv("MANTICORE_COCKROACH", raising=False)
    return directory


def on_path(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_a_binary_on_the_path_comes_first(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(fake, monkeypatch)
    found = local.start(home)
    assert (found.engine, found.version) == ("cockroachdb", "20.2.19")
    assert found.url is not None
    assert found.url.startswith("postgresql://root@127.0.0.1:")
    assert found.url.endswith("/defaultdb?sslmode=disable")
    assert local.start(home) == found
    said = (home / "server.log").read_text()
    assert said.startswith("start-single-node --insecure ")
    assert f"--store={home}/data --listen-addr=127.0.0.1:0 --http-addr=127.0.0.1:0" in said
    assert local.stop(home) is True
    assert local.status(home).running is False
    assert local.status(home).engine == "cockroachdb"


def test_a_binary_named_by_the_environment(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANTICORE_COCKROACH", str(fake / "cockroach"))
    assert local.start(home, durable=False).engine == "cockroachdb"
    assert f"--store={home}/data " in (home / "server.log").read_text()


def test_a_throwaway_node_keeps_its_data_in_memory(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANTICORE_COCKROACH", str(fake / "cockroach"))
    begin(home, None, durable=False, throwaway=True)
    assert "--store=type=mem,size=25% " in (home / "server.log").read_text()


def test_the_environment_names_no_program(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(fake, monkeypatch)
    monkeypatch.setenv("MANTICORE_COCKROACH", str(fake / "roach"))
    with pytest.raises(LocalServerError, match="MANTICORE_COCKROACH names"):
        local.url_for(home)


def test_the_binary_that_made_the_data_is_gone(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANTICORE_COCKROACH", str(fake / "cockroach"))
    local.start(home)
    local.stop(home)
    monkeypatch.delenv("MANTICORE_COCKROACH")
    monkeypatch.setenv("PATH", os.defpath)
    with pytest.raises(LocalServerError, match="there is no cockroach binary"):
        local.url_for(home)
    assert local.status(home).engine == "cockroachdb"


def test_a_home_of_postgresql_stays_one(
    fake: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(fake, monkeypatch)
    local.stop(made)
    assert local.start(made, durable=False).engine == "postgresql"
    assert local.start(made).engine == "postgresql"


def test_a_node_that_does_not_start(
    fake: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(fake, monkeypatch)
    monkeypatch.setenv("TMPDIR", "/broken")
    with pytest.raises(LocalServerError, match="made of cheese"):
        local.start(home)


@pytest.mark.skipif(REAL is None, reason="no cockroach binary on PATH or in MANTICORE_COCKROACH")
def test_the_real_thing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REAL is not None
    monkeypatch.setenv("MANTICORE_COCKROACH", REAL)
    found = local.start(home, engine="cockroachdb")
    assert found.url is not None and found.pid is not None
    with psycopg.connect(found.url, autocommit=True) as connection:
        assert "CockroachDB" in str(connection.execute("SELECT version()").fetchone())
        connection.execute("CREATE TABLE kept (id INT PRIMARY KEY)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert local.start(home) == found

    os.kill(found.pid, 9)
    while local.status(home).running:
        time.sleep(0.01)
    url = local.url_for(home)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id FROM kept").fetchone() == (7,)
    assert local.stop(home) is True

    root = set(Path("/").iterdir())
    with local.scratch(engine="cockroachdb") as url, psycopg.connect(url) as connection:
        assert connection.info.dbname == "defaultdb"
    assert set(Path("/").iterdir()) == root
