"""A directory, read by the rules of its tool and converted."""

from __future__ import annotations

from dataclasses import replace

from ..errors import ConfigError, FileError
from ..parser.lex import Unterminated, tokens
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
    return _with_their_table(reader, olds, found), found


def _say_what_was_left(files: Files, reader: Reader, olds: list[Old], found: Findings) -> None:
    """SQL beside the migrations that the tool does not run: a dump, seeds, queries."""
    taken = {name for old in olds for name in old.origin} | {one.name for one in found.refused}
    left = [name for name in files.names if name.endswith(".sql") and name not in taken]
    for name in left[:_SHOWN]:
        found.note(name, None, f"is no migration to {reader.name} and was left")
    if len(left) > _SHOWN:
        found.note("", None, f"{len(left) - _SHOWN:,} more SQL files were left likewise")


def _with_their_table(reader: Reader, olds: list[Old], found: Findings) -> list[Old]:
    """The migrations, the first that names the tool's own table with the statement that makes it.

    The tool has that table before it sends anything; on a database that ours begins, a GRANT on it
    or a DELETE from it would fail.
    """
    if reader.ledger is None or not reader.ledger.columns:
        return olds
    table = reader.ledger.tables[0]
    for place, old in enumerate(olds):
        how = _named(table, old.up.text)
        if how is None:
            continue
        if how:
            statement = f"CREATE TABLE IF NOT EXISTS {table} ({reader.ledger.columns});"
            before = f"-- {reader.name}'s own table, which this file names\n{statement}\n"
            found.note(old.up.name, None, f"names {table}, so it makes that table first")
            olds = [*olds[:place], replace(old, before=before), *olds[place + 1 :]]
        return olds
    return olds


def _named(table: str, text: str) -> bool | None:
    """Whether a text needs a table; False where it makes it, None where it does not name it."""
    if table not in text.lower():
        return None
    try:
        words = [token.value for token in tokens(text) if token.kind in ("word", "quoted")]
    except Unterminated:  # is refused by and by
        return None
    if table not in words:
        return None
    before = words[max(0, words.index(table) - 6) : words.index(table)]
    return "create" not in before or "table" not in before
