"""A repeatable file: SQL that makes what can be made again, and runs when its text has changed.

    repeatable/reporting/totals.sql      known by its path below repeatable/

    -- @environments production, staging   where it belongs; everywhere without it
    -- @drop view old_totals               remove what a file no longer makes
    CREATE OR REPLACE VIEW totals AS …;
    GRANT SELECT ON totals TO reporting;

Text in, frozen values out, as in `migrations.file`. What a file makes and refers to is read when it
is asked for: a run that finds every checksum unchanged reads no SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import FileError
from ..parser.split import Directive, Unterminated, directives, split
from .file import at, checksum, declaration, failing, meant_directive
from .script import Origin
from .values import require

if TYPE_CHECKING:
    from ..analysis.references import Made, Mentions
    from ..parser.nodes import Node
    from .values import Declared, Values
    from .variables import Filled

KNOWN = ("environments", "drop", "allow", "variables")


@dataclass(frozen=True)
class Repeatable:
    """One repeatable file. ``name`` is its path below the folder, with ``/`` on every system.

    ``declared`` are its variables. What it makes is made by its text *and* their values, so both
    are in its ``checksum``: it runs again when one of them changes.
    """

    name: str
    path: str
    text: str
    checksum: str
    environments: tuple[str, ...] = ()
    # What `-- @drop` says: its key, its SQL, and where it stands.
    drops: tuple[tuple[str, str, int], ...] = field(default=())
    declared: Declared | None = None

    def belongs_to(self, environment: str | None) -> bool:
        """Whether this file is meant for `environment` (None: no environment named)."""
        return not self.environments or environment in self.environments

    @cached_property
    def _written(self) -> tuple[Sequence[tuple[int, int]], Filled | None]:
        try:
            spans = tuple(split(self.text))
        except Unterminated as error:
            raise at(self.path, self.text, error.offset, f"Unterminated {error.kind}.") from error
        if self.declared is None:
            return spans, None
        from .variables import fill

        filled, spans = fill(self.text, spans, self.declared, failing(self.path, self.text, None))
        return spans, filled

    @property
    def spans(self) -> Sequence[tuple[int, int]]:
        """Where its statements stand in `sql`. Raises FileError."""
        return self._written[0]

    @property
    def sql(self) -> str:
        """Its text with its variables filled in. Raises FileError."""
        filled = self._written[1]
        return self.text if filled is None else filled.text

    @property
    def origins(self) -> list[Origin]:
        """Its statements, each with its place."""
        return [self.origin(start, self.sql[start:end]) for start, end in self.spans]

    def require_values(self) -> None:
        """Raise FileError for a variable without a value."""
        if self.declared is not None:
            require(self.declared, failing(self.path, self.text, None))

    def origin(self, start: int, sql: str) -> Origin:
        """One statement of `sql`, with its place."""
        filled = self._written[1]
        return Origin(self.path, self.sql, start, sql, filled)

    def stood_in(self) -> Repeatable:
        """The file with stand-ins for its variables, in the same places: for who only looks at what
        its statements are about. Raises FileError."""
        if self.declared is None:
            return self
        from .variables import stood_in

        fail = failing(self.path, self.text, None)
        text = stood_in(self.text, tuple(split(self.text)), self.declared, fail)
        return replace(self, text=text, declared=None)

    def at(self, offset: int, message: str, *, hint: str | None = None) -> FileError:
        """A FileError that points at a character of `sql`, in the file."""
        filled = self._written[1]
        place = offset if filled is None else filled.back(offset)
        return at(self.path, self.text, place, message, hint=hint)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """What its statements say."""
        from ..parser.parse import parse

        return tuple(parse(self.sql[start:end]) for start, end in self.spans)

    @cached_property
    def made(self) -> tuple[Made | None, ...]:
        """For each statement what it makes. Raises FileError for one that cannot run again."""
        from ..analysis.references import made

        found: list[Made | None] = []
        for (start, end), node in zip(self.spans, self.nodes, strict=True):
            if (why := _once(node, [one.key for one in found if one is not None])) is not None:
                raise self.at(
                    start,
                    f"{why} fails when it runs again, and a repeatable file does.",
                    hint="put it into a migration, or write IF NOT EXISTS or OR REPLACE",
                )
            found.append(made(self.sql[start:end], node))
        return tuple(found)

    @cached_property
    def mentions(self) -> Mentions:
        """All names that it refers to."""
        from ..analysis.references import Mentions, mentions

        found = Mentions()
        for (start, end), node in zip(self.spans, self.nodes, strict=True):
            found.add(mentions(self.sql[start:end], node))
        return found

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """Key and head of everything it makes, in order."""
        return tuple((one.key, one.head) for one in self.made if one is not None)

    @property
    def detail(self) -> str:
        """What is recorded of it beside its checksum, as JSON."""
        return json.dumps(self.objects)


def _once(node: object, made_here: Iterable[str]) -> str | None:
    """The verb of a statement that can run only once; None for any other."""
    from ..analysis.references import REMADE
    from ..parser import nodes as n

    match node:
        case n.CreateTable(if_not_exists=False, temporary=False):
            return node.verb
        case n.CreateIndex(if_not_exists=False) if f"view {node.table}" not in made_here:
            return node.verb  # that of a materialized view goes with it
        case n.CreateObject(if_not_exists=False, or_replace=False) if node.kind not in REMADE:
            return node.verb
        case _:
            return None


def stale(files: Iterable[Repeatable], ran: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the files that are not as they last ran, by name and checksum; all, where a run
    over them stopped half way, which stands there under the empty name."""
    return tuple(f.name for f in files if "" in ran or ran.get(f.name) != f.checksum)


