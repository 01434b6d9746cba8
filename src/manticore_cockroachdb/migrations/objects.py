"""Repeatable files as a graph: their order, what a change takes along, and the round that runs it.

    files -> Objects -> which are due -> Round, a script like a migration's

A file comes after those that make what it refers to (`analysis.references`). When one changes, it
and whatever depends on it runs: first the objects of all of these are dropped, those first that
depend on others, then every file runs, in order, and each object gets back the grants, the owner
and the comments that it had. The drops of neighbouring views are one statement, so that the server
itself sees which goes first.

What is dropped is only what a file of ours has made before: a view that somebody else made is
replaced as the file says, or stands in its way. What a file no longer makes stays, unless it says
``-- @drop``. A routine of which only the body has changed is replaced in place, and what depends on
it is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import FileError
from .repeatable import Repeatable
from .results import NEW, RepeatableStatus
from .script import Origin, Script

if TYPE_CHECKING:
    from ..analysis.references import Made

ROUND = -1
"""The version under which a round's steps stand in the journal; no migration's is below 0."""


class RecordedFile(NamedTuple):
    """A repeatable file as recorded: what it made, by key, with the heads of routines."""

    checksum: str
    objects: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Objects:
    """All repeatable files, in the order in which they run; see `arranged`.

    ``users`` holds for each file, by its number, those that have to run again when it does.
    """

    files: tuple[Repeatable, ...]
    users: tuple[frozenset[int], ...]

    def due(self, recorded: Mapping[str, RecordedFile], also: Iterable[str] = ()) -> Due:
        """The files that run: changed, new, named in ``also``, or depending on one of these."""
        named = set(also)
        files: list[int] = []
        dropping: list[int] = []
        reached: set[int] = set()
        for i, file in enumerate(self.files):  # each comes after all that it depends on
            row = recorded.get(file.name)
            if i not in reached and file.name not in named and not is_stale(file, row):
                continue
            files.append(i)
            if i in reached or file.name in named or not _in_place(file, row):
                dropping.append(i)
                reached |= self.users[i]
        return Due(tuple(files), tuple(dropping))

    def round(
        self,
        due: Due,
        recorded: Mapping[str, RecordedFile],
        kept: Mapping[str, Sequence[str]],
    ) -> Round:
        """The script that runs what is due; ``kept`` is what each object gets back."""
        drops = self.drops(due, recorded)
        dropped = {key for key, _ in drops}
        parts: list[Origin] = []
        for i in due.files:
            file = self.files[i]
            for origin, one in zip(file.origins, file.made, strict=True):
                parts.append(origin)
                if one is not None and one.key in dropped:
                    parts += [Origin(None, "", 0, sql) for sql in kept.get(one.key, ())]
        head = [Origin(None, "", 0, sql) for sql in merged([sql for _, sql in drops])]
        gone = tuple(self._gone(recorded, dropped))
        files = tuple(self.files[i] for i in due.files)
        return Round(round_script((*head, *parts)), files, gone)

    def drops(self, due: Due, recorded: Mapping[str, RecordedFile]) -> list[tuple[str, str]]:
        """Key and SQL of everything that is dropped first, in order."""
        known = {key for row in recorded.values() for key, _ in row.objects}
        found = [
            (one.key, one.drop)
            for i in reversed(due.dropping)
            for one in reversed(self.files[i].made)
            if one is not None and one.key in known
        ]
        return found + [(key, sql) for i in due.files for key, sql, _ in self.files[i].drops]

    def remade(self, due: Due, recorded: Mapping[str, RecordedFile]) -> dict[str, Made]:
        """What is dropped and made again, by key: it keeps its grants, owner and comments."""
        dropped = {key for key, _ in self.drops(due, recorded)}
        made = (one for i in due.files for one in self.files[i].made if one is not None)
        return {one.key: one for one in made if one.key in dropped}

    def _gone(self, recorded: Mapping[str, RecordedFile], dropped: set[str]) -> Iterable[str]:
        """Recorded files that are no more, and of whose objects none is left to speak of."""
        here = {f.name for f in self.files}
        made = {key for f in self.files for key, _ in f.objects} | dropped
        for name, row in recorded.items():
            if name not in here and all(key in made for key, _ in row.objects):
                yield name


@dataclass(frozen=True, slots=True)
class Due:
    """Numbers of the files that run, in order, and of those whose objects are dropped first."""

    files: tuple[int, ...]
    dropping: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One run over repeatable files: the script, the files in it, those to forget."""

    script: Script
    files: tuple[Repeatable, ...]
    gone: tuple[str, ...]


