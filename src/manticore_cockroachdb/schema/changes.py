"""Drift, and changes as a person reads them and as a program does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from .diff import Change

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
WARNING = "loses data"


@dataclass(frozen=True, slots=True)
class Drift:
    """A database against what its applied migrations make.

    In each of ``changes``, ``before`` is what the migrations make and ``after`` what is there.
    ``versions`` were replayed; ``notes`` are sentences about what makes the comparison less
    than exact.
    """

    changes: tuple[Change, ...]
    versions: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is any drift."""
        return bool(self.changes)


def without(changes: Iterable[Change], patterns: Sequence[str]) -> tuple[Change, ...]:
    """The changes but those of objects, or of parts of tables, that a pattern names.

    Patterns are those of a shell: ``audit.*``, ``public.users.legacy_*``.
    """
    return tuple(
        change
        for change in changes
        if not any(
            fnmatchcase(name, pattern)
            for pattern in patterns
            for name in (change.path, change.table or change.path)
        )
    )


def as_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Each change as a mapping of JSON's types."""
    return [asdict(change) for change in changes]


def as_text(changes: Sequence[Change]) -> str:
    """The changes, those of one table together; the empty text when there are none."""
    lines: list[str] = []
    for table, group in groupby(changes, key=lambda c: c.table):
        part = list(group)
        if table is None:
            lines += [line for change in part for line in _lines(change, change.path)]
            continue
        if not any(c.path == table for c in changes):
            lines.append(f"~ {table}")
        for change in part:
            name = change.path.removeprefix(f"{table}.")
            lines += [f"    {line}" for line in _lines(change, name)]
    return "\n".join(lines)


def _lines(change: Change, name: str) -> Iterator[str]:
    sign = _SIGNS[change.kind]
    warning = f"   ({WARNING})" if change.destructive else ""
    head = f"{sign} {change.what} {name}"
    if change.kind != "changed":
        if change.table is not None:  # its SQL says what it is, but for a column
            word = "column " if change.what == "column" else ""
            head = f"{sign} {word}{_one_line(change.after or change.before)}"
        yield head + warning
        return
    before, after = change.before or "none", change.after or "none"
    if "\n" not in before + after and len(before) + len(after) < 120:
        yield f"{head}: {change.aspect} {before} -> {after}{warning}"
        return
    yield f"{head}: {change.aspect}{warning}"
    yield from (f"    - {line}" for line in before.splitlines())
    yield from (f"    + {line}" for line in after.splitlines())


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def summary(changes: Sequence[Change]) -> str:
    """How many of what kind, in a few words: "2 added, 1 changed; 1 loses data"."""
    counts = [(kind, sum(c.kind == kind for c in changes)) for kind in _SIGNS]
    text = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    lost = sum(c.destructive for c in changes)
    if lost:
        text += f"; {lost} {'loses' if lost == 1 else 'lose'} data"
    return text or "no difference"
