"""Names that somebody means harm with, or that merely look so.

Wherever one goes in, it either works as a name or is refused with a `ManticoreError`, a
ValueError or the server's own error. It never becomes SQL, a path, or part of a URL.
"""

from __future__ import annotations

NAMES = (
    'x"; DROP TABLE canary; --',
    "x'; DROP TABLE canary; --",
    "\\'; DROP TABLE canary; --",
    "x); DROP TABLE canary; --",
    "/* x",
    "two\nlines; DROP TABLE canary",
    "nul\0; DROP TABLE canary",
    "ＤＲＯＰ",
    "раураl",
    "\u202edesrever",
    "x" * 300,
    "../../x",
    "%s",
    "%(a)s %",
    "{0.__class__}",
    "$1",
    "select",
    "",
    "\udcff",
    '"',
    "$$",
    "-- @UNDO",
    "host=127.0.0.1 dbname=postgres",
    "postgresql://127.0.0.1/postgres",
)
