"""Results: what a command found, as data for programs and as lines for people.

A command returns a `Result` and `emit` writes it to stdout: with ``--json`` the data, one JSON
text and nothing else, otherwise the lines. `plain` turns the library's frozen values into data:
a dataclass becomes an object with those of its fields that its repr shows, a time ISO 8601 text,
a tuple a list.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath

from .index import Exit


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found. ``data`` may be a function that gives them, where that takes long.
    ``quiet``: the lines tell a person what was done, and ``--quiet`` leaves them out; otherwise
    they are what was asked for."""

    data: object
    lines: Sequence[str] = ()
    code: int = Exit.OK
    quiet: bool = False

    def plain(self) -> object:
        """The data as JSON knows them."""
        return plain(self.data() if callable(self.data) else self.data)


def plain(value: object) -> object:
    """Return a value as JSON knows it. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, Sequence | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal | PurePath | Exception):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def emit(result: Result, *, as_json: bool, quiet: bool = False) -> int:
    """Write a result to stdout and return the exit code."""
    stream = sys.stdout
    if as_json:
        import json

        text = json.dumps(result.plain(), indent=2 if stream.isatty() else None) + "\n"
    elif quiet and result.quiet:
        text = ""
    else:
        text = "".join(f"{line}\n" for line in result.lines)
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Nothing more can be written; without this, the interpreter tries once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return Exit.BROKEN_PIPE
    return result.code
