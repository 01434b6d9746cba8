"""Throwaway servers, for test suites and for trying migrations out.

They must not outlive us, whatever happens to us. So a small shell reads from a pipe that only
we can write to: it reads ``done`` when we cleared up ourselves, and the pipe's end when we were
killed; then it does the clearing up.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def scratch(*, engine: Engine | None = None) -> Iterator[str]:
    """The URL of a new, empty server; it and its data are gone after the block.

    It is not durable: nothing waits for a disk. ``engine`` as for `start`.
    """
    home = Path(tempfile.mkdtemp(prefix="manticore-scratch-"))
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
