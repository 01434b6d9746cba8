"""Throwaway servers, for test suites and for trying migrations out.

Their data lie in memory where that is to be had: a disk makes a server's start three times as
long, and a new database ten times and more, though nothing waits for the disk.

They must not outlive us, whatever happens to us. So a small shell reads from a pipe that only
we can write to: it reads ``done`` when we cleared up ourselves, and the pipe's end when we were
killed; then it does the clearing up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import LocalServerError
from . import account as accounts
from .place import Engine
from .server import LocalStatus, begin, destroy

_WATCHER = """
read -r word
if [ "$word" = done ]; then exit; fi
pid=$1
shift
kill -s QUIT "$pid"
sleep 1
kill -s KILL "$pid"
rm -rf -- "$@"
"""


MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that have to be free there: a container often has 64 MB, and a server alone needs 60."""
DIRECTORY = "MANTICORE_SCRATCH_DIR"


@contextmanager
def scratch(*, engine: Engine | None = None, memory: bool = True) -> Iterator[str]:
    """The URL of a new, empty server; it and its data are gone after the block.

    It is not durable: nothing waits for a disk. ``engine`` as for `start`. Its data are in the
    directory that ``MANTICORE_SCRATCH_DIR`` names, else, with ``memory``, in ``/dev/shm`` where
    that has 1 GiB free, else where temporary files are.
    """
    home = Path(tempfile.mkdtemp(prefix="manticore-scratch-", dir=place_for_data(memory=memory)))
    if accounts.is_root():  # whose servers run under another name, and must walk through
        home.chmod(0o711)
    watcher = None
    try:
        found = begin(home, engine, durable=False, throwaway=True)
        assert found.url is not None
        watcher = _watch(home, found)
        yield found.url
    finally:
        destroy(home)
        if watcher is not None:
            watcher.communicate(b"done\n")


def place_for_data(*, memory: bool, where: Path = MEMORY, room: int = ROOM) -> str | None:
    """Where the data go, ``where`` if that has ``room``; None for wherever temporary files are."""
    if named := os.environ.get(DIRECTORY):
        if not Path(named).is_dir():
            raise LocalServerError(
                f"{DIRECTORY} names {named}, which is no directory.",
                hint="Make it, or unset the variable.",
            )
        return named
    if not memory or sys.platform != "linux" or not os.access(where, os.W_OK | os.X_OK):
        return None
    there = os.statvfs(where)
    return str(where) if there.f_bavail * there.f_frsize >= room else None


def _watch(home: Path, found: LocalStatus) -> subprocess.Popen[bytes] | None:
    if sys.platform == "win32":
        return None
    assert found.data is not None
    return subprocess.Popen(
        [
            *("/bin/sh", "-c", _WATCHER, "manticore-scratch"),
            *(str(found.pid), str(home), str(found.data.parent)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
