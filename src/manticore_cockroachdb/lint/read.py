"""A file for the linter: its parts, its statements as nodes, its allowances, or what is wrong.

Unlike `migrations.file`, nothing here raises: a file that cannot be used becomes one with an
`error`, which is a finding like any other. A file whose name has no version is plain SQL: a
forward part, with an undo part if it has the marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias, TypeVar

from ..analysis.catalog import SimulatedCatalog
from ..analysis.changes import into_table
from ..errors import FileError
from ..migrations import program
from ..migrations.file import (
    MigrationFile,
    at,
    decode,
    parse_file,
    parse_name,
    refuse_foreign,
    statements,
)
from ..migrations.hooks import hooks_of
from ..migrations.repeatable import parse_repeatable
from ..migrations.script import Script, script_of, stood_in
from ..parser import nodes as n
from ..parser.parse import parse
from ..parser.rows import INSERT_HEAD
from ..parser.split import Directive, directives
from .words import words

Role: TypeAlias = Literal["migration", "repeatable", "hook"]


class Text(Protocol):
    """A file as it was read: a `MigrationFile`, or a `Source`."""

    @property
    def path(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A file to lint. ``context``: it is only read for what it creates, not reported on.

    ``error``: why its bytes are no text; then that is what is reported. ``role`` says what it is,
    and ``home`` is the directory of the migrations that a repeatable file or a hook is beside.
    """

    path: str
    text: str
    context: bool = False
    error: FileError | None = None
    role: Role = "migration"
    home: str | None = None

    @classmethod
    def decoded(
        cls,
        path: str,
        data: bytes,
        *,
        context: bool = False,
        role: Role = "migration",
        home: str | None = None,
    ) -> Source:
        """A file from its bytes."""
        try:
            return cls(path, decode(data, path), context, None, role, home)
        except FileError as error:
            return cls(path, data.decode("utf-8", "replace"), context, error, role, home)


def table_key(name: n.QName) -> str:
    """A table's name as it is compared: with its schema, unless that is public."""
    return name.name if name.schema in (None, "public") else f"{name.schema}.{name.name}"


T = TypeVar("T")


class Before(Set[T]):
    """What the statements before one have made: a view of what a whole part makes and where."""

    __slots__ = ("_at", "_made")

    def __init__(self, made: Mapping[T, int], at: int) -> None:
        self._made, self._at = made, at

    def __contains__(self, thing: object) -> bool:
        return thing in self._made and self._made[thing] < self._at  # type: ignore[index]

    def __iter__(self) -> Iterator[T]:
        return (thing for thing, at in self._made.items() if at < self._at)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @classmethod
    def _from_iterable(cls, it: Iterable[T]) -> Set[T]:  # type: ignore[override]
        return frozenset(it)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: ``sql`` is the file's characters ``start`` to ``end``, or in a file of seed
    data the first of many alike that go on to ``end``.

    ``fresh`` holds the tables that earlier statements of the same part created, ``added`` the
    columns they added; `Context.is_fresh` knows more.
    """

    down: bool
    start: int
    end: int
    sql: str
    node: n.Node
    stamp: int
    fresh: Set[str]
    added: Set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Allow:
    """One rule name of an ``-- @allow`` line at character ``start``."""

    rule: str
    reason: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LintedFile:
    """A file, read. ``version`` and ``description`` are None for plain SQL.

    ``undo_start`` is where the undo part begins, None when there is none. ``day`` is the stamp of
    the first statement of the migrations that were written on the same day. ``template`` is where
    the first thing stands that another program would fill in. ``role``: whether it is a migration,
    a repeatable file or a hook; these two have no version.
    """

    path: str
    text: str
    version: int | None = None
    description: str | None = None
    transaction: bool | None = None
    up: tuple[Statement, ...] = ()
    down: tuple[Statement, ...] = ()
    undo_start: int | None = None
    up_end: int = 0
    allows: tuple[Allow, ...] = ()
    day: int = 0
    template: tuple[int, int] | None = None
    backfill: bool = False
    is_program: bool = False
    squash: bool = False
    role: Role = "migration"
    error: FileError | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Both parts."""
        return self.up + self.down

    def script(self) -> Script:
        """The forward part as the planner takes it."""
        return Script(
            version=self.version or 0,
            description=self.description or "",
            direction="up",
            path=self.path,
            text=self.text,
            spans=tuple((s.start, s.end) for s in self.up),
            wish=self.transaction,
            checksum="",
            undo=None,
        )


