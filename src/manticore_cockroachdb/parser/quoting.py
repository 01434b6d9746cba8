"""SQL literals and identifiers, for statements that travel without parameters."""

from __future__ import annotations


def literal(text: str) -> str:
    """`text` as an SQL string, the same whatever standard_conforming_strings is.

    A role or a database can have that off, and then a backslash escapes the quote behind it.
    """
    if "\x00" in text:
        raise ValueError("an SQL string cannot hold the character NUL")
    if "\\" in text:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
