"""The directory of migration files: read whole, written one file at a time.

Nothing here knows SQL. `read` gives names and bytes, in order of name; `create` writes a new
file under a version that no other file has, whatever other processes do at the same moment.
Neither does so in a directory that another migration tool has left its traces in (`foreign`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError, ForeignFile, raise_all
from . import foreign
from .file import (
    MigrationFile,
    check_unique,
    decode,
    file_name,
    foreign_error,
    is_program,
    parse_file,
    parse_name,
    refuse_foreign,
    render,
)
from .squash import SQUASHED

if TYPE_CHECKING:
    from .repeatable import Repeatable
    from .squash import Squash
    from .values import Values

_RESERVED = ".{version}.reserved"
_SHOWN = 5  # names in a sentence about a directory
_TELLING = 65_536  # characters of a program in which it has said what it is for


def read(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of every `*.sql` file and Python migration, one at a time. Raises FileError
    when that cannot be, ForeignFile when what lies beside them is another migration tool's.

    Hidden files and folders are left alone.
    """
    try:
        names, others = _entries(directory)
        if others:
            _refuse_foreign(directory, others)
        for name in names:
            with open(f"{directory}{os.sep}{name}", "rb", buffering=0) as file:  # noqa: PTH123
                found = [file.readall()]
            if is_program(name) and not _is_meant(found[0]):
                continue
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


def load(directory: Path, values: Values | None = None) -> tuple[MigrationFile, ...]:
    """Every migration of a directory, in order of version; ``values`` are those of their variables.

    Raises FileError, with all that is wrong in any file; of another tool's files the first is
    enough, ForeignFile.
    """
    files: list[MigrationFile] = []
    errors: list[FileError] = []
    for name, data in read(directory):
        path = f"{directory}{os.sep}{name}"  # a fraction of the time of a Path
        try:
            text = decode(data, path)
            del data
            files.append(parse_file(name, text, path, values=values))
        except ForeignFile:
            raise
        except FileError as error:
            errors.append(error)
    raise_all(errors)
    if any(file.squashes for file in files):
        _refuse_half_squashed(files)
    return check_unique(files)


def _refuse_half_squashed(files: Sequence[MigrationFile]) -> None:
    """Raise FileError where a squash and a file that it stands for are both there."""
    from .squash import leftovers

    for squash in files:
        for file in leftovers(squash, files):
            if _is_of(file, squash):
                hint = f"`manticore squash --to {squash.version}` goes on where it stopped"
            else:
                hint = "it is not what was squashed: give what is new in it a version of its own"
            raise FileError(
                f"{file.path} is squashed into {squash.path}, and both are there.",
                version=file.version,
                path=file.path,
                hint=hint,
            )


def replace_by_squash(directory: Path, name: str, text: str, old: Sequence[MigrationFile]) -> Path:
    """Put a squashed file in place of the old ones, which move to a folder of their own; return
    the new file's path. Raises FileError.

    The new file comes first. Whoever is killed after that leaves a directory that says so and is
    used by nobody, and the next call goes on; nothing is ever without a name.
    """
    path = directory / name
    try:
        if not path.exists():
            part = directory / f".{name}.part"
            part.write_text(text, encoding="utf-8", newline="\n")
            part.rename(path)
        set_aside(directory, parse_name(name, str(path))[0], old)
    except OSError as error:
        raise _unwritten(directory, error) from error
    return path


def set_aside(directory: Path, version: int, old: Sequence[MigrationFile]) -> Path:
    """Move files that are squashed into the folder of their squash, and return it. Raises OSError,
    FileError where another file of that name is there."""
    folder = directory / SQUASHED / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    for file in old:
        here = Path(file.path)
        there = folder / here.name
        if there.exists():
            raise FileError(
                f"{there} is there already.",
                path=str(there),
                version=file.version,
                hint="look at it, move it away, and call squash again: nothing is written over",
            )
        here.rename(there)
    return folder


