"""A migration file: its name, its parts, its directives, its checksum.

    <version>_<description>.sql

    -- comments and directives
    forward SQL
    -- @UNDO
    undo SQL

The rule: everything here is text in, frozen values out. Which bytes are on disk is
`migrations.directory`'s business, what the SQL means is `parser.parse`'s.

The marker counts only as a comment line of its own at the top level: in a string, a quoted
identifier, a dollar-quoted body or a block comment it is data. Offsets are characters of
`MigrationFile.text`, so that a server's error position leads straight back to line and column.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, overload

from ..errors import FileError, ForeignFile, raise_all
from ..parser import client
from ..parser.split import Directive, Unterminated, directives, excerpt, line_column, split
from ..suggest import meant
from . import foreign

if TYPE_CHECKING:
    from .backfill import Backfill
    from .squash import Squashed
    from .values import Declared, Values

MAX_VERSION = 2**63 - 1
_NAME = re.compile(r"(?P<version>\d+)(?:_(?P<description>.*))?\.(?:sql|py)\Z", re.DOTALL)
_PROGRAM = re.compile(r"\d+(?:_.*)?\.py\Z", re.DOTALL)
_UNTIDY = re.compile(r"[ \t\r\f\v]\n")
_TRAILING = re.compile(r"[ \t\r\f\v]+$", re.MULTILINE)
_PIECE = 1_000_000
_SWITCH = {"on": True, "off": False}
_OF_BACKFILLS = ("backfill", "batch", "where", "check", "throttle", "background")
KNOWN_DIRECTIVES = (
    *("undo", "transaction", "environments", "allow", "requires", "squashes", "variables"),
    *_OF_BACKFILLS,
)
# Said about a migration, not by it: an applied file may get such a line, or lose it.
_NO_MEANING = ("allow", "batch", "throttle", "squashes")


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration as written.

    `up_sql` and `down_sql` are slices of `text`; `down_start` is where the undo part begins in
    it (`len(text)` when there is none). `transaction` is the directive's wish: True forces one
    transaction, False forbids it, None leaves it to the planner. `environments` is empty when
    the migration belongs everywhere. `requires` are versions whose backfills have to be complete
    before it runs. `backfill` and `down_backfill` are what a part asks for that runs batch by
    batch, still without its statements. `squashes` are those that this file stands for.
    batch, still without its statements. `declared` are the variables that the file is filled in
    with when a script is made of it. `functions` are those of a Python migration, whose text is
    all of it.
    """

    version: int
    description: str
    path: str
    text: str
    up_end: int
    down_start: int | None
    transaction: bool | None
    environments: tuple[str, ...]
    checksum: str
    requires: tuple[int, ...] = ()
    backfill: Backfill | None = None
    down_backfill: Backfill | None = None
    squashes: tuple[Squashed, ...] = ()
    declared: Declared | None = None
    functions: tuple[str, ...] = ()

    @property
    def is_program(self) -> bool:
        """Whether it is Python: `functions` are those that it has."""
        return bool(self.functions)

    @property
    def has_undo(self) -> bool:
        """Whether there is an undo part, perhaps an empty one."""
        return "undo" in self.functions if self.is_program else self.down_start is not None

    @property
    def up_sql(self) -> str:
        """The forward part, as written."""
        return self.text[: self.up_end]

    @property
    def down_sql(self) -> str | None:
        """The undo part, as written; None when the file has none."""
        return None if self.down_start is None else self.text[self.down_start :].strip()

    @property
    def stored_undo(self) -> str | None:
        """The undo part as the history keeps it: with what it declares, without any value."""
        undo = self.down_sql
        if undo is None or self.declared is None:
            return undo
        return f"-- @variables {', '.join(sorted(self.declared.set))}\n{undo}"

    def belongs_to(self, environment: str | None) -> bool:
        """Whether this migration is meant for `environment` (None: no environment named)."""
        return not self.environments or environment in self.environments


def checksum(sql: str) -> str:
    """The SHA-256 of what `sql` means: line endings and trailing space do not count."""
    if _UNTIDY.search(sql):
        sql = _TRAILING.sub("", sql)
    if len(sql) <= _PIECE:
        return hashlib.sha256(sql.strip().encode()).hexdigest()
    digest = hashlib.sha256()  # a large file is neither copied nor encoded at once
    start, end = 0, len(sql)
    while start < end and sql[start].isspace():
        start += 1
    while end > start and sql[end - 1].isspace():
        end -= 1
    for piece in range(start, end, _PIECE):
        digest.update(sql[piece : min(piece + _PIECE, end)].encode())
    return digest.hexdigest()


