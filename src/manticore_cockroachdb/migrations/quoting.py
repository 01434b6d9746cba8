"""SQL literals and identifiers, for statements that travel without parameters."""

from __future__ import annotations


def literal(text: str) -> str:
    """`text` as an SQL string. Backslashes need no care: standard_conforming_strings is on."""
    if "\x00" in text:
        raise ValueError("an SQL string cannot hold the character NUL")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
