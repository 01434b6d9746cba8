"""Reports: what a run tells programs while it goes on, beside what it tells people.

    --events FILE|-       a line of JSON for each event            `events`
    --on-event COMMAND    the same JSON on a program's stdin        `commands`
    --metrics FILE        numbers for Prometheus's node_exporter    `metrics`

None of them stops a run: where nobody reads, the disk is full or the program fails, that is said
once, and the run goes on. What is wrong from the beginning (a file that cannot be opened, a program
that is not there) is an error before anything runs.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import ConfigError
from ..index import Exit
from .events import Lines, told

if TYPE_CHECKING:
    from ...runner.events import Event
    from ..failure import Failure
    from ..terminal.console import Console

__all__ = ["Reports"]


class Reader(Protocol):
    """Who is told."""

    def hear(self, line: dict[str, Any]) -> None:
        """Take one event."""

    def close(self) -> None:
        """Take no more; finish in bounded time."""


class Reports:
    """Everybody who is told of one run. Raises ConfigError or OSError for one who cannot be."""

    def __init__(
        self,
        command: str,
        console: Console,
        *,
        events: str | None = None,
        on_event: str | None = None,
        metrics: str | None = None,
    ) -> None:
        for name, value in (("--events", events), ("--metrics", metrics)):
            if value == "":
                raise ConfigError(f"{name} needs the name of a file, and got none.")
        self.command = command
        self.run = uuid.uuid4().hex
        self.failure: Failure | None = None
        self._readers: list[Reader] = []
        self._lock = Lock()
        self._began = monotonic()
        self._started = False
        self._applied: list[int] = []
        self.on_stdout = events == "-"
        if on_event is not None:
            self._readers.append(_commands(on_event, console))
        if metrics is not None:
            self._readers.append(_textfile(metrics, command, console))
        if events is not None:
            self._readers.append(Lines(events, console))

    def started(self, database: str) -> None:
        """Tell that a run begins on a database, shown without secrets."""
        if not self._started:
            self._started = True
            from ..._version import __version__

            self._tell("run_started", {"database": database, "manticore": __version__})

    def __call__(self, event: Event) -> None:
        """Hear an event of the runner's."""
        name, fields = told(event)
        if name == "migration_finished":
            self._applied.append(fields["version"])
        self._tell(name, fields)

    def finish(self, code: int) -> None:
        """Tell how the run ended."""
        fields = {
            "exit_code": int(code),
            "success": code == Exit.OK,
            "seconds": round(monotonic() - self._began, 6),
            "migrations": self._applied,
            "error": self._error(),
        }
        self._tell("run_finished", fields)
        for reader in self._readers:
            reader.close()

    def _error(self) -> object:
        """What went wrong, without the lines of SQL that people are shown."""
        from ..result import plain

        found: Any = plain(self.failure)
        if found is not None:
            del found["excerpt"], found["others"]
        return found

    def _tell(self, name: str, fields: dict[str, Any]) -> None:
        from datetime import UTC, datetime

        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = {"event": name, "time": now, "run": self.run, "command": self.command}
        line = {**head, **fields}
        with self._lock:
            for reader in self._readers:
                with suppress(OSError):
                    reader.hear(line)


def _commands(command: str, console: Console) -> Reader:
    from .commands import Commands

    return Commands(command, console)


def _textfile(path: str, command: str, console: Console) -> Reader:
    from .metrics import Textfile

    return Textfile(path, command, console)
