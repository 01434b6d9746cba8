"""What a stream can show, and text made fit to be shown.

Colour only ever repeats what a word says, and only on a terminal: never with NO_COLOR set, never
on a dumb one. What comes from files and servers is shown without control characters, so that no
description can move the cursor or hide a line.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO
from unicodedata import category, east_asian_width

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}
# A lone user name may stay; anything else before the last @ can be part of a password.
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)(?![\w.-]*@[^@\s]*(?:\s|\Z))\S*@", re.IGNORECASE)
_SECRET = (
    r"(?i)\b(\w*(?:password|secret)|scram_(?:client|server)_key)"
    r"(\s*=\s*(?:'[^']*'|[^\s&]+)|\s+'[^']*')"
)


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


def printable(text: str) -> str:
    """Return the text with line breaks and tabs, but without any other control character.

    Each becomes one character, so that a caret below stays where it points.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _stand_in(c) for c in text)


def one_line(text: str) -> str:
    """Return the text on one line, printable."""
    return text if text.isprintable() else printable(" ".join(text.split()))


def _stand_in(char: str) -> str:
    return " " if category(char) == "Zs" else "\ufffd"


def redacted(text: str) -> str:
    """Return the text with ``***`` for whatever looks like a password.

    That is one in a URL, in ``key=value``, or in SQL after PASSWORD. The library's own messages
    hold none; this is for what a user typed into the wrong place, and for a migration's text.
    """
    if "://" in text:
        text = re.sub(_USERINFO, r"\1***@", text)
    if any(word in text.casefold() for word in ("password", "secret", "_key")):
        text = re.sub(_SECRET, lambda m: f"{m[1]}{'=' if '=' in m[2] else ' '}***", text)
    return text


def width_of(text: str) -> int:
    """Return how many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, with ``…`` where it was cut."""
    if width_of(text) <= width:
        return text
    room = max(width, 1) - 1
    kept = ""
    for char in text:
        room -= width_of(char)
        if room < 0:
            break
        kept += char
    return f"{kept}…"


def wrapped(text: str, width: int | None, indent: str = "", hang: str | None = None) -> list[str]:
    """Return the text in lines of at most ``width`` columns, broken between words only.

    ``indent`` stands before the first, ``hang`` (otherwise ``indent``) before the others.
    """
    if width is None or len(indent) + width_of(text) <= width:
        return [indent + text]
    from textwrap import wrap

    found = wrap(
        text,
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return found or [indent]


def columns(rows: Sequence[Sequence[str]], *, limit: int | None, indent: str = "  ") -> list[str]:
    """Return the rows as lines in aligned columns; the last column is cut at ``limit``."""
    if not rows:
        return []
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(width_of(row[i]) for row in clean) for i in range(len(clean[0]) - 1)]
    lines = []
    for row in clean:
        cells = [cell + " " * (w - width_of(cell)) for cell, w in zip(row, widths, strict=False)]
        line = indent + "  ".join([*cells, row[-1]])
        lines.append((line if limit is None else cut(line, limit)).rstrip())
    return lines


def room(stream: TextIO) -> int | None:
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
