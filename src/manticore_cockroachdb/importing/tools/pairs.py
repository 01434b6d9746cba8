"""What tools have in common: a number for each file, or the two directions in two files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..model import Files, Findings, Old, Part, described, whole_number


def numbered(
    files: Files, pattern: re.Pattern[str], olds: Mapping[int, Old], found: Findings
) -> Iterator[tuple[int, str, re.Match[str]]]:
    """Number, name and match of each file that has a number; one that ``olds`` has is refused."""
    for name in files.names:
        if match := pattern.fullmatch(name):
            number = int(match[1])
            if number in olds:
                found.refuse(name, None, f"has the same version as {olds[number].title}")
            else:
                yield number, name, match


@dataclass(slots=True)
class Pair:
    """The files of one version: ``names`` from direction to file."""

    key: str
    order: object
    description: str
    names: dict[str, str] = field(default_factory=dict)
    transaction: bool | None = None

    def add(self, direction: str, name: str, found: Findings) -> None:
        """Take a file in; a second of the same direction is refused."""
        if direction in self.names:
            found.refuse(
                name, None, f"has the same version and direction as {self.names[direction]}"
            )
            return
        self.names[direction] = name


def paired(
    files: Files,
    pairs: Mapping[object, Pair] | Mapping[int, Pair] | Mapping[str, Pair],
    found: Findings,
) -> list[Old]:
    """A migration of each pair, in order; one without a way forward is refused."""
    olds = []
    for pair in sorted(pairs.values(), key=lambda pair: pair.order):  # type: ignore[arg-type, return-value]
        up, down = pair.names.get("up"), pair.names.get("down")
        if up is None:
            assert down is not None
            found.refuse(down, None, "has no file with the way forward beside it")
        number = whole_number(pair.key)
        olds.append(
            Old(
                key=pair.key,
                version=number,
                title=up or down or pair.key,
                description=described(pair.description, "migration"),
                up=Part("" if up is None else found.text(files, up), up or ""),
                down=None if down is None else Part(found.text(files, down), down),
                transaction=pair.transaction,
                origin=tuple(name for name in (up, down) if name is not None),
            )
        )
    return olds
