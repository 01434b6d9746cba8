"""The directory of migration files: read whole, written one file at a time.

Nothing here knows SQL. `read` gives names and bytes, in order of name; `create` writes a new
file under a version that no other file has, whatever other processes do at the same moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import FileError
from .file import MigrationFile, check_unique, decode, file_name, parse_file, parse_name, render

_RESERVED = ".{version}.reserved"


def read(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of every `*.sql` file, one at a time. Raises FileError when that cannot be.

    Hidden files and folders are left alone.
    """
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(".sql") and not entry.name.startswith(".")
            )
        for name in names:
            with open(f"{directory}{os.sep}{name}", "rb", buffering=0) as file:  # noqa: PTH123
                found = [file.readall()]
            yield name, found.pop()  # a large file is let go as soon as it is decoded
    except FileNotFoundError as error:
        if directory.is_dir():
            raise FileError(
                f"{error.filename} disappeared while it was read.", path=str(error.filename)
            ) from error
        raise FileError(
            f"The migrations directory {directory} does not exist.",
            path=str(directory),
            hint="`manticore new` makes it, or name another one with --dir",
        ) from error
    except NotADirectoryError as error:
        raise FileError(
            f"{directory} is a file, not a directory of migrations.",
            path=str(directory),
            hint="name the directory, not a file in it",
        ) from error
    except OSError as error:
        raise FileError(
            f"{error.filename or directory} cannot be read: {error.strerror}.",
            path=str(error.filename or directory),
            hint="check who owns it and its permissions",
        ) from error


def load(directory: Path) -> tuple[MigrationFile, ...]:
    """Every migration of a directory, in order of version. Raises FileError."""

    def texts() -> Iterator[tuple[str, str, str]]:
        for name, data in read(directory):
            path = f"{directory}{os.sep}{name}"  # a fraction of the time of a Path
            text = decode(data, path)
            del data
            yield name, text, path

    return check_unique(parse_file(*found) for found in texts())


def create(
    directory: Path,
    description: str,
    up_sql: str,
    down_sql: str | None,
    next_version: Callable[[list[int]], int],
) -> Path:
    """Write a new migration and return its path; the directory is made when missing.

    `next_version` proposes a version from those that exist. A version is first reserved by
    creating a file named after it alone, which only one process can; then the directory is
    looked at once more, so that a version used a moment ago is seen. Raises FileError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        while True:
            version = next_version(_versions(directory))
            path = directory / file_name(version, description)
            reserved = directory / _RESERVED.format(version=version)
            try:
                reserved.touch(exist_ok=False)
            except FileExistsError:
                # Another process is about to use it, or died doing so.
                next_version = _after(next_version, version)
                continue
            try:
                if version in _versions(directory):
                    continue
                text = _checked(path, up_sql, down_sql)
                part = reserved.with_suffix(".part")
                part.write_bytes(text)
                part.rename(path)
            finally:
                reserved.unlink(missing_ok=True)
            return path
    except FileExistsError as error:
        raise FileError(f"{directory} is a file, not a directory.", path=str(directory)) from error
    except OSError as error:
        raise FileError(
            f"{error.filename or directory} cannot be written: {error.strerror}.",
            path=str(error.filename or directory),
            hint="check who owns it and its permissions",
        ) from error


def _checked(path: Path, up_sql: str, down_sql: str | None) -> bytes:
    """The bytes of a file with these parts. Raises FileError if it would be read otherwise.

    One file that cannot be read would stop every later run.
    """
    text = render(up_sql, down_sql)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise FileError(
            f"The SQL holds half a character, {error.object[error.start]!r}.", path=str(path)
        ) from error
    found = parse_file(path.name, text, str(path))
    if (found.down_sql is not None) != bool((down_sql or "").strip()):
        raise FileError(
            "The forward part holds a line -- @UNDO.",
            path=str(path),
            hint="give the undo part by itself",
        )
    return data


def _versions(directory: Path) -> list[int]:
    return [
        parse_name(path.name, str(path))[0]
        for path in directory.iterdir()
        if path.suffix == ".sql" and not path.name.startswith(".")
    ]


def _after(next_version: Callable[[list[int]], int], taken: int) -> Callable[[list[int]], int]:
    return lambda versions: next_version([*versions, taken])
