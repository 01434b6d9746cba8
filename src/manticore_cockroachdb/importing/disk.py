"""The directories of an import: the old tool's is read, ours is written, whole files only.

A file that is there already is never written over. One that means the same, by its checksum, is
left as it is, so that a second import changes nothing and an `-- @allow` that somebody added stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError, FileError
from ..migrations.directory import REPEATABLE
from ..migrations.file import checksum, decode, parse_file, parse_name
from ..migrations.repeatable import Repeatable
from .convert import Conversion, Converted
from .model import Files

MAP = "import-map.json"
_DEEPEST = 6
_MOST = 50_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "target", "dist", "build", "venv"})


def open_directory(directory: Path) -> Files:
    """The files of a directory and of the folders in it. Raises FileError when there is none.

    Hidden ones are left out, and folders that hold what others built.
    """
    if not directory.is_dir():
        what = "is a file, not a directory" if directory.exists() else "does not exist"
        raise FileError(
            f"{directory} {what}.",
            path=str(directory),
            hint="name the directory that the old tool reads its migrations from",
        )
    names = []
    try:
        for name in _walk(directory, "", 0):
            names.append(name)
            if len(names) > _MOST:
                raise FileError(
                    f"{directory} has more than {_MOST:,} files.",
                    path=str(directory),
                    hint="name the directory of the migrations, not that of the project",
                )
    except OSError as error:
        raise _unreadable(directory, error) from error

    def load(name: str) -> bytes:
        try:
            return (directory / name).read_bytes()
        except OSError as error:
            raise _unreadable(directory / name, error) from error

    return Files(str(directory), names, load)


def _walk(directory: Path, before: str, depth: int) -> Iterator[str]:
    with os.scandir(directory / before if before else directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            name = f"{before}/{entry.name}" if before else entry.name
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST:
                    yield from _walk(directory, name, depth + 1)
            else:
                yield name


def _unreadable(path: Path, error: OSError) -> FileError:
    return FileError(
        f"{error.filename or path} cannot be read: {error.strerror}.",
        path=str(error.filename or path),
        hint="check who owns it and its permissions",
    )


def check_output(source: Path, output: Path) -> None:
    """Raise ConfigError where the new files would lie among the old tool's."""
    one, two = source.resolve(), output.resolve()
    if one == two or one in two.parents:
        raise ConfigError(
            f"The new files would lie in {output}, among those of the old tool.",
            hint="name another directory for them: --output DIRECTORY",
        )


def to_write(conversion: Conversion, output: Path) -> list[tuple[Path, str]]:
    """What has to be written, and nothing that is there already. Raises FileError for a file that
    is in the way."""
    there: dict[int, Path] = {}
    try:
        if output.is_dir():
            for path in sorted(output.iterdir()):
                if path.suffix == ".sql" and not path.name.startswith("."):
                    there[parse_name(path.name, str(path))[0]] = path
        due = [
            (output / one.name, one.text)
            for one in conversion.files
            if not _is_there(one, there.get(one.file.version))
        ]
        due += [
            (path, one.text)
            for one in conversion.repeatable
            if not _is_repeatable_there(path := output / REPEATABLE / one.name, one)
        ]
        text = as_map(conversion)
        path = output / MAP
        if conversion.files and not (path.is_file() and path.read_bytes() == text.encode()):
            due.append((path, text))
    except OSError as error:
        raise _unreadable(output, error) from error
    return due


def _is_repeatable_there(path: Path, one: Repeatable) -> bool:
    if not path.is_file():
        return False
    if checksum(decode(path.read_bytes(), str(path))) == one.checksum:
        return True
    raise FileError(
        f"{path.name} is there already and is not what {one.path} becomes.",
        path=str(path),
        hint="move it away, or name another directory with --output",
    )


def _is_there(one: Converted, path: Path | None) -> bool:
    if path is None:
        return False
    text = decode(path.read_bytes(), str(path))
    old = parse_file(path.name, text, str(path))
    same_undo = checksum(old.down_sql or "") == checksum(one.file.down_sql or "")
    if old.checksum == one.file.checksum and same_undo:
        return True
    raise FileError(
        f"{path.name} is there already and is not what {one.old.title} becomes.",
        path=str(path),
        version=one.file.version,
        hint="move it away, or name another directory with --output",
    )


def as_map(conversion: Conversion) -> str:
    """The table of old names to new ones, as its file has it."""
    data = {"tool": conversion.tool, "migrations": conversion.renamed()}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def write(due: list[tuple[Path, str]], output: Path) -> None:
    """Write files, each whole or not at all. Raises FileError."""
    if not due:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, text in due:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(text.encode())
            part.replace(path)
    except OSError as error:
        raise FileError(
            f"{error.filename or output} cannot be written: {error.strerror}.",
            path=str(error.filename or output),
            hint="check who owns it and its permissions",
        ) from error
