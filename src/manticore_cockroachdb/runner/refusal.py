"""What a user is told when the server refuses one of our own statements.

A migration's own statements have their errors from `runner.async_execute`, with file and
line; this is for the rest: reading the history, making our tables, taking the lease.
"""

from __future__ import annotations

from typing import Any

import psycopg

from ..errors import MigrationError

_HINTS = {
    "25006": "the server is read-only: connect to the primary, or wait until it is one again",
    "42501": "docs/privileges.md names the rights that a migration user needs, least first",
    "53100": "the server's disk is full: free space, then run again; nothing is half recorded",
    "53200": "the server is out of memory: run again when it has recovered",
    "53300": "the server has no connection left: close some, or raise its limit",
    "57014": "somebody or some limit cancelled the statement; run again",
    "3D000": "`manticore migrate --create` makes it; or check the name in the URL",
    "3F000": "no schema of the search path exists: create it, or set search_path for the user",
    "40001": "other transactions kept getting in the way; run again",
}


def refusal(error: psycopg.Error) -> MigrationError:
    """The error to raise, from the server's; its SQLSTATE is kept."""
    diagnostic: Any = getattr(error, "diag", None)
    text = " ".join((getattr(diagnostic, "message_primary", None) or str(error)).split())
    return MigrationError(
        f"The server refused: {text}.",
        sqlstate=error.sqlstate,
        hint=_HINTS.get(error.sqlstate or ""),
    )