def parse_name(name: str, path: str) -> tuple[int, str]:
    """Version and description of a file name. Raises FileError for a name that has none."""
    found = _NAME.match(name)
    if found is None:
        hint = "name it <version>_<description>.sql, for example 20230101120000_create_users.sql"
        if trace := foreign.of_name(name):
            raise foreign_error(
                f"The file name {name!r} has no version of manticore's: it is {trace.whose}.",
                trace,
                path,
            )
        raise FileError(f"The file name {name!r} has no version.", path=path, hint=hint)
    version = int(found["version"])
    if version > MAX_VERSION:
        raise FileError(
            f"The version {found['version']} does not fit into 64 bits.",
            path=path,
            hint=f"the largest version is {MAX_VERSION}",
        )
    return version, (found["description"] or "").replace("_", " ").strip()


def decode(data: bytes, path: str) -> str:
    """The text of a file's bytes, without a byte order mark. Raises FileError if not UTF-8."""
    data = data.removeprefix(BOM_UTF8)  # the codec for that is written in Python
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise FileError(
            f"Byte 0x{data[error.start]:02x} is not UTF-8.",
            path=path,
            line=before.count(b"\n") + 1,
            column=len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1,
            hint="save the file as UTF-8",
        ) from error


def parse_file(
    name: str, text: str, path: str, *, ours: bool = False, values: Values | None = None
) -> MigrationFile:
    """The migration in `text`, read from a file called `name`. Raises FileError.

    `ours`: it is known to be, whatever it looks like, as what we have stored ourselves is.
    `values` are what its variables stand for.
    """
    if not ours:
        refuse_foreign(name, text, path)
    version, description = parse_name(name, path)
    if name.endswith(".py"):
        return _parse_program(version, description, path, text)
    nul = text.find("\0")
    if nul >= 0:  # a message to the server would end there, without a word
        raise at(
            path,
            text,
            nul,
            "The character NUL cannot be in SQL.",
            version=version,
            hint="is this a binary file, or UTF-16? save it as UTF-8",
        )
    try:
        found = directives(text)
    except Unterminated as error:
        raise _unterminated(path, text, error, 0, version) from error
    marker: Directive | None = None
    transaction: bool | None = None
    environments: tuple[str, ...] = ()
    requires: tuple[int, ...] = ()
    batched = squashing = False
    variables: list[Directive] = []
    for one in found:
        match one.name:
            case "undo" if marker is not None:
                raise at(
                    path,
                    text,
                    one.start,
                    "A second -- @UNDO marker.",
                    version=version,
                    hint="one file has one forward part and one undo part",
                )
            case "undo":
                marker = one
            case "transaction":
                transaction = _SWITCH.get(one.value.lower())
                if transaction is None:
                    raise at(
                        path,
                        text,
                        one.start,
                        f"-- @transaction {one.value!r} is neither on nor off.",
                        version=version,
                    )
            case "environments":
                environments = _environments(one, path, text, version)
            case "allow":
                pass  # the linter's business
            case "requires":
                requires += _versions(one, path, text, version)
            case "squashes":
                squashing = True
            case "variables":
                variables.append(one)
            case name if name in _OF_BACKFILLS:
                batched = True
            case other:
                raise at(
                    path,
                    text,
                    one.start,
                    f"Unknown directive -- @{other}.",
                    version=version,
                    hint=meant_directive(other, KNOWN_DIRECTIVES, "--"),
                )
    up_end = len(text) if marker is None else marker.start
    up = down = None
    if batched:
        from .backfill import find

        fail = failing(path, text, version)
        up, down = find(found, 0, up_end, fail), find(found, up_end, len(text), fail)
    squashes: tuple[Squashed, ...] = ()
    if squashing:
        from .squash import squashed_by

        squashes = squashed_by(found, version, failing(path, text, version))
    return MigrationFile(
        version=version,
        description=description,
        path=path,
        text=text,
        up_end=up_end,
        down_start=None if marker is None else marker.end,
        transaction=transaction,
        environments=environments,
        checksum=checksum(_meaning(text[:up_end], found)),
        requires=requires,
        backfill=up,
        down_backfill=down,
        squashes=squashes,
        declared=declaration(variables, path, text, version, values),
    )


def is_program(name: str) -> bool:
    """Whether a file of this name is a Python migration: it begins with a version."""
    return _PROGRAM.match(name) is not None


