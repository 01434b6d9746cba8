"""Throwaway servers leave nothing behind, whatever ends them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from manticore_cockroachdb import LocalServerError, local
from manticore_cockroachdb.local.scratch import place_for_data

pytestmark = pytest.mark.slow


def home_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]).parent


def test_it_is_empty_and_gone_after_the_block() -> None:
    home = None
    with pytest.raises(ZeroDivisionError), local.scratch() as url:
        with psycopg.connect(url) as connection:
            for name in ("fsync", "full_page_writes"):
                assert connection.execute(f"SHOW {name}".encode()).fetchone() == ("off",)
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(tables).fetchone() == (0,)
        home = home_of(url)
        assert home.is_dir()
        raise ZeroDivisionError
    assert home is not None and not home.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_it_is_gone_when_its_owner_is_killed() -> None:
    program = (
        "import time; from manticore_cockroachdb import local\n"
        "with local.scratch() as url: print(url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        home = home_of(url)
        assert home.is_dir()
        owner.kill()
    deadline = time.monotonic() + 10
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not home.exists()


def test_its_data_are_in_memory_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANTICORE_SCRATCH_DIR", raising=False)
    in_memory = str(tmp_path) if sys.platform == "linux" else None
    assert place_for_data(memory=True, where=tmp_path, room=1) == in_memory
    assert place_for_data(memory=False, where=tmp_path, room=1) is None
    assert place_for_data(memory=True, where=tmp_path, room=1 << 62) is None
    assert place_for_data(memory=True, where=tmp_path / "missing", room=1) is None
    monkeypatch.setenv("MANTICORE_SCRATCH_DIR", str(tmp_path))
    assert place_for_data(memory=False) == str(tmp_path)
    monkeypatch.setenv("MANTICORE_SCRATCH_DIR", str(tmp_path / "missing"))
    with pytest.raises(LocalServerError, match="no directory"):
        place_for_data(memory=True)
