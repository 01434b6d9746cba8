"""A command line in the test's own process, in a directory and an environment of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command line printed and ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout, which is one JSON text."""
        return json.loads(self.out)


Manticore = Callable[..., Answer]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the caller's counts, and the current directory is empty."""
    servers = {"MANTICORE_COCKROACH", "MANTICORE_TEST_COCKROACH_URL", "MANTICORE_TEST_POSTGRES_URL"}
    for name in set(os.environ) - servers:
        if name.startswith(("MANTICORE_", "PG")) or name in ("DATABASE_URL", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def manticore(capsys: pytest.CaptureFixture[str]) -> Manticore:
    """Run a command line; ``code`` is what it has to end with."""

    def run(*arguments: str, code: int | None = 0) -> Answer:
        capsys.readouterr()
        found = main(arguments)
        out, err = capsys.readouterr()
        assert code is None or found == code, f"exit code {found}\n{out}\n{err}"
        return Answer(found, out, err)

    return run


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, url: str, manticore: Manticore) -> Manticore:
    """The same, with the test's empty database as DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", url)
    return manticore


def write(version: int, description: str, up: str, down: str | None = None) -> Path:
    """Write a migration below the current directory."""
    directory = Path("migrations")
    directory.mkdir(exist_ok=True)
    path = directory / f"{version}_{description.replace(' ', '_')}.sql"
    path.write_text(up + ("" if down is None else f"\n-- @UNDO\n{down}\n"), encoding="utf-8")
    return path


def write_tables(count: int) -> None:
    """Write migrations 1 to ``count``, a table each."""
    for n in range(1, count + 1):
        write(n, f"create t{n}", f"CREATE TABLE t{n} (id INT PRIMARY KEY);", f"DROP TABLE t{n};")
