"""Directories: which one is meant, where its data are, and what ``local.json`` remembers.

Data lie in the home itself. The one exception is a root's home that the server's account
cannot enter (anything below ``/root``): then the data are in ``/var/lib/manticore/data/<id>``
and ``local.json`` holds the id. Only an id, so that a file which another user may have written
cannot point root at a path of its choice. That place names its home in turn, so that a *moved*
home is followed and a *copied* one is told apart.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import account as accounts

Engine = Literal["cockroachdb", "postgresql"]

ROOTS = Path("/var/lib/manticore")
_STATE = "local.json"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class State:
    """What a home remembers between runs. ``password`` is for Windows, which has no socket."""

    engine: Engine
    version: str
    place: str | None = None
    password: str | None = None


def default_directory() -> Path:
    """The home of plain ``local:``: one for each user."""
    if named := os.environ.get("MANTICORE_LOCAL_DIR"):
        return Path(named)
    if accounts.is_root():
        return ROOTS / "local"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "manticore" / "local"


def locate(directory: Path | str | None) -> Path:
    """The home that is meant, as an absolute path."""
    chosen = default_directory() if directory is None else Path(directory)
    try:
        chosen = chosen.expanduser()
    except RuntimeError as error:
        raise LocalServerError(f"{chosen}: {error}", hint="write the directory in full") from error
    text = str(chosen)
    if not text.isprintable():
        raise LocalServerError(
            f"the directory {text!r} has characters in its name that cannot be printed",
            hint="choose a name without line breaks and the like",
        )
    return Path(os.path.abspath(chosen))  # noqa: PTH100 - keeps symlinks, unlike resolve()


def create(home: Path) -> None:
    """Make the home, or make sure that what is there is ours to use."""
    if home == ROOTS / "local":
        accounts.roots_own_directory(ROOTS)
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Root's servers run under another account, which must be able to walk through.
        home.mkdir(mode=0o711 if accounts.is_root() else 0o700, exist_ok=True)
        if accounts.is_root():
            home.chmod(0o711)
    if not home.is_dir():
        raise LocalServerError(f"{home} is a file, not a directory", hint="name another directory")
    if sys.platform == "win32":
        return
    found = home.stat()
    if os.geteuid() not in (0, found.st_uid):
        raise LocalServerError(
            f"{home} belongs to another user (uid {found.st_uid})",
            hint="use a directory of your own, e.g. local:./.manticore/db",
        )
    if found.st_mode & 0o002:
        raise LocalServerError(
            f"everybody may write in {home}, so nothing in it can be trusted",
            hint=f"name a directory below it, or: chmod o-w {home}",
        )


def read_state(home: Path) -> State | None:
    """What the home remembers; None if no server has been made in it."""
    path = home / _STATE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise LocalServerError(
            f"{home} is a file, not a directory", hint="name another directory"
        ) from None
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(raw, dict):
        raise _damaged(path)
    engine, version = raw.get("engine"), raw.get("version")
    place, password = raw.get("place"), raw.get("password")
    if (
        engine not in ("cockroachdb", "postgresql")
        or not isinstance(version, str)
        or not (place is None or (isinstance(place, str) and _ID.fullmatch(place)))
        or not (password is None or isinstance(password, str))
    ):
        raise _damaged(path)
    return State(engine, version, place, password)


def _damaged(path: Path) -> LocalServerError:
    return LocalServerError(
        f"{path} is not a file of ours, or is damaged",
        hint=f"remove the directory {path.parent} to begin afresh (its data are lost)",
    )


def write_state(home: Path, state: State) -> None:
    """Remember; the file is there as a whole or not at all."""
    text = json.dumps({k: v for k, v in asdict(state).items() if v is not None}, indent=2) + "\n"
    new = home / f"{_STATE}.{secrets.token_hex(4)}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        accounts.give_to_owner(descriptor, home)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(home / _STATE)


def new_place(home: Path, account: accounts.Account | None) -> str | None:
    """The id of a place for the data of ``home``; None when the home itself will do."""
    if accounts.may_enter(home, account):
        return None
    token = secrets.token_hex(8)
    accounts.roots_own_directory(ROOTS)
    accounts.roots_own_directory(ROOTS / "data")
    accounts.roots_own_directory(ROOTS / "data" / token)
    _write_owner(ROOTS / "data" / token, home)
    return token


def base_of(home: Path, state: State) -> Path:
    """Where the server's files are: the home, or the place it points to."""
    if state.place is None:
        return home
    base = ROOTS / "data" / state.place
    try:
        owner = Path((base / "home").read_text(encoding="utf-8").rstrip("\n"))
    except FileNotFoundError as error:
        raise LocalServerError(
            f"the data of {home} were in {base} and are gone",
            hint=f"remove {home} to begin afresh",
        ) from error
    if owner != home:
        other = read_state(owner) if owner.is_dir() and not _same(owner, home) else None
        if other is not None and other.place == state.place:
            raise LocalServerError(
                f"{home} is a copy of {owner}, and both point to the data in {base}",
                hint=f"remove {home} for a database of its own, or {owner} to keep this one",
            )
        _write_owner(base, home)
    return base


def _same(one: Path, two: Path) -> bool:
    return one.samefile(two) if one.exists() and two.exists() else False


def _write_owner(base: Path, home: Path) -> None:
    new = base / f"home.{secrets.token_hex(4)}"
    new.write_text(f"{home}\n", encoding="utf-8")
    new.replace(base / "home")
