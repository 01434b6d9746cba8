"""Text made fit to be shown: clean, of the right width, and the small words in it. Pure.

What comes from files and servers is shown without control characters, so that no description can
move the cursor or hide a line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from unicodedata import category, east_asian_width

# A lone user name may stay; anything else before the last @ can be part of a password.
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)(?![\w.-]*@[^@\s]*(?:\s|\Z))\S*@", re.IGNORECASE)
_SECRET = (
    r"(?i)\b(\w*(?:password|secret)|scram_(?:client|server)_key)"
    r"(\s*=\s*(?:'[^']*'|[^\s&]+)|\s+'[^']*')"
)


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


def safe(text: str) -> str:
    """Return text from a file or a server, printable and redacted."""
    return redacted(printable(text))


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


def pointed(excerpt: str, width: int | None, indent: str = "") -> list[str]:
    """Return a line and the caret under it in at most ``width`` columns, cut around the caret.

    A terminal would break the line anywhere, and the caret would point at something else.
    """
    line, newline, under = excerpt.partition("\n")
    room = None if width is None else max(width - len(indent), 20)
    if room is None or not newline or width_of(line.expandtabs(8)) <= room:
        return [indent + part for part in excerpt.split("\n")]
    at, column = 0, 0
    while at < len(line) and column < len(under) - 1:  # as `excerpt` drew it: tabs stay tabs
        column += max(width_of(line[at]), 1)
        at += 1
    before, after = line[:at].replace("\t", " "), line[at:].replace("\t", " ")
    right = cut(after, max(room - width_of(before), room // 3))
    left = before[::-1]
    if width_of(before) + width_of(right) > room:
        left = cut(left, room - width_of(right))
    left = left[::-1]
    return [indent + left + right, indent + " " * width_of(left) + "^"]


def cut_between_words(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, cut between words where one is near."""
    short = cut(text, width)
    if short == text or text[len(short) - 1 :].startswith(" "):
        return short
    words, space, _ = short.rpartition(" ")
    return f"{words.rstrip()} …" if space and width_of(words) + 2 > width * 2 // 3 else short


_ROOM = 24  # columns in which a sentence can be read


def columns(
    rows: Sequence[Sequence[str]], *, limit: int | None, indent: str = "  ", whole: bool = False
) -> list[str]:
    """Return the rows as lines in aligned columns.

    The last column is cut at ``limit``; ``whole``: it goes on below itself where that has room.
    """
    if not rows:
        return []
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(width_of(row[i]) for row in clean) for i in range(len(clean[0]) - 1)]
    lines = []
    for row in clean:
        cells = [cell + " " * (w - width_of(cell)) for cell, w in zip(row, widths, strict=False)]
        lead = indent + "".join(f"{cell}  " for cell in cells)
        if whole and limit is not None and width_of(lead) <= limit - _ROOM:
            lines += wrapped(row[-1], limit, lead, " " * width_of(lead))
            lines[-1] = lines[-1].rstrip()
        else:
            line = lead + row[-1]
            lines.append((line if limit is None else cut_between_words(line, limit)).rstrip())
    return lines


def count(number: int, noun: str) -> str:
    """Return ``1 migration`` or ``3 migrations``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def when(moment: object) -> str:
    """Return a time in UTC to the second; one without a zone as it is."""
    if not isinstance(moment, datetime):
        return "" if moment is None else str(moment)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def took(seconds: float | None) -> str:
    """Return a duration: ``12 ms``, ``3.4 s``, ``5 min 20 s``, ``2 h 05 min``."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
