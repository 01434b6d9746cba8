"""A program that is run for each event, with the event's JSON on its stdin.

The text is split as a shell would and run without one, so nothing of an event is ever part of a
command line. One is run at a time, in the order of events, by a thread beside the run; what it
prints goes to stderr. One that takes longer than `LIMIT` seconds is ended. The run never waits,
but at its end for `PATIENCE` seconds at most; at most `WAITING` events wait, and those beyond are
left out. Failures are counted and said: they change neither run nor exit code.

How far something is, told many times a second, starts no program: see `NOT`.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError

if TYPE_CHECKING:
    from ..terminal.console import Console

LIMIT = 10.0
PATIENCE = 15.0
WAITING = 256
NOT = frozenset({"statement_progress", "job_progress", "backfill_progress"})


class Commands:
    """Runs a program for each event. Raises ConfigError for one that is not there."""

    def __init__(
        self,
        command: str,
        console: Console,
        *,
        limit: float = LIMIT,
        patience: float = PATIENCE,
        waiting: int = WAITING,
    ) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise ConfigError(f"--on-event {command!r} cannot be read: {error}.") from error
        if not self._arguments or shutil.which(self._arguments[0]) is None:
            raise ConfigError(
                f"--on-event {command!r}: there is no such program.",
                hint="It is run without a shell; for pipes and variables write a script, or"
                " sh -c '…'.",
            )
        self._console = console
        self._limit, self._patience = limit, patience
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(waiting + 1)
        self._waiting = waiting
        self._left_out = self._failed = 0
        self._end: float | None = None
        self._running: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._work, name="manticore on-event", daemon=True)
        self._thread.start()

    def hear(self, line: dict[str, Any]) -> None:
        """Let the program be run, soon."""
        if line["event"] in NOT:
            return
        if self._queue.qsize() >= self._waiting and line["event"] != "run_finished":
            self._left_out += 1
            return
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Wait for what is under way, for a while, and say what went wrong."""
        self._end = monotonic() + self._patience
        with suppress(queue.Full):
            self._queue.put(None, timeout=self._patience)
        self._thread.join(max(0.0, self._end - monotonic()) + 0.1)
        if self._thread.is_alive():
            self._stop()
        missed = self._left_out
        with suppress(queue.Empty):
            while True:
                missed += self._queue.get_nowait() is not None
        if self._failed or missed:
            name = self._arguments[0]
            self._console.warn(
                f"--on-event: {name} failed {self._failed} times, and {missed} events were not"
                " handed to it. The run is not touched by that."
            )

    def _work(self) -> None:
        while (line := self._queue.get()) is not None:
            if self._end is not None and monotonic() > self._end:
                self._left_out += 1
                return
            problem = self._run(json.dumps(line).encode() + b"\n")
            if problem is not None:
                self._failed += 1
                if self._failed == 1:
                    self._console.warn(f"--on-event: {self._arguments[0]} {problem}")

    def _run(self, line: bytes) -> str | None:
        """Run the program once; return what went wrong."""
        try:
            # A session of its own: Ctrl-C is for the run, which then tells of its end.
            process = self._running = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=_stderr(),
                stderr=_stderr(),
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        limit = self._limit
        if self._end is not None:
            limit = max(0.1, min(limit, self._end - monotonic()))
        try:
            with suppress(OSError):  # it reads nothing, which is its own affair
                process.communicate(line, timeout=limit)
            process.wait(limit)
        except subprocess.TimeoutExpired:
            self._stop()
            return f"took longer than {limit:.1f} s and was ended"
        finally:
            self._running = None
        return f"ended with {process.returncode}" if process.returncode else None

    def _stop(self) -> None:
        """End the program that is under way, and what it has started."""
        process = self._running
        if process is None:
            return
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()


def _stderr() -> int:
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):
        return subprocess.DEVNULL
