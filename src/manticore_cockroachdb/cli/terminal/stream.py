"""What a stream is and can show: whether it is a terminal, how wide, in which colours.

Colour only ever repeats what a word says, and only on a terminal: never with NO_COLOR set, never
on a dumb one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


def is_terminal(stream: TextIO) -> bool:
    """Return whether lines on this stream can be written over."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


class Style:
    """Colours, or none."""

    __slots__ = ("enabled",)

    def __init__(self, enabled: bool = False) -> None:
        self.enabled = enabled

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] | None = None) -> Style:
        """The style for a stream."""
        environ = os.environ if environ is None else environ
        return cls(is_terminal(stream) and not environ.get("NO_COLOR"))

    def __call__(self, text: str, *names: str) -> str:
        """Return the text in a colour or weight: red, green, yellow, cyan, bold, dim."""
        if not self.enabled or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


def width(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None for a stream that is none."""
    if not is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def forgiving(*streams: TextIO) -> None:
    """Let these streams write ``\\xe9`` where they have no ``é``, rather than fail."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def is_interactive() -> bool:
    """Return whether somebody can be asked: both ends are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and is_terminal(sys.stderr)
