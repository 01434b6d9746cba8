"""Which directory is meant, and what is refused as one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb import local
from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import account, place
from manticore_cockroachdb.local.place import State


@pytest.fixture
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANTICORE_LOCAL_DIR")
    monkeypatch.setattr(account, "is_root", lambda: False)


def test_the_default_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANTICORE_LOCAL_DIR", "/some/where")
    assert place.locate(None) == Path("/some/where")


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.skipif(sys.platform != "linux", reason="XDG directories are Linux's")
def test_the_default_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/her")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert place.locate(None) == Path("/home/her/.local/share/manticore/local")
    monkeypatch.setenv("XDG_DATA_HOME", "/data/her")
    assert place.locate(None) == Path("/data/her/manticore/local")


@pytest.mark.usefixtures("ordinary_user")
def test_the_default_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/Users/her")
    monkeypatch.setattr(sys, "platform", "darwin")
    expected = "/Users/her/Library/Application Support/manticore/local"
    assert place.default_directory() == Path(expected)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/c/her/AppData/Local")
    assert place.default_directory() == Path("/c/her/AppData/Local/manticore/local")


def test_the_default_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANTICORE_LOCAL_DIR")
    monkeypatch.setattr(account, "is_root", lambda: True)
    assert place.locate(None) == Path("/var/lib/manticore/local")


def test_a_directory_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/her")
    assert place.locate("./.manticore/../db") == tmp_path / "db"
    assert place.locate("~/db") == Path("/home/her/db")


def test_a_name_with_a_line_break() -> None:
    with pytest.raises(LocalServerError, match="cannot be printed"):
        local.status("a\nb")


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = State("postgresql", "18.6", place="0123456789abcdef")
    assert place.read_state(tmp_path) is None
    place.write_state(tmp_path, state)
    assert place.read_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["local.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"engine": "oracle", "version": "1"}',
        b'{"engine": "postgresql"}',
        b'{"engine": "postgresql", "version": "18", "place": "../../etc"}',
    ],
)
def test_a_damaged_state(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "local.json").write_bytes(content)
    for question in (local.status, local.stop, local.url_for):
        with pytest.raises(LocalServerError, match="damaged"):
            question(tmp_path)


def test_a_file_instead_of_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for question in (local.status, local.stop, local.url_for):
        with pytest.raises(LocalServerError, match="not a directory"):
            question(file)
    with pytest.raises(LocalServerError):
        local.url_for(file / "below")
    assert file.read_text() == "mine"


def test_a_directory_with_other_things_in_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("mine")
    with pytest.raises(LocalServerError, match=r"not empty \(there is 'data'\)"):
        local.url_for(tmp_path)
    assert (tmp_path / "data" / "mine").read_text() == "mine"


def test_a_home_is_there_as_a_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else a process that comes at the same time finds one that the server may not enter."""
    home = tmp_path / "home"
    seen: list[bool] = []
    chmod = Path.chmod

    def watched(path: Path, mode: int) -> None:
        seen.append(home.exists())
        chmod(path, mode)

    monkeypatch.setattr(account, "is_root", lambda: True)
    monkeypatch.setattr(Path, "chmod", watched)
    place.create(home)
    assert seen == [False]
    assert home.stat().st_mode & 0o777 == 0o711
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_who_makes_a_home_second_takes_the_first_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    exists = Path.exists
    told = iter([False])  # the other one is about to make it
    monkeypatch.setattr(
        Path, "exists", lambda path: next(told, exists(path)) if path == home else exists(path)
    )
    home.mkdir()
    (home / "lock").touch()
    place.create(home)
    assert [path.name for path in home.iterdir()] == ["lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_directory_that_everybody_may_write_in(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(LocalServerError, match="Everybody may write"):
        local.url_for(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_made() -> None:
    with pytest.raises(LocalServerError, match="cannot hold a local database"):
        local.url_for("/proc/nowhere")
