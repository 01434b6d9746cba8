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

from ..errors import LocalServerError
from .account import Account, cannot_change

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")
_HINT_LINES = 10


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: Account | None) -> _Identity:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment(more: dict[str, str]) -> dict[str, str]:
    """What a server is told about the world: no locale, no time zone, no PG* variables."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", **more}


def _cannot_run(program: str, account: Account | None, error: Exception) -> LocalServerError:
    if account is not None and Path(program).exists():
        return cannot_change(account, error)
    return LocalServerError(f"{program} cannot be run: {error}.")


def run(argv: Sequence[str], account: Account | None, *, stdin: str = "") -> str:
    """Run a program to its end and return its output; an exit code but 0 is an error."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            cwd=Path(argv[0]).anchor,
            env=_environment({}),
            check=False,
            **_identity(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(argv[0], account, error) from error
    if done.returncode != 0:
        said = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
        raise LocalServerError(
            f"{Path(argv[0]).name} failed: {telling(said)}",
            hint="\n".join(["It said:", *said[-_HINT_LINES:]]) if said else None,
        )
    return done.stdout


def leave_running(
    argv: Sequence[str],
    *,
    log: Path,
    keep: Sequence[int],
    account: Account | None,
    cwd: Path,
    **environment: str,
) -> None:
    """Start a server that outlives us; it inherits the descriptors ``keep`` and no other."""
    output = _open_log(log)
    try:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=keep,
            start_new_session=True,
            cwd=cwd,
            umask=0o077,
            env=_environment(environment),
            check=True,
            **_identity(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(argv[0], account, error) from error
    finally:
        os.close(output)


def run_silently(argv: Sequence[str]) -> None:
    """Run a program that leaves another behind, which would keep our pipes open."""
    try:
        subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment({}),
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(argv[0], None, error) from error


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
            **_identity(account),
        )


def command_line(pid: int) -> list[str]:
    """The words a process was started with; none if there is no such process."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        return words.rstrip("\0").split("\0") if words else []
    except OSError:
        if sys.platform == "win32" or Path("/proc/self/cmdline").exists():
            return []
    found = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def _open_log(path: Path) -> int:
    """A new log to write to; the one of the run before is kept beside it as ``.1``."""
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o600)


def failure(title: str, log: Path) -> LocalServerError:
    """Why a server ended, by what it wrote last."""
    try:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_HINT_LINES:]
    except FileNotFoundError:
        said = []
    hint = "\n".join([f"The end of {log}:", *said])
    return LocalServerError(f"{title} did not start: {telling(said)}", hint=hint)


def telling(lines: Sequence[str]) -> str:
    """The last line that speaks of an error, else the last line."""
    lines = [line.strip() for line in lines if line.strip()]
    errors = [
        line for line in lines if any(w in line for w in ("FATAL", "PANIC", "rror:", "ERROR"))
    ]
    return (errors or lines or ["it said nothing"])[-1]
