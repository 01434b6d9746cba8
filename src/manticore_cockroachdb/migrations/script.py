"""A migration as it will run: cut into statements, then with its mode and steps; as values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from ..dialect import Capabilities
from ..errors import Refused
from ..parser import client
from ..parser.split import excerpt, line_column
from .file import MigrationFile, failing, statements

if TYPE_CHECKING:
    from ..parser.nodes import Node
    from .backfill import Backfill
    from .values import At
    from .variables import Filled

Direction = Literal["up", "down"]


class Mode(StrEnum):
    """How a migration runs."""

    TRANSACTION = "transaction"
    STEPS = "steps"
    BACKFILL = "backfill"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Origin:
    """A statement of a script that was put together, and where it stands: from character `start`
    of `text`, the text of the file `path` (None: it is of our own making); `filled` if variables
    were filled in there."""

    path: str | None
    text: str
    start: int
    sql: str
    filled: Filled | None = None

    def place(self, offset: int) -> tuple[str, int]:
        """The file's text, and where in it a character of the statement is."""
        if self.filled is not None:
            return self.filled.source, self.filled.back(self.start + offset)
        return self.text, self.start + offset

    @property
    def shown(self) -> str:
        """The statement as the file has it, without the values of variables."""
        if self.filled is None:
            return self.sql
        return self.filled.shown(self.start, self.start + len(self.sql))


@dataclass(frozen=True, slots=True)
class Script:
    """One part of a migration as it will run: `text[start:end]`, found in the file `path`.

    `backfill`: it runs batch by batch, and this is how. `requires`: versions whose backfills have
    to be complete before. `undoes_backfill`: what it takes back ran batch by batch. `squashes`:
    other versions whose rows of the history go when this one is taken back. What is no
    migration's has a `called` to be spoken of by, and a version below 0; `origins` say for each
    statement where it is from. `is_program`: it is Python, and nobody knows its statements.
    `filled`: the text is the file's with its variables filled in.
    """

    version: int
    description: str
    direction: Direction
    path: str | None
    text: str
    spans: Sequence[tuple[int, int]]
    wish: bool | None
    checksum: str
    undo: str | None
    backfill: Backfill | None = None
    requires: tuple[int, ...] = ()
    undoes_backfill: bool = False
    called: str | None = None
    origins: Sequence[Origin] = ()
    squashes: tuple[int, ...] = ()
    filled: Filled | None = None
    is_program: bool = False

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.called or f"migration {self.version}"

    @property
    def number(self) -> int | None:
        """The version that errors name; None where it is no migration."""
        return self.version if self.version >= 0 else None

    def place(self, offset: int) -> tuple[str | None, str, int]:
        """Where character `offset` of the text stands: a path, that file's text, a character."""
        for (start, end), origin in zip(self.spans, self.origins, strict=False):
            if start <= offset <= end and origin.path is not None:
                return origin.path, *origin.place(offset - start)
        if self.filled is not None:
            return self.path, self.filled.source, self.filled.back(offset)
        return self.path, self.text, offset

    def shown(self, start: int, end: int) -> str:
        """A piece of the text as people are shown it: without the values of variables."""
        if self.filled is not None:
            return self.filled.shown(start, end)
        for (first, last), origin in zip(self.spans, self.origins, strict=False):
            if (first, last) == (start, end):
                return origin.shown
        return self.text[start:end]

    def sql(self, i: int) -> str:
        """Statement `i`, counted from 0, without its `;`."""
        start, end = self.spans[i]
        return self.text[start:end]

    def node(self, i: int, longest: int | None = None) -> Node:
        """What statement `i` says. The one place where a migration's text is read as SQL; the
        reader is loaded when it is asked for, which many runs do not, and knows the last few.
        ``longest``: as for `parse`, where names are compared with a server's."""
        from ..parser.parse import parse

        if self.backfill is not None and i < len(self.backfill.templates):
            return parse(self.backfill.templates[i].fill(lambda _: "true"))
        return parse(self.sql(i), longest)

    def nodes(self, longest: int | None = None) -> Iterator[Node]:
        """What every statement says, in order."""
        return (self.node(i, longest) for i in range(len(self.spans)))


