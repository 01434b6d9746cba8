"""The two locks: one at a time, and for as long as any holder lives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from manticore_cockroachdb.local import lock


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.exclusive(path, timeout=1) as first, lock.exclusive(path, timeout=0.05) as second:
        assert (first, second) == (True, False)
    with lock.exclusive(path, timeout=0) as third:
        assert third


def test_a_lock_that_nobody_made(tmp_path: Path) -> None:
    assert lock.held(tmp_path / "alive") is False
    assert not (tmp_path / "alive").exists()


def test_it_is_held_by_whoever_inherits_it(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    descriptor = lock.acquire(path, timeout=0)
    assert descriptor is not None
    with subprocess.Popen(
        ["/bin/sh", "-c", "read -r word"], stdin=subprocess.PIPE, pass_fds=[descriptor]
    ) as holder:
        os.close(descriptor)
        assert lock.held(path)
        assert lock.held(path)  # asking does not take it
        holder.kill()
    assert not lock.held(path)
