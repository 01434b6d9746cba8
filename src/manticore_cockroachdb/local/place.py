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
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..errors import LocalServerError
from . import account as accounts

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
        raise LocalServerError(
            f"{chosen} names no directory: {error}.", hint="Write the directory in full."
        ) from error
    if not str(chosen).isprintable():
        raise LocalServerError(
            f"The directory {str(chosen)!r} has characters that cannot be printed.",
            hint="Choose a name without line breaks and the like.",
        )
    return Path(os.path.abspath(chosen))  # noqa: PTH100 - keeps symlinks, unlike resolve()


def create(home: Path) -> None:
    """Make the home, or make sure that what is there is ours to use."""
    if home == ROOTS / "local":
        accounts.roots_own_directory(ROOTS)
    if not home.exists():
        _make(home)
    if not home.is_dir():
        raise _no_directory(home)
    if sys.platform == "win32":
        return
    found = home.stat()
    if os.geteuid() not in (0, found.st_uid):
        raise LocalServerError(
            f"{home} belongs to another user (uid {found.st_uid}).",
            hint="Use a directory of your own, such as local:./.manticore/db.",
        )
    if found.st_mode & 0o002:
        raise LocalServerError(
            f"Everybody may write in {home}, so nothing in it can be trusted.",
            hint=f"Name a directory below it, or: chmod o-w {home}",
        )


def _make(home: Path) -> None:
    """Make the home; who comes at the same time sees it as it shall be, or not at all."""
    home.parent.mkdir(parents=True, exist_ok=True)
    new = home.parent / f".manticore-{os.urandom(4).hex()}"
    new.mkdir(mode=0o700)
    try:
        if accounts.is_root():  # whose servers run under another name, and must walk through
            new.chmod(0o711)
        (new / ".gitignore").write_text("*\n", encoding="utf-8")
        new.rename(home)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        if not home.exists():  # else another one made it first
            raise


def expect_empty(home: Path) -> None:
    """Refuse to make data among files that are not ours; hidden ones do not count."""
    ours = {"lock", "data.new", "lost+found"}
    for entry in home.iterdir():
        if entry.name not in ours and not entry.name.startswith((".", f"{_STATE}.")):
            raise LocalServerError(
                f"{home} is not empty (there is {entry.name!r}) and holds no local database.",
                hint=f"Name a new directory, such as local:{home / 'db'}.",
            )


def _no_directory(home: Path) -> LocalServerError:
    return LocalServerError(f"{home} is not a directory.", hint="Name another directory.")


def read_state(home: Path) -> State | None:
    """What the home remembers; None if no server has been made in it."""
    path = home / _STATE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise _no_directory(home) from error
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
        f"{path} is damaged, or not a file of ours.",
        hint=f"Name another directory, or remove {path.parent} and the data in it.",
    )


def write_state(home: Path, state: State) -> None:
    """Remember; the file is there as a whole or not at all."""
    text = json.dumps({k: v for k, v in asdict(state).items() if v is not None}, indent=2) + "\n"
    new = home / f"{_STATE}.{os.urandom(4).hex()}"
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
    token = os.urandom(8).hex()
    for directory in (ROOTS, ROOTS / "data", ROOTS / "data" / token):
        accounts.roots_own_directory(directory)
    _write_owner(ROOTS / "data" / token, home)
    return token


def abandoned(home: Path) -> list[str]:
    """The ids of places that say they belong to ``home``, which was removed and made anew."""
    owners = (ROOTS / "data").glob("*/home")
    return [path.parent.name for path in owners if _read_owner(path.parent) == home]


def base_of(home: Path, state: State) -> Path:
    """Where the server's files are: the home, or the place it points to."""
    if state.place is None:
        return home
    base = ROOTS / "data" / state.place
    owner = _read_owner(base)
    if owner is None:
        raise LocalServerError(
            f"The data of {home} were in {base} and are gone.",
            hint=f"Remove {home} to begin afresh.",
        )
    if owner != home:
        moved = not owner.is_dir() or owner.samefile(home)
        other = None if moved else read_state(owner)
        if other is not None and other.place == state.place:
            raise LocalServerError(
                f"{home} is a copy of {owner}, and both point to the data in {base}.",
                hint=f"Remove {home} for a database of its own, or {owner} to keep this one.",
            )
        _write_owner(base, home)
    return base


def _read_owner(base: Path) -> Path | None:
    try:
        return Path((base / "home").read_text(encoding="utf-8").rstrip("\n"))
    except FileNotFoundError:
        return None


def _write_owner(base: Path, home: Path) -> None:
    new = base / f"home.{os.urandom(4).hex()}"
    new.write_text(f"{home}\n", encoding="utf-8")
    new.replace(base / "home")