def version_of(path: str) -> int | None:
    """The version in a path's name; None for plain SQL."""
    try:
        return parse_name(base_name(path), path)[0]
    except FileError:
        return None


def day_of(version: int | None) -> int | None:
    """The day that a version names, where it is a time: 20250131 of 20250131120000."""
    if version is None or not 10**13 <= version < 10**14:
        return None
    return version // 10**6


def base_name(path: str) -> str:
    """The last part of a path."""
    return path.replace("\\", "/").rpartition("/")[2]


def directory_of(path: str) -> str:
    """What a path's last part is in."""
    return path.replace("\\", "/").rpartition("/")[0]


def _with_folder(path: str) -> str:
    """The last part of a path with what it is in, where a folder is what has the version."""
    folder, name = base_name(directory_of(path)), base_name(path)
    return f"{folder}/{name}" if folder[:1].isdigit() else name


def read_file(
    source: Text,
    catalog: SimulatedCatalog,
    day: int | None = None,
    longest: int | None = None,
) -> LintedFile:
    """Read one file; ``catalog`` takes its forward part. ``day`` is as in `LintedFile`, the file's
    own first statement if None; ``longest`` how much of a name the server keeps."""
    path, text = source.path, source.text
    if isinstance(source, Source) and source.role != "migration":
        return _read_beside(source, catalog, longest)
    plain = version_of(path) is None
    if isinstance(source, Source) and source.error is not None:
        return LintedFile(path, text, error=source.error)
    try:
        if path.endswith(".py"):
            return _program(parse_file(base_name(path), text, path), catalog, day)
        if plain:  # its name is no migration's of ours, but may be another tool's
            refuse_foreign(_with_folder(path), text, path)
        file = parse_file("0_plain.sql" if plain else base_name(path), text, path, ours=plain)
        spans, undo = statements(file), statements(file, down=True)
        if file.declared is not None:  # values say nothing that a rule could mind
            file = stood_in(file, always=True)
        if file.backfill is not None or file.down_backfill is not None:
            script_of(file)
            script_of(file, down=True)
    except FileError as error:
        return LintedFile(path, text, error=error)
    if "\0" in text:
        zero = at(path, text, text.index("\0"), "The file has a zero byte, which no server takes.")
        return LintedFile(path, text, error=zero)
    first = catalog.stamp
    up = _part(file.text, spans, catalog, longest, down=False)
    down = _part(file.text, undo, catalog, longest, down=True)
    return LintedFile(
        path,
        text,
        day=first if day is None else day,
        version=None if plain else file.version,
        description=None if plain else file.description,
        transaction=file.transaction,
        up=up,
        down=down,
        undo_start=file.down_start,
        up_end=file.up_end,
        template=_template(file.text, (*up, *down)),
        backfill=file.backfill is not None,
        squash=bool(file.squashes),
        allows=tuple(_allows(directives(text))),
    )


def _read_beside(source: Source, catalog: SimulatedCatalog, longest: int | None) -> LintedFile:
    """Read a repeatable file or a hook, as `migrate` would."""
    path, text, role = source.path, source.text, source.role
    try:
        if source.error is not None:
            raise source.error
        name = base_name(path) if role == "hook" else path
        file = parse_repeatable(name, text, path).stood_in()
        if role == "hook":
            hooks_of([file])
        else:
            _ = file.made  # what cannot run again is refused
        spans = file.spans
    except FileError as error:
        return LintedFile(path, text, role=role, error=error)
    first = catalog.stamp
    up = _part(file.text, spans, catalog, longest, down=False)
    return LintedFile(
        path,
        text,
        day=first,
        up=up,
        up_end=len(text),
        template=_template(file.text, up),
        role=role,
        allows=tuple(_allows(directives(text))),
    )


ROLES: Mapping[str, Role] = {"repeatable": "repeatable", "hooks": "hook"}
"""What is in a folder beside the migrations."""


