"""The console: progress, hints, warnings and errors, one line each, on stderr.

A run must not end because nobody listens any more: when stderr is gone, it falls silent.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from .stream import Style, is_terminal, width
from .text import pointed, printable, redacted, wrapped


class Console:
    """Says things on stderr. ``quiet`` leaves out everything but warnings and errors."""

    def __init__(
        self, stream: TextIO | None = None, *, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.quiet = quiet
        self.verbose = verbose
        self.style = Style.of(self.stream)
        self.terminal = is_terminal(self.stream)
        self._transient = False

    def write(self, text: str) -> None:
        """Write as it is, in one piece, or not at all."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.terminal, self.quiet = False, True
            self._to_nowhere()

    def _to_nowhere(self) -> None:
        """Lead the stream to where it can be flushed: Python does so when it ends, or exits 120."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def line(self, text: str) -> None:
        """Write one line, over a transient one that may stand there."""
        if self._transient:
            self._transient = False
            text = f"\r\x1b[K{text}"
        self.write(f"{text}\n")

    def transient(self, text: str) -> None:
        """On a terminal, write a line that the next one takes the place of."""
        if self.terminal and not self.quiet:
            limit = (width(self.stream) or 80) - 1
            self.write(f"\r\x1b[K{self.style(text[:limit], 'dim')}")
            self._transient = True

    def clear(self) -> None:
        """Remove a transient line."""
        if self._transient:
            self._transient = False
            self.write("\r\x1b[K")

    def info(self, text: str) -> None:
        """Say something that is good to know."""
        if not self.quiet:
            self.line(printable(text))

    def debug(self, text: str) -> None:
        """Say something that only ``--verbose`` wants to know."""
        if self.verbose:
            self.line(self.style(redacted(printable(text)), "dim"))

    def warn(self, text: str, hint: str | None = None) -> None:
        """Warn, and say what to do."""
        self._labelled("warning:", "yellow", text)
        self.hint(hint)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._labelled("error:", "red", text)

    def hint(self, text: str | None) -> None:
        """Say what to do."""
        if text:
            self._labelled("hint:", "cyan", text)

    def _labelled(self, label: str, colour: str, text: str) -> None:
        """Write a text after its label; on a terminal, in lines that are no wider."""
        first, *more = redacted(printable(text)).split("\n")
        columns = width(self.stream)
        hang = " " * (len(label) + 1)
        lines = wrapped(first, columns, hang)
        for line, below in zip(more, [*more[1:], ""], strict=False):
            lead = line[: len(line) - len(line.lstrip())]
            if below.strip() == "^":  # an excerpt, which is cut around its caret
                lines += pointed(f"{line}\n{below}", columns)
            elif line.strip() != "^":
                lines += wrapped(line.lstrip(), columns, lead)
        lines[0] = f"{self.style(label, colour, 'bold')} {lines[0][len(hang) :]}"
        self.line("\n".join(lines))
