"""Locks between processes: a file, locked by the kernel, freed when its holder is gone.

`exclusive` guards starting and stopping. `acquire` returns the locked descriptor itself: a
server inherits it and so holds the lock for exactly as long as it lives, which `held` asks.
``flock`` belongs to the open file, not to the process, and is passed on by fork and exec;
``msvcrt.locking`` is not, so on Windows only `exclusive` has a use.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .account import give_to_owner

_POLL = 0.01

if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def acquire(path: Path, *, timeout: float) -> int | None:
    """The descriptor of ``path``, locked; None if others held it for ``timeout`` seconds."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        give_to_owner(descriptor, path.parent)
        deadline = time.monotonic() + timeout
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(_POLL)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def exclusive(path: Path, *, timeout: float) -> Iterator[bool]:
    """Hold ``path`` for the block; the block gets False if it could not be had in time."""
    descriptor = acquire(path, timeout=timeout)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def held(path: Path) -> bool:
    """Whether anybody holds ``path``. Asking disturbs nobody but an `acquire`, which retries."""
    if sys.platform == "win32":
        raise NotImplementedError("locks are not inherited on Windows")
    else:  # noqa: RET506 - so that mypy sees no fcntl on Windows
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            return not _try(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)