def parse_repeatable(name: str, text: str, path: str, values: Values | None = None) -> Repeatable:
    """The repeatable file in `text`; ``values`` are those of its variables. Raises FileError."""
    from ..analysis.references import removal

    if (nul := text.find("\0")) >= 0:
        raise at(path, text, nul, "The character NUL cannot be in SQL.")
    try:
        found = directives(text)
    except Unterminated as error:
        raise at(path, text, error.offset, f"Unterminated {error.kind}.") from error
    environments: tuple[str, ...] = ()
    drops: list[tuple[str, str, int]] = []
    variables: list[Directive] = []
    for one in found:
        match one.name:
            case "environments":
                environments = tuple(e for e in re.split(r"[,\s]+", one.value) if e)
                if not environments:
                    raise at(path, text, one.start, "-- @environments names none.")
            case "drop":
                what = removal(one.value)
                if what is None:
                    raise at(
                        path,
                        text,
                        one.start,
                        f"-- @drop {one.value} does not say what to drop.".replace("  ", " "),
                        hint="write for example -- @drop view totals, -- @drop function f(int) or"
                        " -- @drop trigger t on orders",
                    )
                drops.append((*what, one.start))
            case "allow":
                pass
            case "variables":
                variables.append(one)
            case "undo":
                raise at(
                    path,
                    text,
                    one.start,
                    "A repeatable file has no undo part.",
                    hint="to go back, put the old text back; to remove an object, -- @drop",
                )
            case other:
                raise at(
                    path,
                    text,
                    one.start,
                    f"Unknown directive -- @{other} in a repeatable file.",
                    hint=meant_directive(other, KNOWN, "--"),
                )
    if not drops and next(_statements(path, text), None) is None:
        raise FileError(
            "The repeatable file is empty.", path=path, hint="write its SQL, or delete the file"
        )
    declared = declaration(variables, path, text, None, values)
    identity = checksum(text)
    if declared is not None:
        identity = checksum(f"{identity} {declared.fingerprint()}")
    return Repeatable(name, path, text, identity, environments, tuple(drops), declared)


def _statements(path: str, text: str) -> Iterator[tuple[int, int]]:
    try:
        yield from split(text)
    except Unterminated as error:
        raise at(path, text, error.offset, f"Unterminated {error.kind}.") from error
