"""Events as lines of JSON, one each (NDJSON), flushed as they happen.

Every line has ``event``, ``time`` (UTC, RFC 3339), ``run`` (one for all lines of a command) and
``command``; the rest are the fields of `runner.events`, by the name of the class in small letters:
`MigrationFinished` is ``migration_finished``. The SQL of a step is not among them, since it may
hold values: ``statement`` says what it does. ``reason``, ``message`` and ``by`` are words of the
server's, as they stand on the terminal, without passwords.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from ..result import plain
from ..terminal.text import one_line, redacted

if TYPE_CHECKING:
    from ...runner.events import Event
    from ..terminal.console import Console

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_WORDS = ("reason", "message", "owner", "previous")


def name_of(kind: type[Event]) -> str:
    """The name of a class of events: ``step_started``."""
    return _CAPITAL.sub("_", kind.__name__).lower()


def told(event: Event) -> tuple[str, dict[str, Any]]:
    """The name of an event and its fields, as JSON knows them.

    What the run of one target of a fleet tells has the target's name as ``target``.
    """
    inner, outcome = getattr(event, "event", None), getattr(event, "outcome", None)
    if inner is not None:  # of a TargetEvent
        name, of_run = told(inner)
        return name, {"target": getattr(event, "name", None), **of_run}
    if outcome is not None and not isinstance(outcome, str):  # of a TargetFinished
        return name_of(type(event)), {
            "target": outcome.name,
            "state": str(outcome.state).replace(" ", "_"),
            "versions": list(outcome.versions),
            "seconds": round(outcome.seconds, 6),
            "wave": outcome.wave,
            "error": None if outcome.error is None else redacted(one_line(str(outcome.error))),
        }
    plainly: Any = plain(event)
    fields: dict[str, Any] = plainly
    sql = fields.pop("sql", None)
    if sql is not None:
        from ...telemetry.summary import describe

        fields["statement"] = describe(sql).summary
    for word in _WORDS:
        if fields.get(word):
            fields[word] = redacted(one_line(fields[word]))
    for key, value in fields.items():
        if isinstance(value, float):
            fields[key] = round(value, 6)
    if "by" in fields:
        fields["by"] = [redacted(one_line(text)) for text in fields["by"]]
    return name_of(type(event)), fields


class Lines:
    """Writes events to a file, behind what is there, or to stdout for ``-``."""

    def __init__(self, path: str, console: Console) -> None:
        self._console = console
        self._name = "stdout" if path == "-" else path
        self._stream: TextIO | None = sys.stdout
        self._own = path != "-"
        if self._own:
            self._stream = open(path, "a", encoding="utf-8", newline="\n")  # noqa: PTH123, SIM115

    def hear(self, line: dict[str, Any]) -> None:
        """Write a line."""
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            stream, self._stream = self._stream, None
            self._console.warn(
                f"Events are not written any more: {self._name}: "
                f"{getattr(error, 'strerror', None) or error}. The run goes on."
            )
            if not self._own:
                self._to_nowhere(stream)

    def close(self) -> None:
        """Close the file."""
        if self._own and self._stream is not None:
            self._stream.close()

    def _to_nowhere(self, stream: TextIO) -> None:
        """Let Python flush stdout at its end without an error."""
        import os
        from contextlib import suppress

        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
