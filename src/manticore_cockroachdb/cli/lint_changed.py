"""Which files a change touches, by git: for ``manticore lint --changed``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import ConfigError

BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def changed(base: str | None) -> frozenset[str]:
    """The real paths of files that differ from where this branch left ``base``, and of those that
    git does not know yet. Without ``base``: the first of `BRANCHES` there is.

    Raises ConfigError where there is no git, no repository or no such branch.
    """
    root = _git("rev-parse", "--show-toplevel").strip()
    if base is None:
        base = next((one for one in BRANCHES if _is_there(one)), "HEAD")
    elif not _is_there(base):
        raise ConfigError(
            f"git knows no commit {base!r}.",
            hint="fetch it first: a CI checkout often has the newest commit only (fetch-depth: 0)",
        )
    since = _git("merge-base", "HEAD", base).strip()
    differ = _git("diff", "--name-only", "-z", "--no-renames", "--diff-filter=d", since)
    new = _git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", root)
    names = (*differ.split("\0"), *new.split("\0"))
    return frozenset(real(Path(root) / name) for name in names if name)


def real(path: str | Path) -> str:
    """A path without links, as `changed` gives them."""
    return os.path.realpath(path)


def _is_there(revision: str) -> bool:
    command = ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ConfigError(
            "There is no git here, which knows what has changed.",
            hint="--since VERSION leaves out older migrations without it",
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise ConfigError(
            f"git does not say what has changed: {said}.",
            hint="--since VERSION leaves out older migrations without it",
        )
    return done.stdout.decode(errors="surrogateescape")