def _program(file: MigrationFile, catalog: SimulatedCatalog, day: int | None) -> LintedFile:
    """A Python migration: a file without a statement that anybody knows."""
    return LintedFile(
        file.path,
        file.text,
        day=catalog.stamp if day is None else day,
        version=file.version,
        description=file.description,
        undo_start=len(file.text) if file.has_undo else None,
        up_end=len(file.text),
        allows=tuple(_allows(program.directives(file.text))),
        is_program=True,
    )


SEED = 1_000_000
"""From so many characters on, INSERTs into one table in a row are one statement: the first, up to
the end of the last. Looking at each takes longer than splitting the file."""


def _part(
    text: str,
    spans: Iterable[tuple[int, int]],
    catalog: SimulatedCatalog,
    longest: int | None,
    *,
    down: bool,
) -> tuple[Statement, ...]:
    found: list[Statement] = []
    made: dict[str, int] = {}
    added: dict[tuple[str, str], int] = {}
    run: str | None = None
    last = 0
    for i, (start, end) in enumerate(spans):
        if len(text) > SEED:
            head = INSERT_HEAD.match(text, start, end)
            into = head["table"] if head is not None and text[end - 1] == ")" else None
            if into is not None and into == run:
                last = end
                continue
            if last:
                found[-1] = replace(found[-1], end=last)
            run, last = into, 0
        sql = text[start:end]
        node = parse(sql, longest)
        if _has_holes(node, sql) and (whole := filled(sql)) != sql:
            sql, node = whole, parse(whole, longest)
        fresh, new = Before(made, i), Before(added, i)
        found.append(Statement(down, start, end, sql, node, catalog.stamp, fresh, new))
        if isinstance(node, n.CreateTable):
            made.setdefault(table_key(node.name), i)
        elif isinstance(node, n.CreateObject):
            if node.kind == "materialized view" and node.name is not None:
                made.setdefault(table_key(node.name), i)
        elif isinstance(node, n.AlterTable) and node.object == "table":
            table = table_key(node.name)
            for action in node.actions:
                if isinstance(action, n.AddColumn):
                    added.setdefault((table, action.column.name), i)
                elif isinstance(action, n.RenameTo) and table in made:
                    made.setdefault(table_key(action.new), i)
        elif isinstance(node, n.Query) and node.into:
            for name in into_table(sql):
                made.setdefault(table_key(name), i)
        if not down:
            catalog.take(node)
    if last:
        found[-1] = replace(found[-1], end=last)
    return tuple(found)


# What templates of Go, Jinja, ERB, Flyway and the like leave open, as far as it is outside of
# strings: a statement that is SQL as it stands is never looked at.
_HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|[$#]\{.*?\}", re.DOTALL)
_CONTROL = re.compile(
    r"(?:\{\{-?|\{%-?|<%-?)\s*(?:if|else|elif|elsif|end|endif|endfor|for|range|with|define|block|set)\b"
)
STAND_IN = "template"


def _has_holes(node: n.Node, sql: str) -> bool:
    """Whether a statement was not understood, or a name in quotes is one that a template fills."""
    if isinstance(node, n.Unparsed):
        return True
    if '"{{' not in sql and '"${' not in sql:
        return False
    return any(token.kind == "quoted" and _HOLE.search(token.value) for token in words(sql))


def filled(sql: str) -> str:
    """A statement with a name in the place of all that a template leaves open."""
    return _HOLE.sub(_stand_in, sql)


def _stand_in(found: re.Match[str]) -> str:
    """A name as long as what it stands for, so that every place stays; nothing for a branch."""
    if _CONTROL.match(found[0]) or found[0].startswith("{%"):
        return re.sub(r"[^\n]", " ", found[0])
    return STAND_IN.ljust(len(found[0]), "_")[: len(found[0])]


def _template(text: str, statements: Iterable[Statement]) -> tuple[int, int] | None:
    """Where the first hole of a template is."""
    for statement in statements:
        start = statement.start
        if statement.sql != text[start : start + len(statement.sql)]:
            found = _HOLE.search(text, statement.start, statement.end)
            if found is not None:
                return found.span()
    return None


def _allows(found: Iterable[Directive]) -> Iterable[Allow]:
    for one in found:
        if one.name == "allow":
            names, _, reason = one.value.partition(":")
            for name in names.replace(",", " ").split() or [""]:
                yield Allow(name, reason.strip(), one.start, one.end)