def _in_place(file: Repeatable, row: RecordedFile | None) -> bool:
    """Whether a file only replaces the bodies of routines that it has made before."""
    made = file.objects
    return (
        row is not None
        and bool(made)
        and not file.drops
        and sorted(made) == sorted(row.objects)
        and all(head for _, head in made)
    )


def statuses(
    files: Sequence[Repeatable], rows: Iterable[Sequence[object]]
) -> tuple[RepeatableStatus, ...]:
    """Where each file stands, in the order in which they run; then those that are gone.

    ``rows`` are kind, name, checksum, mark and detail, as recorded. Raises FileError.
    """
    rows = list(rows)
    recorded = recorded_files((row[1], row[2], row[4]) for row in rows if row[0] == "repeatable")
    begun: set[str] = set()
    for row in rows:
        if row[0] == "round":
            begun |= set(json.loads(str(row[4]))["files"])
    objects = arranged(files)
    due = set(objects.due(recorded, begun).files)
    found = []
    for i, file in enumerate(objects.files):
        ran = recorded.get(file.name)
        state: Literal["applied", "pending", "partial"] = "pending" if i in due else "applied"
        reason = "has run"
        if file.name in begun:
            state, reason = "partial", "a run over it stopped half way"
        elif i in due:
            reason = "depends on one that runs"
            if is_stale(file, ran):
                reason = NEW if ran is None else "has changed"
        found.append(RepeatableStatus(file.name, state, reason, file.path))
    here = {file.name for file in files}
    for name, gone in recorded.items():
        if name not in here:
            what = ", ".join(key for key, _ in gone.objects) or "what it did"
            reason = f"its file is gone, and {what} stays; -- @drop in another file removes it"
            found.append(RepeatableStatus(name, "missing", reason, None))
    return tuple(found)


def is_stale(file: Repeatable, row: RecordedFile | None) -> bool:
    """Whether a file is not what has last run under its name."""
    return row is None or row.checksum != file.checksum


def recorded_files(rows: Iterable[Sequence[object]]) -> dict[str, RecordedFile]:
    """What is recorded of repeatable files, from rows of name, checksum and detail."""
    return {
        str(name): RecordedFile(
            str(checksum), tuple((str(k), str(h)) for k, h in json.loads(str(detail or "[]")))
        )
        for name, checksum, detail in rows
    }


def merged(drops: Sequence[str]) -> list[str]:
    """DROP statements, neighbours of plain views put into one."""
    head = "DROP VIEW IF EXISTS "
    found: list[str] = []
    for sql in dict.fromkeys(drops):
        if sql.startswith(head) and found and found[-1].startswith(head):
            found[-1] += ", " + sql[len(head) :]
        else:
            found.append(sql)
    return found


def round_script(parts: Sequence[Origin], *, version: int = ROUND, name: str = "") -> Script:
    """Statements as one script; each knows where it comes from."""
    text, spans, origins = [], [], []
    at = 0
    for part in parts:
        spans.append((at, at + len(part.sql)))
        origins.append(part)
        text.append(part.sql)
        at += len(part.sql) + 2
    return Script(
        version=version,
        description="repeatable objects",
        direction="up",
        path=None,
        text=";\n".join(text),
        spans=tuple(spans),
        wish=None,
        checksum="",
        undo=None,
        called=name or "the repeatable objects",
        origins=tuple(origins),
    )


# --- order -------------------------------------------------------------------------------------


