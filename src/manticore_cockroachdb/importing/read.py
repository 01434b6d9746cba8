"""A directory, read by the rules of its tool and converted."""

from __future__ import annotations

from ..errors import ConfigError, FileError
from .convert import Conversion, convert
from .model import Files, Findings, Old, Options, Reader

_SHOWN = 5


def read_directory(
    files: Files, reader: Reader, options: Options, *, partial: bool = False
) -> Conversion:
    """What becomes of a directory. Raises FileError where there is nothing of the tool's."""
    olds, found = read_olds(files, reader, options)
    return convert(reader.name, olds, found, partial=partial)


def read_olds(files: Files, reader: Reader, options: Options) -> tuple[list[Old], Findings]:
    """The migrations as the tool has them, in its order, and what there is to say about them.

    Raises ConfigError for a tool whose migrations are programs, FileError where there is nothing.
    """
    found = Findings()
    if reader.read is None:
        raise ConfigError(
            f"{reader.name}'s migrations are programs in {reader.files}; they have no SQL to carry"
            " over.",
            hint="begin with the schema as it is: --url URL --baseline-from VERSION",
        )
    olds = reader.read(files, options, found)
    if not olds and not found.refused:
        raise FileError(
            f"{files.root} has nothing of {reader.name}'s: {reader.files}.",
            path=files.root,
            hint="name the directory that the old tool reads its migrations from",
        )
    _say_what_was_left(files, reader, olds, found)
    return olds, found


def _say_what_was_left(files: Files, reader: Reader, olds: list[Old], found: Findings) -> None:
    """SQL beside the migrations that the tool does not run: a dump, seeds, queries."""
    taken = {name for old in olds for name in old.origin} | {one.name for one in found.refused}
    left = [name for name in files.names if name.endswith(".sql") and name not in taken]
    for name in left[:_SHOWN]:
        found.note(name, None, f"is no migration to {reader.name} and was left")
    if len(left) > _SHOWN:
        found.note("", None, f"{len(left) - _SHOWN:,} more SQL files were left likewise")