def _parse_program(version: int, description: str, path: str, text: str) -> MigrationFile:
    from . import program

    functions = program.functions(program.compiled(text, path, version), path, version)
    environments: tuple[str, ...] = ()
    requires: tuple[int, ...] = ()
    for one in program.directives(text):
        match one.name:
            case "environments":
                environments = _environments(one, path, text, version)
            case "requires":
                requires += _versions(one, path, text, version)
            case "allow":
                pass
            case other:
                raise at(
                    path,
                    text,
                    one.start,
                    f"Unknown directive # @{other} in a Python migration.",
                    version=version,
                    hint=meant_directive(other, program.KNOWN, "#"),
                )
    return MigrationFile(
        version=version,
        description=description,
        path=path,
        text=text,
        up_end=len(text),
        down_start=None,
        transaction=None,
        environments=environments,
        checksum=checksum(text),
        requires=requires,
        functions=functions,
    )


def _environments(one: Directive, path: str, text: str, version: int) -> tuple[str, ...]:
    words = _words(one.value)
    if not words:
        raise at(
            path,
            text,
            one.start,
            "-- @environments names none.",
            version=version,
            hint="write for example -- @environments production, staging",
        )
    return words


def refuse_foreign(name: str, text: str, path: str) -> None:
    """Raise ForeignFile for another tool's file, unless the file itself says that it is ours.

    `name` may have the file's folder before it, as in `20240101_x/up.sql`.
    """
    if name.endswith(".py"):
        if (trace := foreign.of_program(name, text)) is not None:
            raise foreign_error(foreign.message(trace), trace, path)
        return
    if not foreign.is_suspicious(name, text):
        return
    try:
        found = directives(text)
    except Unterminated:  # told by whoever reads on; a file of another tool's is told as that
        found = []
    undo = next((one.start for one in found if one.name == "undo"), None)
    trace = foreign.in_file(name, text, undo)
    if trace is not None and not any(_allows_foreign(one) for one in found):
        raise foreign_error(foreign.message(trace), trace, path, text)


def _allows_foreign(one: Directive) -> bool:
    names, _, reason = one.value.partition(":")
    named = foreign.ALLOWANCE in names.replace(",", " ").split()
    return one.name == "allow" and named and bool(reason.strip())


def foreign_error(
    message: str, trace: foreign.Trace, path: str, text: str | None = None
) -> ForeignFile:
    """The error for a trace of another tool; a marker is pointed at in the file's text."""
    error = ForeignFile(message, path=path, hint=foreign.hint(trace))
    if text is not None and trace.marker is not None:
        error.line, error.column = line_column(text, trace.start)
        error.excerpt = excerpt(text, trace.start)
    error.tools = tuple(tool.name for tool in trace.tools)
    return error


def failing(
    path: str | None, text: str, version: int | None
) -> Callable[[int, str, str | None], FileError]:
    """What makes a FileError of an offset of `text`, a message and a hint."""
    return lambda offset, message, hint: at(path, text, offset, message, version=version, hint=hint)


def _versions(one: Directive, path: str, text: str, version: int) -> tuple[int, ...]:
    """The versions that `-- @requires` names: all of them older than the file's own."""
    words = _words(one.value)
    wrong = [w for w in words if not w.isdecimal() or int(w) >= version]
    if wrong or not words:
        raise at(
            path,
            text,
            one.start,
            f"-- @requires {one.value} names no older version.".replace("  ", " "),
            version=version,
            hint="write for example -- @requires 20230101120000: the version of a backfill"
            " that has to be complete before this migration",
        )
    return tuple(map(int, words))


def environments_in(text: str) -> tuple[str, ...]:
    """The environments that a text's directives name; none where they cannot be read."""
    try:
        found = directives(text)
    except Unterminated:
        return ()
    return tuple(w for one in found if one.name == "environments" for w in _words(one.value))


def declaration(
    found: Sequence[Directive],
    path: str,
    text: str,
    version: int | None,
    values: Values | None,
) -> Declared | None:
    """What these `-- @variables` lines declare; None where there is none. Raises FileError."""
    if not found:
        return None
    from .values import NAME, Declared, Values

    names: dict[str, int] = {}
    for one in found:
        for name in _words(one.value) or ("",):
            if not NAME.fullmatch(name):
                what = f"{name!r}, which no variable can be called" if name else "none"
                raise at(
                    path,
                    text,
                    one.start,
                    f"-- @variables names {what}.",
                    version=version,
                    hint="write for example -- @variables region, owner: letters, digits and _",
                )
            names.setdefault(name, one.start)
    return Declared(tuple(names.items()), values or Values())


def _words(value: str) -> tuple[str, ...]:
    """What a directive names, separated by commas or blanks."""
    return tuple(word for word in re.split(r"[,\s]+", value) if word)