@dataclass(frozen=True, slots=True)
class Step:
    """Statements `first` to `last` (exclusive) of a script, run together.

    `atomic`: a transaction covers them and their journal row. Otherwise there is exactly one
    statement, run alone, and `node` is what it means.
    """

    ordinal: int
    first: int
    last: int
    atomic: bool
    reason: str
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """One migration, decided: its mode, why, and its steps in order.

    `sociable`: others may share its transaction (`migrations.fresh`). `settings` are the
    statements that set up the session for later ones: a session that takes over half way needs
    those of the steps before.
    """

    script: Script
    mode: Mode
    reason: str
    steps: tuple[Step, ...]
    changes_session: bool
    sociable: bool = False
    settings: tuple[int, ...] = ()

    @property
    def version(self) -> int:
        return self.script.version

    @property
    def self_contained(self) -> bool:
        """Whether one transaction covers it, whatever was before, and leaves the session as it
        was."""
        script = self.script
        alone = bool(script.requires) or script.undoes_backfill
        return self.mode is Mode.TRANSACTION and not self.changes_session and not alone

    def step_sql(self, step: Step) -> str:
        """The text of one step, from its first statement to its last, without the final `;`."""
        if step.first == step.last:  # of Python
            return ""
        spans = self.script.spans
        return self.script.text[spans[step.first][0] : spans[step.last - 1][1]]

    def step_shown(self, step: Step) -> str:
        """The same as people are shown it: without the values of variables."""
        spans = self.script.spans
        return self.script.shown(spans[step.first][0], spans[step.last - 1][1])

    def step_hash(self, step: Step) -> str:
        """Identifies the step's text in the journal."""
        return hashlib.sha256(self.step_sql(step).encode()).hexdigest()[:16]


def script_of(file: MigrationFile, *, down: bool = False) -> Script:
    """One part of `file`, split. Raises FileError when it cannot be."""
    spans = statements(file, down=down)
    text, filled = file.text, None
    fail = failing(file.path, file.text, file.version)
    if file.declared is not None:
        filled, spans = _filled(file, spans, fail, down=down)
        text = filled.text
        fail = failing_in(filled, fail)
    backfill = file.down_backfill if down else file.backfill
    if backfill is not None:
        from .backfill import with_statements

        backfill = with_statements(backfill, text, spans, fail)
    return Script(
        version=file.version,
        description=file.description,
        direction="down" if down else "up",
        path=file.path,
        text=text,
        spans=spans,
        wish=file.transaction,
        checksum=file.checksum,
        undo=file.stored_undo,
        backfill=backfill,
        requires=() if down else file.requires,
        undoes_backfill=down and file.backfill is not None,
        squashes=tuple(one.version for one in file.squashes if down and one.version < file.version),
        filled=filled,
        is_program=file.is_program,
    )


def _filled(
    file: MigrationFile, spans: Sequence[tuple[int, int]], fail: At, *, down: bool
) -> tuple[Filled, Sequence[tuple[int, int]]]:
    """A file with its variables filled in, both parts, and the statements of one of them: what is
    wrong with its undo part is told before the forward part runs."""
    from .variables import fill

    assert file.declared is not None
    other = statements(file, down=not down)  # () where there is none
    every = (*other, *spans) if down else (*spans, *other)
    filled, found = fill(file.text, every, file.declared, fail)
    return filled, found[len(other) :] if down else found[: len(spans)]


def stood_in(file: MigrationFile, *, always: bool = False) -> MigrationFile:
    """The file with stand-ins for its variables, in the same places, if one of them has no value,
    or ``always``: for who only looks at what its statements are about. Raises FileError."""
    mine = file.declared
    if mine is None or not (always or any(mine.values.get(name) is None for name in mine.set)):
        return file
    from . import variables

    spans = [*statements(file), *statements(file, down=True)]
    text = variables.stood_in(file.text, spans, mine, failing(file.path, file.text, file.version))
    return replace(file, text=text, declared=None)


def failing_in(filled: Filled, fail: At) -> At:
    """What makes a FileError of an offset of the filled text, from what does so of the file's."""
    return lambda offset, message, hint: fail(filled.back(offset), message, hint)


_HEAD = re.compile(r"[A-Za-z_]+|\\|\(")


# What PostgreSQL covers whatever follows.
_COVERED = re.compile(
    r"(?:create\s+(?:table|view|function|or\s+replace)|drop\s+(?:table|view)|comment|grant)\b",
    re.IGNORECASE,
)


# Verbs that always stay inside a transaction and are never worth parsing.
_PLAIN = frozenset({"insert", "update", "delete", "upsert", "values", "with", "merge"})


def is_plain(script: Script, i: int, caps: Capabilities) -> bool:
    """Whether a transaction covers statement `i` whatever it says in detail.

    Raises Refused for a line that is meant for psql.
    """
    start, end = script.spans[i]
    head = _HEAD.match(script.text, start, end)
    word = head[0].lower() if head else ""
    if word == "\\":
        raise refused(
            script,
            start,
            client.COMMAND,
            client.command_hint(script.text, start),
        )
    return word in _PLAIN or bool(
        caps.transactional_ddl and _COVERED.match(script.text, start, end)
    )


def refused(script: Script, offset: int, reason: str, hint: str) -> Refused:
    """The error that says why a script cannot run here, pointing at `offset` of its text."""
    path, text, place = script.place(offset)
    line, column = line_column(text, place)
    return Refused(
        reason[0].upper() + reason[1:] + ("" if reason.endswith(".") else "."),
        version=script.number,
        path=path,
        line=line,
        column=column,
        excerpt=excerpt(text, place),
        hint=hint,
    )
