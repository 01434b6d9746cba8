"""The values of an import: files, what a reader makes of them, what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import FileError
from ..migrations.file import decode
from ..migrations.repeatable import Repeatable


class Files:
    """What is in a directory: names relative to it, in order, with ``/`` between folders.

    ``load`` gives the bytes of a file. Texts are decoded once, without a byte order mark.
    """

    def __init__(self, root: str, names: Iterable[str], load: Callable[[str], bytes]) -> None:
        self.root = root
        self.names = tuple(sorted(names))
        self._known = frozenset(self.names)
        self._load = load
        self._data: dict[str, bytes] = {}
        self._texts: dict[str, str] = {}

    def data(self, name: str) -> bytes:
        """The bytes of a file."""
        if name not in self._data:
            self._data[name] = self._load(name)
        return self._data[name]

    def text(self, name: str) -> str:
        """The text of a file. Raises FileError if it is not UTF-8."""
        if name not in self._texts:
            self._texts[name] = decode(self.data(name), self.path(name))
        return self._texts[name]

    def path(self, name: str) -> str:
        """A file's name as a person can open it."""
        return f"{self.root}/{name}" if self.root not in ("", ".") else name

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def under(self, folder: str) -> tuple[str, ...]:
        """The names of the files below a folder, in order."""
        return tuple(name for name in self.names if name.startswith(f"{folder}/"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an importer has to say about a file.

    ``name`` is the file's, "" for what concerns no file; ``line`` counts from 1.
    """

    name: str
    line: int | None
    message: str
    hint: str | None = None


class Findings:
    """Collects what stands in the way (``refused``), what a person should know (``notes``), and
    what becomes a repeatable file (``repeatable``)."""

    def __init__(self) -> None:
        self.refused: list[Finding] = []
        self.notes: list[Finding] = []
        self.repeatable: list[Repeatable] = []

    def refuse(self, name: str, line: int | None, message: str, hint: str | None = None) -> None:
        """Something cannot be carried over faithfully."""
        self.refused.append(Finding(name, line, message, hint))

    def note(self, name: str, line: int | None, message: str) -> None:
        """Something was carried over, and not by the letter."""
        self.notes.append(Finding(name, line, message))

    def text(self, files: Files, name: str) -> str:
        """The text of a file; one that is not UTF-8 is refused, and read as empty."""
        try:
            return files.text(name)
        except FileError as error:
            self.refuse(name, error.line, error.message, error.hint)
            return ""


@dataclass(frozen=True, slots=True)
class Part:
    """One direction of a migration, as the old tool has it.

    ``text`` has the line breaks of the file ``name``, whose line ``line`` is its first; what the
    tool takes out of it (markers) is left as an empty line. ``sent`` are the statements as the tool
    cuts them, None if it sends the whole part as one message.
    """

    text: str
    name: str
    line: int = 1
    sent: tuple[str, ...] | None = None

    def line_of(self, offset: int) -> int:
        """The line of the file that a character of the text is in."""
        before = self.text[:offset].replace("\r\n", "\n").replace("\r", "\n")
        return self.line + before.count("\n")


@dataclass(frozen=True, slots=True)
class Old:
    """A migration as the old tool has it, in that tool's order.

    ``key`` is how the tool's history calls it, ``version`` the number that ours keeps, if it can;
    ``title`` is shown to people. ``transaction`` False: the tool sends it outside of one.
    ``checksum`` is the tool's own, as its history holds it. ``origin`` are the files it is from,
    ``parents`` the keys of those that it follows, where the tool knows more than an order.
    ``before`` is SQL that the tool has sent before it, and that it needs.
    """

    key: str
    version: int | None
    title: str
    description: str
    up: Part
    down: Part | None = None
    transaction: bool | None = None
    environments: tuple[str, ...] = ()
    checksum: str | None = None
    origin: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    before: str = ""


class Values(dict[str, str]):
    """Values for placeholders that remembers which of them were asked for."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__(values or {})
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.used.add(name)
        return super().__getitem__(name)


@dataclass(frozen=True, slots=True)
class Options:
    """What a person has decided.

    ``variables`` are values for placeholders, ``dialect`` chooses among files for several servers,
    ``linearize`` accepts an order for branches that never met, ``python`` is the interpreter that
    has the project's own tool, ``multi_statement`` says that golang-migrate ran with
    ``x-multi-statement``.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    dialect: str | None = None
    linearize: bool = False
    python: str | None = None
    multi_statement: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What the old history says of one migration. ``at`` is None where it keeps no times."""

    key: str
    at: datetime | None = None
    by: str | None = None
    checksum: str | None = None


Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """How a tool's history is read.

    ``query`` makes the SQL for a qualified, quoted table, ``applied`` understands its rows: which
    of the migrations are applied, oldest first. What it refuses goes to the findings. ``tables``
    are the tool's own, in the history's schema; ``schemas`` are wholly its own. ``held`` asks for
    rows that say that the tool is at work just now, of a table of ``tables``. ``columns`` are those
    of the first of ``tables`` as the tool makes it: for migrations that name it.
    """

    query: Callable[[str], str]
    applied: Callable[[Rows, Sequence[Old], Findings], list[Applied]]
    tables: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    columns: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """A tool: how its files and its history are read.

    ``read`` None: its migrations are programs, so there is only a baseline. ``files`` says which
    files it means, for the sentence that none was found.
    """

    name: str
    read: Callable[[Files, Options, Findings], list[Old]] | None
    ledger: Ledger | None
    files: str


def by_version(rows: Rows, column: str = "version") -> list[Applied]:
    """The commonest history: a row for each version, no times."""
    return [Applied(str(row[column])) for row in rows]


def whole_number(text: str) -> int | None:
    """A version that ours can keep, or None."""
    if not text.isascii() or not text.isdecimal():
        return None
    number = int(text)
    return number if number < 2**63 else None


_LONGEST = 150


def described(text: str, otherwise: str) -> str:
    """A description from a name: blanks for what stands between words, and no longer than the name
    of a file can be. The whole name is in the table of old names."""
    words = " ".join(text.replace("_", " ").replace("-", " ").split())
    short = words.encode()[:_LONGEST].decode(errors="ignore").rstrip()
    return short if any(letter.isalnum() for letter in short) else otherwise