def finish_squash(directory: Path, version: int, *, dry_run: bool) -> Squash | None:
    """Move what is left of the old files of a squash that stopped half way; None where there is
    none. Raises FileError."""
    from .squash import Squash, folder_of, leftovers, squashed_versions

    files = []
    for name, data in read(directory):
        path = f"{directory}{os.sep}{name}"
        files.append(parse_file(name, decode(data, path), path))
    for squash in files:
        if squash.version == version and squash.squashes:
            left = leftovers(squash, files)
            if not left or not all(_is_of(file, squash) for file in left):
                continue
            if not dry_run:
                try:
                    set_aside(directory, version, left)
                except OSError as error:
                    raise _unwritten(directory, error) from error
            known = tuple(sorted({*squashed_versions(squash), version}))
            note = "an earlier call had proven and written it; this one moved what was left"
            text, folder = squash.text, folder_of(squash)
            return Squash(version, squash.path, text, known, folder, (note,), not dry_run)
    return None


def _unwritten(directory: Path, error: OSError) -> FileError:
    return FileError(
        f"{error.filename or directory} cannot be written: {error.strerror}.",
        path=str(error.filename or directory),
        hint="nothing is lost; check who owns it and its permissions, and call squash again",
    )


def _is_of(file: MigrationFile, squash: MigrationFile) -> bool:
    return any(
        (one.version, one.checksum) == (file.version, file.checksum) for one in squash.squashes
    )


REPEATABLE = "repeatable"
HOOKS = "hooks"
BESIDE = (REPEATABLE, HOOKS, SQUASHED)  # folders beside the migrations that are ours too


def load_repeatable(
    directory: Path, folder: str = REPEATABLE, values: Values | None = None
) -> tuple[Repeatable, ...]:
    """Every file below the folder ``repeatable``, or another, by name; none where there is none.

    Hidden files and folders are left alone. Raises FileError.
    """
    home = f"{directory}{os.sep}{folder}"
    if not os.path.isdir(home):  # noqa: PTH112 - one look, on every run
        return ()
    from .repeatable import parse_repeatable

    found = []
    try:
        for inner, folders, names in os.walk(home):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.endswith(".sql") and not name.startswith("."):
                    path = Path(inner, name)
                    relative = path.relative_to(home).as_posix()
                    text = decode(path.read_bytes(), str(path))
                    found.append(parse_repeatable(relative, text, str(path), values))
    except OSError as error:
        raise FileError(
            f"{error.filename or home} cannot be read: {error.strerror}.",
            path=str(error.filename or home),
            hint="check who owns it and its permissions",
        ) from error
    return tuple(sorted(found, key=lambda file: file.name))


def read_beside(directory: Path) -> Iterator[tuple[str, str, bytes]]:
    """Folder, path and bytes of every repeatable file and hook, one at a time, for who only looks:
    hidden files and folders are left alone. Raises OSError."""
    for folder in (REPEATABLE, HOOKS):
        for path in sorted((directory / folder).rglob("*.sql")):
            inner = path.relative_to(directory / folder).parts
            if path.is_file() and not any(part.startswith(".") for part in inner):
                yield folder, str(path), path.read_bytes()


def beside_what(path: Path) -> Path | None:
    """The directory of migrations that something is beside, as a repeatable file, a hook, or a
    folder of these; None for anything else. A folder's name alone is nobody's: there have to be
    migrations beside it."""
    for one in (path, *path.parents):
        if one.name in (REPEATABLE, HOOKS) and has_migrations(one.parent) and path.exists():
            return one.parent
    return None


def has_migrations(directory: Path) -> bool:
    """Whether a directory has a file that is named as a migration."""
    return any(path.name[:1].isdigit() for path in directory.glob("*.sql"))


def nothing_in(directory: Path) -> str | None:
    """A sentence about a directory without any migration and what it has instead; None if it has
    one, which costs a look at a few names. Raises OSError."""
    others = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.endswith(".sql") or _is_migration(Path(entry.path)):
                return None
            others.append(f"{entry.name}/" if entry.is_dir() else entry.name)
    if not others:
        return f"No migrations in {directory}, which is empty."
    shown = ", ".join(sorted(others)[:_SHOWN])
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    return (
        f"No migrations in {directory}: left unread {shown}{more}; a migration is a file"
        " <version>_<description>.sql."
    )


