"""Processes: run one to its end, leave one running behind us, signal one, tail a log.

A server is started through ``/bin/sh -c '"$@" &'`` in a session of its own: the shell ends at
once, so the server is nobody's child (no zombie for us to reap, nothing that waits for us).
Its output goes to a file, never to a pipe: whoever reads a pipe waits for its last writer.
The environment is a short list, for a server may outlive the shell that had secrets in it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local.account import Account

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")
_LOG_LINES = 20


class _As(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(account: Account | None) -> _As:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def environment(**more: str) -> dict[str, str]:
    """What a server is told about the world: no locale, no time zone, no PG* variables."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", **more}


def _cannot_run(program: str, error: OSError | subprocess.SubprocessError) -> LocalServerError:
    return LocalServerError(
        f"{program} cannot be run: {error}",
        hint="a container that forbids changing the user cannot run PostgreSQL as root; "
        "run it as an ordinary user"
        if isinstance(error, (PermissionError, subprocess.SubprocessError))
        else None,
    )


def run(argv: Sequence[str], account: Account | None, *, stdin: str = "") -> str:
    """Run a program to its end and return its output; an exit code but 0 is an error."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=Path(argv[0]).anchor or None,
            env=environment(),
            check=False,
            **_as(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(argv[0], error) from error
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        reason = next((line for line in said if "error:" in line or "FATAL:" in line), None)
        raise LocalServerError(
            f"{Path(argv[0]).name} failed: {reason or ' '.join(said[-1:]) or done.returncode}",
            hint="\n".join(said[-_LOG_LINES:]) or None,
        )
    return done.stdout


def leave_running(
    argv: Sequence[str],
    *,
    log: int,
    keep: Sequence[int],
    account: Account | None,
    **more_environment: str,
) -> None:
    """Start a server that outlives us; it inherits the descriptors ``keep`` and no other."""
    try:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=keep,
            start_new_session=True,
            cwd="/",
            umask=0o077,
            env=environment(**more_environment),
            check=True,
            **_as(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(argv[0], error) from error


def send(pid: int, name: str, account: Account | None) -> None:
    """Send a signal (``INT``, ``TERM``, …), with the rights of ``account`` and no more.

    The number comes from a file that the account can write; root must not trust it.
    """
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)
    elif account is None:
        try:
            os.kill(pid, signal.Signals[f"SIG{name}"])
        except ProcessLookupError:
            return
    else:
        subprocess.run(
            ["/bin/sh", "-c", 'kill -s "$1" "$2"', "sh", name, str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **_as(account),
        )


def open_log(path: Path) -> int:
    """A new log to write to; the one of the run before is kept beside it as ``.1``."""
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o600)


def last_words(log: Path) -> str:
    """The line of a log that best says why a server ended."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-200:]
    except OSError:
        return "it left no log"
    lines = [line.strip() for line in lines if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "ERROR" in line or "PANIC" in line]
    return (telling or lines or ["it said nothing"])[-1]
