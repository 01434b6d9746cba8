"""Under whose name a server runs.

PostgreSQL refuses to run as root, and containers run as root. So root's servers run under
another account: the owner of the home if that is not root, else ``postgres``, else ``nobody``.
Everybody else's servers run under their own name, which is written ``None`` here.

Root's files are often where no other account can go (``/root`` has mode 0700). We never open
such a directory to others; `may_enter` tells, and the caller puts data and programs elsewhere.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import LocalServerError


@dataclass(frozen=True, slots=True)
class Account:
    """Numbers to run a server under; it gets no other groups."""

    uid: int
    gid: int


def is_root() -> bool:
    """Whether we are root, in the sense that PostgreSQL refuses."""
    return sys.platform != "win32" and os.geteuid() == 0


def for_new_data(home: Path) -> Account | None:
    """The account for a server whose data are yet to be made in ``home``."""
    if sys.platform == "win32":
        return None
    import pwd

    if (ours := os.geteuid()) != 0:
        try:
            pwd.getpwuid(ours)
        except KeyError as error:
            raise LocalServerError(
                f"PostgreSQL refuses to be set up by a user without a name (uid {ours}).",
                hint=f"Add a line to /etc/passwd: me:x:{ours}:{os.getegid()}::/tmp:/bin/sh",
            ) from error
        return None
    owner = home.stat().st_uid
    for key in ([owner] if owner != 0 else []) + ["postgres", "nobody"]:
        try:
            entry = pwd.getpwuid(key) if isinstance(key, int) else pwd.getpwnam(key)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LocalServerError(
        "PostgreSQL refuses to run as root, and this machine has no account 'postgres' or "
        "'nobody' to run it under.",
        hint="Create one (useradd --system postgres), or run as an ordinary user.",
    )


def for_existing_data(data: Path) -> Account | None:
    """The account that owns ``data``; None when that is us."""
    if sys.platform == "win32":
        return None
    owner, ours = data.stat(), os.geteuid()
    if ours not in (0, owner.st_uid):
        raise LocalServerError(
            f"The data in {data} belong to another user (uid {owner.st_uid}).",
            hint="Use a directory of your own, such as local:./.manticore/db.",
        )
    if owner.st_uid == 0:
        raise LocalServerError(
            f"The data in {data} belong to root, and PostgreSQL refuses to run as root.",
            hint=f"Give them to another account: chown -R postgres {data}",
        )
    return None if ours != 0 else Account(owner.st_uid, owner.st_gid)


def cannot_change(account: Account, error: Exception) -> LocalServerError:
    """We are a root that may not do what root may: in a sandbox, or without capabilities."""
    return LocalServerError(
        "PostgreSQL refuses to run as root, and we may not run it under another account "
        f"(uid {account.uid}): {error}.",
        hint="Run as an ordinary user, or name a CockroachDB binary in MANTICORE_COCKROACH.",
    )


def _allows(path: Path, account: Account, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        granted = status.st_mode >> 6
    elif status.st_gid == account.gid:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & wanted == wanted


def may_enter(directory: Path, account: Account | None) -> bool:
    """Whether ``account`` can reach what lies in ``directory``, by the modes on the way."""
    if account is None:
        return True
    directory = directory.resolve()
    return all(_allows(step, account, 0o1) for step in (directory, *directory.parents))


def may_run(program: Path, account: Account | None) -> bool:
    """Whether ``account`` can reach, read and execute ``program``."""
    return account is None or (
        may_enter(program.parent, account) and _allows(program, account, 0o5)
    )


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Let what root makes in another's directory belong to that other."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def private_directory(path: Path, account: Account | None) -> None:
    """Make ``path``, mode 0700, for the account to write in; it may be there already."""
    path.mkdir(mode=0o700, exist_ok=True)
    if sys.platform == "win32":
        return
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise LocalServerError(f"{path} is not a directory.", hint=f"Remove {path}.")
    path.chmod(0o700)
    if account is not None and status.st_uid != account.uid:
        try:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        except OSError as error:
            raise cannot_change(account, error) from error


def roots_own_directory(path: Path) -> None:
    """Make ``path`` (root's, mode 0755), or make sure that nobody else can write in it."""
    if sys.platform == "win32":
        return
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise LocalServerError(
            f"{path} can be written by others than root, so nothing in it can be trusted.",
            hint=f"Remove it, or: chown root {path} && chmod 755 {path}",
        )
    if status.st_mode & 0o055 != 0o055:  # made under a strict umask
        path.chmod(0o755)