def _entries(directory: Path) -> tuple[list[str], list[os.DirEntry[str]]]:
    """The names of the `*.sql` files in order, and whatever else there is."""
    names: list[str] = []
    others: list[os.DirEntry[str]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                if entry.name.endswith(".sql"):
                    names.append(entry.name)
                elif is_program(entry.name) and entry.is_file():
                    names.append(entry.name)
                    others.append(entry)  # perhaps another tool's
                elif entry.name not in BESIDE:
                    others.append(entry)
    names.sort()
    return names, others


def _is_migration(path: Path) -> bool:
    """Whether a file is a Python migration. Raises OSError."""
    return is_program(path.name) and path.is_file() and _is_meant(path.read_bytes())


def _is_meant(data: bytes) -> bool:
    from .program import is_meant

    return is_meant(data.decode("utf-8", "replace"))


def _refuse_foreign(directory: Path, others: list[os.DirEntry[str]]) -> None:
    """Raise ForeignFile for a directory that what lies beside the SQL files says is not ours."""
    trace = foreign.detect(_layout(others), lambda name: _beginning(directory / name))
    if trace is not None:
        raise foreign_error(
            f"The directory {directory} is {trace.whose}, not manticore's: {trace.name} is in it.",
            trace,
            f"{directory}{os.sep}{trace.name}",
        )


def _layout(others: list[os.DirEntry[str]]) -> Iterator[str]:
    """The names of these, and of what is in folders among them, two deep where those have a
    version: no layout goes deeper."""
    for entry in sorted(others, key=lambda entry: entry.name):
        yield entry.name
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("__"):
            for inner in sorted(_inside(entry.path)):
                yield f"{entry.name}/{inner}"
                if inner[:1].isdigit() and not inner.endswith(".sql"):
                    for name in sorted(_inside(f"{entry.path}{os.sep}{inner}")):
                        yield f"{entry.name}/{inner}/{name}"


def _inside(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - for the names alone
    except OSError:  # no folder, or none of ours to look into
        return []


def _beginning(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_TELLING)
    except OSError:
        return ""


def create(
    directory: Path,
    description: str,
    up_sql: str,
    down_sql: str | None,
    next_version: Callable[[list[int]], int],
    *,
    exist_ok: bool = False,
    python: bool = False,
) -> Path:
    """Write a new migration and return its path; the directory is made when missing.

    With ``python`` the forward part is the text of a Python migration.

    `next_version` proposes a version from those that exist. A version is first reserved by
    creating a file named after it alone, which only one process can; then the directory is
    looked at once more, so that a version used a moment ago is seen. With ``exist_ok`` the
    newest that has this description and these parts already is returned instead. Raises FileError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        ending = "py" if python else "sql"
        if exist_ok:
            found = _same(directory, description, render(up_sql, down_sql), ending)
            if found is not None:
                return found
        _refuse_foreign_neighbours(directory)
        while True:
            version = next_version(_versions(directory))
            path = directory / file_name(version, description, ending)
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


def _refuse_foreign_neighbours(directory: Path) -> None:
    """Raise ForeignFile rather than write among another tool's files.

    Of the SQL files only the first and the last are read: a tool's markers are in all of its own.
    """
    names, others = _entries(directory)
    _refuse_foreign(directory, others)
    for name in dict.fromkeys((*names[:1], *names[-1:])):
        path = directory / name
        refuse_foreign(name, path.read_bytes().decode("utf-8", "replace"), str(path))


def _same(directory: Path, description: str, text: str, ending: str) -> Path | None:
    """The newest file with this name behind its version, and with this text.

    Indentation does not count: the same SQL stands deeper in one program than in another.
    """
    name = file_name(0, description, ending).removeprefix("0")
    wanted = _lines(text)
    found = [
        (parse_name(path.name, str(path))[0], path)
        for path in directory.iterdir()
        if path.name.endswith(name) and path.name.removesuffix(name).isdecimal()
    ]
    for _, path in sorted(found, reverse=True):
        if _lines(decode(path.read_bytes(), str(path))) == wanted:
            return path
    return None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


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
        if (path.suffix == ".sql" or _is_migration(path)) and not path.name.startswith(".")
    ]


def _after(next_version: Callable[[list[int]], int], taken: int) -> Callable[[list[int]], int]:
    return lambda versions: next_version([*versions, taken])
