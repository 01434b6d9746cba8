"""Versions that a person types: they must be one that there is.

A target one digit short is a number too, and as the target of a rollback it would revert
everything; so an unknown one is an error, with the nearest that there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from ..errors import UnknownVersion
from ..migrations.choose import parse_version


class Versioned(Protocol):
    """Something with a version: a file, or a row of the history."""

    @property
    def version(self) -> int: ...


def known_version(text: str, known: Iterable[Versioned], directory: Path) -> int:
    """Return the version that a text means. Raises ConfigError, or UnknownVersion."""
    version = parse_version(text)
    assert version is not None
    versions = {one.version for one in known}
    if version not in versions:
        near = get_close_matches(str(version), map(str, sorted(versions)), n=1)
        raise UnknownVersion(
            f"No migration has version {version}.",
            path=str(directory),
            hint=f"did you mean {near[0]}?" if near else "manticore status lists them",
        )
    return version
