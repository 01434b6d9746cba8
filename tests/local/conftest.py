"""Homes for local servers: pytest's own directories are closed to other accounts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from manticore_cockroachdb import local


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No engine but PostgreSQL, and nobody's own directory, unless a test says otherwise."""
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", "postgresql")
    monkeypatch.setenv("MANTICORE_LOCAL_DIR", str(tmp_path / "nobody-asked-for-the-default"))
    monkeypatch.delenv("MANTICORE_COCKROACH", raising=False)


def _reachable_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="manticore-test-", dir="/tmp"))
    directory.chmod(0o711)
    return directory


@pytest.fixture
def parent() -> Iterator[Path]:
    """A directory that every account can walk through; servers below it are ended."""
    directory = _reachable_directory()
    yield directory
    for state in sorted(directory.rglob("local.json")):
        local.destroy(state.parent)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def home(parent: Path) -> Path:
    """A home where nothing is yet."""
    return parent / "home"


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A home whose data were made once for all tests; its server may run or not."""
    directory = _reachable_directory() / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MANTICORE_LOCAL_ENGINE", "postgresql")
        local.start(directory, durable=False)
    yield directory
    local.destroy(directory)
    directory.parent.rmdir()
