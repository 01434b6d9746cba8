"""A squash: one file that stands for all before it, and how a database is known to have it.

    -- @squashes 1 <checksum> create orders
    -- @squashes 2 <checksum> add totals
    -- @squashes ..2 <checksum> squashed
    -- @squashes 3 <checksum> add owners

Its version is that of the newest migration it stands for, so that everything after it stays as it
is, and so that a history that ends there still does. Nothing is written for a database that has all
of them: its rows are the record, with who applied what and when, and a program of the version
before goes on working beside the new one. A line with ``..`` is about a squash that was squashed in
turn: who has that one has everything up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..parser.split import Directive

if TYPE_CHECKING:
    from ..errors import FileError
    from .choose import Recorded
    from .file import MigrationFile

_DIGITS = frozenset("0123456789abcdef")


SQUASHED = "squashed"
"""The folder beside the migrations that has the old files, each squash's in one of its own."""


@dataclass(frozen=True, slots=True)
class Squashed:
    """One migration that a squash stands for. ``whole``: it is a squash itself, and whoever has it
    has everything up to its version."""

    version: int
    checksum: str
    description: str = ""
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.version} ({self.description})" if self.description else str(self.version)

    @property
    def line(self) -> str:
        """The line of the file."""
        mark = ".." if self.whole else ""
        return f"-- @squashes {mark}{self.version} {self.checksum} {self.description}".rstrip()


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of a squash a history has: ``all`` of it, ``some`` or ``none``.

    ``missing`` are those not applied, ``changed`` those that were applied from another text.
    ``itself``: the squashed file has run, rather than what it stands for.
    """

    has: Literal["all", "some", "none"]
    missing: tuple[Squashed, ...] = ()
    changed: tuple[Squashed, ...] = ()
    itself: bool = False


@dataclass(frozen=True, slots=True)
class Squash:
    """What `squash` did, or would: the squashed file's version, path and text, the versions that it
    stands for, the folder that has the old files, and what to know of the proof."""

    version: int
    path: str
    text: str
    versions: tuple[int, ...]
    folder: str
    notes: tuple[str, ...] = ()
    written: bool = False


def squashed_by(
    found: Iterable[Directive],
    version: int,
    fail: Callable[[int, str, str | None], FileError],
) -> tuple[Squashed, ...]:
    """What a file's directives say that it stands for. Raises FileError."""
    entries = []
    hint = "`manticore squash` writes these lines: leave them as they are"
    for one in found:
        if one.name != "squashes":
            continue
        mark, checksum, description = (*one.value.split(None, 2), "", "", "")[:3]
        number = mark.removeprefix("..")
        if not number.isdecimal() or len(checksum) != 64 or not _DIGITS.issuperset(checksum):
            raise fail(one.start, "-- @squashes names no version with its checksum.", hint)
        if int(number) > version:
            raise fail(one.start, f"-- @squashes {mark} is newer than the file itself.", hint)
        entries.append(Squashed(int(number), checksum, description.strip(), mark != number))
    if entries and all(one.version != version for one in entries):
        raise fail(
            0,
            f"The file squashes migrations, but none of its own version {version}.",
            "a squashed file keeps the version of the newest it stands for",
        )
    return tuple(entries)


def entries_of(files: Sequence[MigrationFile]) -> tuple[Squashed, ...]:
    """What a squash of these files stands for, in order."""
    found: list[Squashed] = []
    for file in files:
        found += file.squashes
        whole = bool(file.squashes)
        found.append(Squashed(file.version, file.checksum, file.description, whole))
    return tuple(found)


def cover(file: MigrationFile, rows: Mapping[int, Recorded]) -> Cover:
    """How much of a squash is in a history, by version."""
    own = rows.get(file.version)
    if own is not None:
        alone = own.checksum is None and rows.keys().isdisjoint(squashed_versions(file))
        if alone or own.checksum == file.checksum:
            return Cover("all", itself=True)
    known: dict[int, set[str]] = {}
    reached = -1  # up to where a squash of before has everything
    for one in file.squashes:
        known.setdefault(one.version, set()).add(one.checksum)
        row = rows.get(one.version)
        if one.whole and row is not None and row.checksum == one.checksum:
            reached = max(reached, one.version)
    parts = [one for one in file.squashes if not one.whole and one.version > reached]
    missing = tuple(one for one in parts if one.version not in rows)
    changed = tuple(
        one
        for one in parts
        if (row := rows.get(one.version)) is not None
        and row.checksum is not None
        and row.checksum not in known[one.version]
    )
    if len(missing) == len(parts) and reached < 0:
        return Cover("none")
    return Cover("some" if missing else "all", missing, changed)


def squashed_versions(file: MigrationFile) -> frozenset[int]:
    """The versions that a squash stands for, without its own."""
    return frozenset(one.version for one in file.squashes) - {file.version}


def known_checksums(file: MigrationFile) -> frozenset[str | None]:
    """The checksums of a history row that mean a file, or what it stands for."""
    before = (one.checksum for one in file.squashes if one.version == file.version)
    return frozenset((None, file.checksum, *before))


def leftovers(squash: MigrationFile, files: Iterable[MigrationFile]) -> tuple[MigrationFile, ...]:
    """The files that a squash stands for, and that are there all the same."""
    versions = {one.version for one in squash.squashes}
    return tuple(file for file in files if file.version in versions and file is not squash)


def squashing(version: int, files: Iterable[MigrationFile]) -> Iterator[int]:
    """The versions of the squashes that stand for a version."""
    return (f.version for f in files if f.squashes and version in squashed_versions(f))


def has_run(version: int, files: Iterable[MigrationFile], recorded: Iterable[int]) -> bool:
    """Whether a version is applied: by itself, or as part of a squash that is."""
    recorded = set(recorded)
    return version in recorded or any(whole in recorded for whole in squashing(version, files))


def folder_of(file: MigrationFile) -> str:
    """The folder that has the old files of a squash, as a path to show."""
    home, slash, _ = file.path.replace("\\", "/").rpartition("/")
    return f"{home}{slash}{SQUASHED}/{file.version}"
