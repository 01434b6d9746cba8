"""What a file holds for psql, the program, and not for a server: its commands, and rows for COPY.

A server is never sent these. They matter before a statement is read, since the rows of a COPY are
no SQL: an apostrophe in one of them begins a string that ends somewhere below, or nowhere.
"""

from __future__ import annotations

import re
from functools import cache

COPY = "COPY … FROM STDIN and COPY … TO need a client that moves the data"
COPY_HINT = (
    "write INSERT … VALUES, which is what `pg_dump --inserts` does, or COPY from a file the server"
    " can read"
)
COMMAND = "a line that begins with a backslash is a psql command, not SQL"
COMMAND_HINT = "remove it, and put the SQL it would run into this file"
RESTRICT_HINT = (
    "remove it, and \\unrestrict at the end: pg_dump writes the two for psql alone, and they run"
    " nothing"
)


@cache
def _for_psql() -> re.Pattern[str]:
    return re.compile(
        r"^[ \t]*(?:\\[A-Za-z!?]|COPY\s[^;]*?\sFROM\s+STDIN\b[^;\n]*;)",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def _copy_block() -> re.Pattern[str]:
    return re.compile(
        r"^COPY\s[^;]*?\sFROM\s+STDIN\b[^;\n]*;[ \t]*\r?\n(?:.*\n)*?(?:\\\.[ \t\r]*$|\Z)",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def _command() -> re.Pattern[str]:
    return re.compile(r"^\\[A-Za-z].*$", re.MULTILINE)


def before(text: str, end: int) -> tuple[int, str, str] | None:
    """The first thing for psql that begins before ``end``: its offset, what is wrong, a hint.

    For a text that could not be cut into statements: where it goes wrong is below what is wrong.
    """
    found = _for_psql().search(text, 0, end)
    if found is None:
        return None
    start = found.start() + len(found[0]) - len(found[0].lstrip())
    if text[start] != "\\":
        return start, COPY, COPY_HINT
    return start, COMMAND, command_hint(text, start)


def command_hint(text: str, start: int) -> str:
    """What to do about the command at ``start``."""
    return RESTRICT_HINT if text.startswith(("\\restrict", "\\unrestrict"), start) else COMMAND_HINT


def without(text: str) -> str:
    """The text of a dump, blanks in place of what is for psql: its schema is still all there."""
    blanked = _copy_block().sub(_blank, text) if "COPY" in text else text
    return _command().sub(_blank, blanked)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])
