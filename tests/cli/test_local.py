"""`manticore local` manages a server of one's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from manticore_cockroachdb import local

from .conftest import Manticore

pytestmark = pytest.mark.slow


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that every account can walk through."""
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", "postgresql")
    parent = Path(tempfile.mkdtemp(prefix="manticore-test-", dir="/tmp"))
    parent.chmod(0o711)
    yield parent / "db"
    local.destroy(parent / "db")
    shutil.rmtree(parent, ignore_errors=True)


def test_from_nothing_to_stop(manticore: Manticore, home: Path) -> None:
    where = str(home)
    assert "There is no database" in manticore("local", "status", where).out
    url = manticore("local", "url", where).out.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    text = manticore("local", "status", where).out
    assert text.startswith("PostgreSQL ") and "running, pid " in text and url in text
    found = manticore("local", "status", where, "--json").json
    assert (found["running"], found["url"], found["engine"]) == (True, url, "postgresql")
    assert manticore("local", "start", where, "--json").json["pid"] == found["pid"]
    assert manticore("local", "stop", where).out == "Stopped.\n"
    assert manticore("local", "stop", where).out == "It was not running.\n"
    assert ": not running" in manticore("local", "status", where).out
    answer = manticore("local", "start", where, "--engine", "cockroachdb", code=1)
    assert "holds data of postgresql" in answer.err


def test_without_a_directory_it_is_the_users_own(
    manticore: Manticore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANTICORE_LOCAL_DIR", str(home))
    assert manticore("local", "status", "--json").json["directory"] == str(home)
