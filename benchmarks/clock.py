"""Processes started, timed and weighed; measurements taken in turns.

A process is measured from before it is started to after it has ended, by wall clock, by the CPU
time that the kernel charged to it and its children, and by the most memory it ever held. The
kernel counts into that what the measuring process held when it started the other, some 50 MB; so
nothing large happens in the measuring process.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

_DROPPED = ("PG", "MANTICORE_", "DATABASE_URL", "PYTHON", "DBMATE_", "DJANGO_", "YOYO_")
T = TypeVar("T")


class CommandFailed(Exception):
    """A measured command did not do what it should; says which and what it printed."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: arguments, where, with what added to the environment."""

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds by the clock, seconds of CPU, bytes held at most, what it printed."""

    seconds: float
    cpu: float
    peak: int
    out: str
    code: int


def run(command: Command, *, limit: float = 900.0) -> Run:
    """Run a command to its end. Raises CommandFailed on an unexpected exit code."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)} | dict(command.env)
    with tempfile.TemporaryFile() as out, open(os.devnull) as nothing:  # noqa: PTH123
        before = os.getcwd()  # noqa: PTH109 - posix_spawn has no cwd
        try:
            if command.cwd is not None:
                os.chdir(command.cwd)
            started = time.perf_counter()
            pid = os.posix_spawnp(
                command.argv[0],
                list(command.argv),
                env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 2),
                ],
            )
        finally:
            os.chdir(before)
        timer = threading.Timer(limit, os.kill, (pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(pid, 0)
        took = time.perf_counter() - started
        timer.cancel()
        out.seek(0)
        text = out.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if code not in command.codes:
        shown = " ".join(command.argv)
        reason = f"was killed after {limit:.0f} s" if took >= limit else f"ended with {code}"
        raise CommandFailed(f"{shown} {reason}:\n{text[-3000:]}")
    return Run(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text, code)


def in_turns(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Take each measurement `rounds` times, in turns; every other round in reverse order."""
    found: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(rounds):
        names = list(measures)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(measures[name]())
    return found


def middle(runs: Sequence[Run]) -> Run:
    """The median of every property; the output is the first run's."""
    return Run(
        statistics.median(r.seconds for r in runs),
        statistics.median(r.cpu for r in runs),
        int(statistics.median(r.peak for r in runs)),
        runs[0].out,
        runs[0].code,
    )


def ratio(ones: Sequence[Run], others: Sequence[Run]) -> float:
    """How many times longer the ones took than the others: the median over the rounds."""
    return statistics.median(
        one.seconds / other.seconds for one, other in zip(ones, others, strict=True)
    )
