"""The files that ``manticore lint`` looks at: names in, texts out, and back when mended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import ConfigError, FileError, ForeignFile
from ..lint import Source
from ..lint.read import ROLES, version_of
from ..migrations import directory
from ..migrations.squash import SQUASHED

STDIN = "<stdin>"
_MARK = "\ufeff"


def sources(paths: Iterable[str]) -> list[Source]:
    """The files of these paths: files, directories with all below them, ``-`` for stdin.

    What lies beside migrations is read as that: repeatable files, hooks.
    For a migration that is named by itself the others of its directory are read too, as context:
    they say what it works on. A directory of another tool's is one file, whose error says so.
    Raises ConfigError for a path that is not there, FileError for one that cannot be read.
    """
    found: dict[str, Source] = {}
    around: dict[Path, None] = {}
    for path in paths:
        if path == "-":
            found[STDIN] = Source.decoded(STDIN, sys.stdin.buffer.read())
        elif (beside := directory.beside_what(Path(path))) is not None:
            for folder, name, data in directory.read_beside(beside):
                if Path(path) in (Path(name), *Path(name).parents):
                    found[name] = _beside(beside, folder, name, data)
            around[beside] = None
        elif Path(path).is_dir():
            found |= {source.path: source for source in _below(Path(path))}
        else:
            found[path] = Source.decoded(path, _bytes(path))
            if version_of(path) is not None:
                around[Path(path).parent] = None
    given = {os.path.realpath(path) for path in found if path != STDIN}
    for parent in around:
        for source in _in(parent, context=True):
            if isinstance(source.error, ForeignFile):  # the whole directory is, and so the file
                found[source.path] = source
            if version_of(source.path) is None or os.path.realpath(source.path) in given:
                continue
            if source.error is None:
                found[source.path] = source
    return list(found.values())


def _below(path: Path) -> Iterator[Source]:
    """Every ``*.sql`` file of a directory and of those in it, hidden ones left out."""
    yield from _in(path)
    beside = tuple(ROLES) if directory.has_migrations(path) else ()
    if beside:
        for one in directory.read_beside(path):
            yield _beside(path, *one)
    for inner in sorted(path.iterdir()):
        if inner.name == SQUASHED or inner.name in beside or inner.name.startswith("."):
            continue  # what is squashed is read by nobody
        if inner.is_dir() and not inner.is_symlink():
            yield from _below(inner)


def _beside(home: Path, folder: str, path: str, data: bytes) -> Source:
    return Source.decoded(path, data, role=ROLES[folder], home=str(home))


def _in(path: Path, *, context: bool = False) -> Iterator[Source]:
    try:
        for name, data in directory.read(path):
            yield Source.decoded(str(path / name), data, context=context)
    except ForeignFile as error:
        yield Source(str(error.path), "", error=error)


def every_sql(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every ``*.sql`` file of these paths and below, by path and text, whatever it is for."""
    for path in paths:
        if Path(path).is_dir():
            for file in sorted(Path(path).rglob("*.sql")):
                yield str(file), file.read_bytes().decode("utf-8", "replace").lstrip(_MARK)
        else:
            yield path, _bytes(path).decode("utf-8", "replace").lstrip(_MARK)


def beside(file: Path, path: str) -> str:
    """A path relative to where ``file`` is, with slashes."""
    here = os.path.relpath(os.path.realpath(path), os.path.realpath(file.parent))
    return here.replace("\\", "/")


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no file or directory {path}.",
            hint="name files or directories; without any, the directory of migrations is linted",
        ) from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.", path=path) from error


def write(path: str, text: str) -> None:
    """Put a mended text into its file; its byte order mark, if it had one, stays."""
    file = Path(path)
    mark = _MARK if file.read_bytes().startswith(_MARK.encode()) else ""
    try:
        file.write_bytes(f"{mark}{text}".encode())
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}.", path=path) from error