def _meaning(up_sql: str, found: Iterable[Directive]) -> str:
    """The forward part without what is only said about it: to the linter, or how gently to run."""
    pieces, done = [], 0
    for one in found:
        if one.name in _NO_MEANING and one.end <= len(up_sql):
            start = up_sql.rfind("\n", 0, one.start) + 1
            pieces.append(up_sql[done:start])
            end = up_sql.find("\n", one.end)
            done = len(up_sql) if end < 0 else end + 1
    return "".join(pieces) + up_sql[done:] if pieces else up_sql


def meant_directive(name: str, known: Sequence[str], mark: str) -> str:
    """The hint for a directive that nobody knows, behind the ``mark`` of a comment."""
    return meant(
        name,
        known,
        lambda near: f"{mark} @{near}",
        otherwise="known: " + ", ".join("@" + one for one in known),
        likeness=0.5,
    )


def at(
    path: str | None,
    text: str,
    offset: int,
    message: str,
    *,
    version: int | None = None,
    hint: str | None = None,
) -> FileError:
    """A FileError that points at character `offset` of `text`."""
    line, column = line_column(text, offset)
    return FileError(
        message,
        path=path,
        line=line,
        column=column,
        version=version,
        hint=hint,
        excerpt=excerpt(text, offset),
    )


def _unterminated(path: str, text: str, error: Unterminated, start: int, version: int) -> FileError:
    """The error for a part, from `start`, that cannot be cut: at the cause, where one is seen."""
    offset = start + error.offset
    if cause := client.before(text, offset):
        offset, what, hint = cause
        return at(path, text, offset, f"{what[0].upper()}{what[1:]}.", version=version, hint=hint)
    return at(path, text, offset, f"Unterminated {error.kind}.", version=version)


class Spans(Sequence[tuple[int, int]]):
    """Spans of statements, sixteen bytes each: a seed file has a million of them."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[tuple[int, int]], offset: int) -> None:
        self._starts, self._ends = array("Q"), array("Q")
        for start, end in spans:
            self._starts.append(offset + start)
            self._ends.append(offset + end)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[int, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | Sequence[tuple[int, int]]:
        if isinstance(index, slice):
            return list(zip(self._starts[index], self._ends[index], strict=True))
        return self._starts[index], self._ends[index]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)


def statements(file: MigrationFile, *, down: bool = False) -> Sequence[tuple[int, int]]:
    """The spans of one part's statements, as offsets into `file.text`. Raises FileError.

    An empty forward part is an error: a migration that does nothing is a mistake.
    """
    if file.is_program:
        return ()
    start = 0
    part = file.up_sql
    if down:
        if file.down_start is None:
            return ()
        start = file.down_start
        part = file.text[start:]
    try:
        spans = Spans(split(part), start)
    except Unterminated as error:
        raise _unterminated(file.path, file.text, error, start, file.version) from error
    if not spans and not down:
        raise FileError(
            "The forward part is empty.",
            path=file.path,
            version=file.version,
            hint="write the SQL of the migration, or delete the file",
        )
    return spans


def render(up_sql: str, down_sql: str | None) -> str:
    """The text of a file with these parts: `parse_file` gives them back."""
    text = up_sql.strip() + "\n"
    if down_sql is not None and down_sql.strip():
        text += "\n-- @UNDO\n\n" + down_sql.strip() + "\n"
    return text


def file_name(version: int, description: str, ending: str = "sql") -> str:
    """The name for a migration: lower-case words of the description joined by `_`.

    Whatever cannot be in a name on every file system is dropped, so no description can lead
    out of the directory. Raises FileError when nothing is left or the name is too long.
    """
    slug = re.sub(r"[^\w]+", "_", description.strip().lower()).strip("_")
    if not slug:
        raise FileError(
            f"The description {description!r} has no letter or digit to name a file with.",
            version=version,
            hint="describe the change in a few words",
        )
    name = f"{version}_{slug}.{ending}"
    if len(name.encode()) > 200:
        raise FileError(
            f"The description has {len(description)} characters; its file name would be too long.",
            version=version,
            hint="use at most about 150 characters, and comments in the file for the rest",
        )
    return name


def check_unique(files: Iterable[MigrationFile]) -> tuple[MigrationFile, ...]:
    """The files in order of version. Raises FileError when two have the same one."""
    ordered = sorted(files, key=lambda f: f.version)
    raise_all(
        [
            FileError(
                f"Version {one.version} is used by two files: {one.path} and {two.path}.",
                version=one.version,
                path=two.path,
                hint="give one of them a new version",
            )
            for one, two in pairwise(ordered)
            if one.version == two.version
        ]
    )
    return tuple(ordered)