def arranged(files: Sequence[Repeatable]) -> Objects:
    """The files in order. Raises FileError for a cycle, which it names, and for an object that two
    files make."""
    files = sorted(files, key=lambda f: f.name)
    makers: dict[str, list[tuple[str | None, str, int]]] = {}
    keys: dict[str, int] = {}
    for i, file in enumerate(files):
        for span, one in zip(file.spans, file.made, strict=True):
            if one is None:
                continue
            other = keys.setdefault(one.key, i)
            if other != i:
                raise file.at(
                    span[0],
                    f"The {one.key} is made by two files, {files[other].name} and {file.name}.",
                    hint="keep it in one of them",
                )
            if one.kind not in _UNNAMED:
                makers.setdefault(one.name.name, []).append((one.name.schema, one.key, i))
    needs = [_needs(i, file, makers) for i, file in enumerate(files)]
    order = _order(files, needs)
    place = {i: at for at, i in enumerate(order)}
    users: list[set[int]] = [set() for _ in files]
    for i, (sure, _) in enumerate(needs):
        for other in sure:
            users[place[other]].add(place[i])
    return Objects(tuple(files[i] for i in order), tuple(frozenset(one) for one in users))


_UNNAMED = ("trigger", "policy", "rule")  # nothing refers to these
_Needs = tuple[dict[int, str], dict[int, str]]


def _needs(
    i: int, file: Repeatable, makers: Mapping[str, Sequence[tuple[str | None, str, int]]]
) -> _Needs:
    """The files that a file refers to, and by which object: for sure, and possibly."""
    sure: dict[int, str] = {}
    possible: dict[int, str] = {}
    found = file.mentions
    for refs, into in ((found.relations | found.routines, sure), (found.possible, possible)):
        for schema, name in refs:
            for other_schema, key, other in makers.get(name, ()):
                if other != i and (schema is None or other_schema in (None, schema)):
                    into.setdefault(other, key)
    if found.schemas:
        for places in makers.values():
            for schema, key, other in places:
                if other != i and (schema or "public") in found.schemas:
                    sure.setdefault(other, key)
    return sure, {o: key for o, key in possible.items() if o not in sure}


def _order(files: Sequence[Repeatable], needs: Sequence[_Needs]) -> list[int]:
    """The numbers of the files, each after what it needs; else by name."""
    graph = [{**sure, **possible} for sure, possible in needs]
    order = _sorted(graph)
    if len(order) < len(files):
        # What is only possible gives way among those that it leads round in a circle.
        left = set(range(len(files))) - set(order)
        for i in left:
            graph[i] = {o: k for o, k in graph[i].items() if o in needs[i][0] or o not in left}
        order = _sorted(graph)
    if len(order) < len(files):
        raise _cycle(files, graph, set(range(len(files))) - set(order))
    return order


def _sorted(graph: Sequence[Mapping[int, str]]) -> list[int]:
    waits = [len(one) for one in graph]
    users: list[list[int]] = [[] for _ in graph]
    for i, one in enumerate(graph):
        for other in one:
            users[other].append(i)
    ready = [i for i, count in enumerate(waits) if not count]
    heapify(ready)
    order = []
    while ready:
        i = heappop(ready)
        order.append(i)
        for user in users[i]:
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, user)
    return order


def _cycle(
    files: Sequence[Repeatable], graph: Sequence[Mapping[int, str]], left: set[int]
) -> FileError:
    """The error that names one circle among the files that could not be ordered."""
    path: list[int] = []
    i = min(left)
    while i not in path:
        path.append(i)
        i = min(other for other in graph[i] if other in left)
    circle = path[path.index(i) :]
    steps = [
        f"{files[a].name} needs the {graph[a][b]} of {files[b].name}"
        for a, b in zip(circle, (*circle[1:], circle[0]), strict=True)
    ]
    return FileError(
        f"Repeatable files need each other in a circle: {'; '.join(steps)}.",
        path=files[circle[0]].path,
        hint="put these objects into one file, in an order that works, or break the circle",
    )
