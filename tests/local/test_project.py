"""Plain ``local:`` is one database a project: which project, its name, and that none meet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb import Database, local, project
from manticore_cockroachdb.cli import main
from manticore_cockroachdb.local import cockroach
from tests.support.servers import available

pytestmark = pytest.mark.slow

BINARY = cockroach.find()  # before the environment is made plain


@pytest.fixture(params=available())
def own_server(
    request: pytest.FixtureRequest, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """What plain ``local:`` leads to, on each engine that can be had here."""
    if request.param == "cockroachdb":
        monkeypatch.setenv("MANTICORE_COCKROACH", str(BINARY))
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", request.param)
    monkeypatch.setenv("MANTICORE_LOCAL_DIR", str(parent / "own"))
    monkeypatch.delenv("MANTICORE_CONFIG", raising=False)
    local.start(parent / "own", durable=False)
    yield parent / "own"


def begin(directory: Path, table: str, *, config: str | None = 'url = "local:"\n') -> Path:
    """A project with one migration."""
    (directory / "migrations").mkdir(parents=True)
    (directory / ".git").mkdir()
    if config is not None:
        (directory / "manticore.toml").write_text(config)
    up, down = f"CREATE TABLE {table} (id INT8 PRIMARY KEY);", f"DROP TABLE {table};"
    (directory / "migrations" / f"1_{table}.sql").write_text(f"{up}\n-- @UNDO\n{down}\n")
    return directory


def test_the_root_is_where_the_configuration_is(tmp_path: Path) -> None:
    repository = begin(tmp_path / "shop", "a")
    inner = repository / "packages" / "one"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'one'\n")
    assert project.root(inner, {}) == repository
    assert project.root(inner, {"MANTICORE_CONFIG": "/etc/x/manticore.toml"}) == Path("/etc/x")
    (inner / "pyproject.toml").write_text("[tool.manticore]\n")
    assert project.root(inner, {}) == inner


def test_without_a_configuration_a_package_a_repository_or_the_directory(tmp_path: Path) -> None:
    repository = begin(tmp_path / "shop", "a", config=None)
    deep = repository / "one" / "src"
    deep.mkdir(parents=True)
    assert project.root(deep, {}) == repository
    (repository / "one" / "pyproject.toml").write_text("[project]\n")
    assert project.root(deep, {}) == repository / "one"
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "plain").mkdir()
    assert project.root(tmp_path / "plain", {}) == tmp_path / "plain", "in no repository"


def test_a_name_is_for_people_and_never_shared(tmp_path: Path) -> None:
    found = [project.database_name(tmp_path / a / "My Shop!") for a in ("one", "two")]
    assert all(name.startswith("my_shop_") and name.isidentifier() for name in found)
    assert len(set(found)) == 2
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert project.database_name(tmp_path / "link" / "My Shop!") == found[0]
    assert project.database_name(Path("/")).startswith("project_")
    assert len(project.database_name(tmp_path / ("é" + "x" * 200))) <= 63


def test_other_local_urls_are_what_they_were(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    own = project.database_name(tmp_path)
    assert Database.from_url("local:").settings.display() == f"local:?dbname={own}"
    for url in ("local:db", "local:/some/dir", "local:?dbname=shop", "local:db?dbname=shop"):
        assert Database.from_url(url).settings.display() == url
        assert not Database.from_url(url).settings.create


def test_a_rollback_does_not_reach_another_project(
    own_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """It dropped the table of whoever had migrated last."""
    one, two = begin(tmp_path / "one", "a"), begin(tmp_path / "two", "b")
    monkeypatch.chdir(one)
    assert main(["migrate"]) == 0
    said = capsys.readouterr().err
    assert f"database local:?dbname={project.database_name(one)}\n" in said
    assert f"created the database {project.database_name(one)}\n" in said
    (one / "src").mkdir()
    monkeypatch.chdir(two)
    assert main(["rollback"]) == 0
    assert "nothing is applied" in capsys.readouterr().out
    assert main(["migrate"]) == 0
    assert main(["rollback"]) == 0
    monkeypatch.chdir(one / "src")  # and Python is in the same one, from anywhere in it
    with Database.from_url("local:") as db:
        assert db.exists("a") and not db.exists("b")


def test_the_command_s_configuration_names_the_project(
    own_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    one = begin(tmp_path / "one", "a")
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", "--config", str(one / "manticore.toml")]) == 0
    assert project.database_name(one) in capsys.readouterr().err
    assert main(["local", "url", "--config", str(one / "manticore.toml")]) == 2
    capsys.readouterr()
    monkeypatch.setenv("MANTICORE_CONFIG", str(one / "manticore.toml"))
    with Database.from_url("local:") as db:
        assert db.exists("a")
    assert main(["local", "url"]) == 0
    url = capsys.readouterr().out.strip()
    with Database.from_url(url) as db:
        assert db.exists("a")
    assert main(["local", "status"]) == 0
    assert project.database_name(one) in capsys.readouterr().out


def test_the_shared_database_of_before_is_said_once_and_kept(
    own_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any
) -> None:
    with Database.from_url("local:?dbname=defaultdb") as db:
        db.create_table("old", {"id": "INT8"})
    monkeypatch.chdir(begin(tmp_path / "one", "a"))
    assert main(["migrate"]) == 0
    said = capsys.readouterr().err
    assert "shared until now holds 1 table" in said and "local:?dbname=defaultdb" in said
    assert main(["rollback"]) == 0
    assert "shared" not in capsys.readouterr().err
    monkeypatch.chdir(begin(tmp_path / "two", "b"))
    with caplog.at_level(logging.WARNING), Database.from_url("local:"):
        pass
    assert "local:?dbname=defaultdb" in caplog.text
    with Database.from_url("local:?dbname=defaultdb") as db:
        assert db.exists("old")


def test_two_that_begin_at_once(own_server: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    failed: list[BaseException] = []

    def use() -> None:
        try:
            with Database.from_url("local:") as db:
                assert db.execute("SELECT 1 AS n") == [{"n": 1}]
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
