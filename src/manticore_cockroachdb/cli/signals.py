"""Ctrl-C, SIGTERM, SIGHUP: the first stops with everything in order, the second one at once.

The first is a KeyboardInterrupt wherever the program is: psycopg then cancels the statement on
the server, the library gives the lease back, and what was done is recorded. The second, should
that take too long, ends the process as if nobody had handled it; the next run finds its way from
what is recorded, and the lease expires.

What the first one says is said by a thread: a handler interrupts the main thread anywhere, also
where it holds the lock of the progress bar that has to be taken away before.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_PATIENCE = 1.0


class Stopped(KeyboardInterrupt):
    """A signal, in the shape that everything cleans up for. ``code`` is what to exit with."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code for how a run was stopped."""
    return error.code if isinstance(error, Stopped) else 128 + signal.SIGINT


class Signals:
    """Whether a signal has come; ``announce`` is called once when the first one does."""

    def __init__(self) -> None:
        self.announce: Callable[[], None] | None = None
        self._announcer: Thread | None = None
        self._seen = False

    def handle(self, number: int, _: FrameType | None) -> None:
        """The handler."""
        if self._seen:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            os._exit(
                128 + number
            )  # the first process of a container survives that: pid_namespaces(7)
        self._seen = True
        if self.announce is not None:
            self._announcer = Thread(target=self.announce, daemon=True)
            self._announcer.start()
        raise Stopped(number)

    def announced(self) -> None:
        """Wait until the announcement is out."""
        if self._announcer is not None:
            self._announcer.join(_PATIENCE)


@contextmanager
def handled() -> Iterator[Signals]:
    """Handle the signals in this block; outside the main thread, leave them to others."""
    signals = Signals()
    before = {}
    try:
        for name in _SIGNALS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # nohup, and `&` in a shell, ignore some of them and mean it
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, signals.handle)
    except ValueError:  # not the main thread
        pass
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
