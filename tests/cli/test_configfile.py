"""Which file is the configuration, and what is said of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb.configfile import find, read
from manticore_cockroachdb.errors import ConfigError

PYPROJECT = '[tool.manticore]\nurl = "local:"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    return tmp_path


def test_there_need_be_none(tmp_path: Path) -> None:
    assert find(tmp_path) is None


def test_it_is_found_upwards_to_the_root_of_the_repository(repository: Path) -> None:
    (repository / "pyproject.toml").write_text(PYPROJECT)
    found = find(repository / "a" / "b")
    assert found is not None
    assert (found.path, dict(found.table)) == (repository / "pyproject.toml", {"url": "local:"})


def test_it_is_not_found_above_the_repository(repository: Path) -> None:
    (repository / "pyproject.toml").write_text(PYPROJECT)
    (repository / "a" / ".git").write_text("gitdir: elsewhere")
    assert find(repository / "a" / "b") is None


def test_outside_a_repository_only_the_directory_itself_counts(tmp_path: Path) -> None:
    (tmp_path / "manticore.toml").write_text('url = "postgresql://attacker/"')
    (tmp_path / "work").mkdir()
    assert find(tmp_path / "work") is None
    assert find(tmp_path) is not None


def test_the_nearest_counts_and_a_pyproject_of_others_does_not(repository: Path) -> None:
    (repository / "manticore.toml").write_text('dir = "top"')
    (repository / "a" / "pyproject.toml").write_text('[project]\nname = "manticore-user"\n')
    found = find(repository / "a" / "b")
    assert found is not None and found.path.parent == repository
    (repository / "a" / "pyproject.toml").write_text(PYPROJECT)
    found = find(repository / "a" / "b")
    assert found is not None and found.path.parent == repository / "a"


def test_manticore_toml_comes_before_pyproject(repository: Path) -> None:
    (repository / "pyproject.toml").write_text(PYPROJECT)
    (repository / "manticore.toml").write_text('dir = "x"')
    found = find(repository)
    assert found is not None and found.path.name == "manticore.toml"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("manticore.toml", b"url = ", "is not TOML"),
        ("manticore.toml", b"url = '\xff'", "it is not UTF-8"),
        ("pyproject.toml", b"[tool]\nmanticore = 3", "is not a table"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        find(tmp_path)


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "manticore.toml"
    path.write_bytes(b'\xef\xbb\xbfdir = "x"')
    found = read(path)
    assert found is not None and dict(found.table) == {"dir": "x"}


def test_a_file_that_is_not_there_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "nope.toml")
