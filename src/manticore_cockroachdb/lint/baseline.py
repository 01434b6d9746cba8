"""What was known on the first day: findings that are not said again. Pure.

A finding is known by its rule, its file and what it says, not by its line: a comment above it, or
another statement before it, makes it no new one. How large a table is today is no part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ..errors import ConfigError
from .config import Known
from .model import Finding

VERSION = 1
_SIZE = re.compile(r" The table has about [\d,]+ rows\.$")


def known(one: Finding) -> Known:
    """What a finding is known by."""
    return one.rule, one.path.replace("\\", "/"), _SIZE.sub("", one.message)


def write(findings: Iterable[Known]) -> str:
    """The file, with one finding a line, so that its changes can be read."""
    lines = [
        json.dumps({"rule": rule, "path": path, "message": message}, ensure_ascii=False)
        for rule, path, message in sorted(set(findings), key=lambda k: (k[1], k[0], k[2]))
    ]
    inside = ",\n  ".join(lines)
    return f'{{"version": {VERSION}, "findings": [\n  {inside}\n]}}\n' if lines else _EMPTY


_EMPTY = f'{{"version": {VERSION}, "findings": []}}\n'


def read(text: str, path: str) -> frozenset[Known]:
    """What `write` wrote. Raises ConfigError for anything else."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ConfigError(
                f"{path} is a baseline of version {data['version']}, which this version of"
                " manticore does not know.",
                hint="delete it and run manticore lint --baseline again",
            )
        return frozenset((f["rule"], f["path"], f["message"]) for f in data["findings"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is no baseline of manticore lint.",
            hint="name another file, or delete it to have it written anew",
        ) from error
