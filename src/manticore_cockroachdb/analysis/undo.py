"""Whether an undo part takes back what a forward part did: the one answer, for plan and lint.

Both parts are followed over a small model of the things they name. Each thing that was there
before is an *original*, whoever it is called now; each that a statement makes belongs to that
statement. First the forward part goes over the model, then the undo part, and what is then not
as it was before is left: a thing made and still there, an original that is gone or has another
name, a column's type that was changed and not changed again. What one part both makes and
removes is nothing. The rows of what is made again do not come back.

Names count without their schema unless a migration names two schemas for one name, since the
one that is left out depends on the search path. Where a statement hides what it does (a DO
block, a function), whatever would be left is "unknown" instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple

from ..parser import nodes as n
from .changes import RELATIONS, Aspect, Change, changes, is_opaque


class Undo(StrEnum):
    """Whether the undo part takes back what a statement did, best first."""

    YES = "yes"
    WITHOUT_DATA = "without data"
    UNKNOWN = "unknown"
    NO = "no"


_ORDER = (Undo.YES, Undo.WITHOUT_DATA, Undo.UNKNOWN, Undo.NO)


def worst(answers: Iterable[Undo]) -> Undo:
    """The answer for several statements together."""
    return max(answers, key=_ORDER.index, default=Undo.YES)


@dataclass(frozen=True, slots=True)
class Left:
    """What is not as it was before, by the forward statement that did it (from 0).

    ``name`` is the thing as the statement called it, with its table ("users.age"), "" where the
    server chose the name; ``answer`` is how sure that is.
    """

    statement: int
    what: Literal["made", "gone", "altered", "rows added", "rows changed"]
    kind: str
    name: str
    aspect: Aspect = ""
    answer: Undo = Undo.NO


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What the undo part removes or empties although the forward part did not make it."""

    statement: int
    kind: str
    name: str
    emptied: bool = False


@dataclass(frozen=True, slots=True)
class UndoReport:
    """``answers`` has one for each forward statement. ``opaque_up``, ``opaque_down``: a statement
    of that part hides what it does."""

    answers: tuple[Undo, ...]
    left: tuple[Left, ...] = ()
    destroyed: tuple[Destroyed, ...] = ()
    opaque_up: bool = False
    opaque_down: bool = False

    def of(self, statement: int, *, destroys: bool) -> Undo:
        """The answer for one forward statement, which is known to destroy data or not."""
        answer = self.answers[statement]
        return Undo.WITHOUT_DATA if answer is Undo.YES and destroys else answer


class _Thing(NamedTuple):
    """What goes by a name: ``kind`` is the family of kinds that share names."""

    kind: str
    table: str
    name: str


# An index and a constraint share their names: a UNIQUE constraint is dropped as either.
_FAMILY = dict.fromkeys(RELATIONS, "relation") | {"index": "key", "constraint": "key"}
_UNNAMED = "\0"


@dataclass(slots=True, eq=False)
class _Made:
    """A thing that a statement made."""

    change: Change
    statement: int
    down: bool
    shown: str


@dataclass(slots=True, eq=False)
class _Original:
    """A thing that was there before: what has become of it, by the statements that did it."""

    thing: _Thing
    kind: str
    shown: str
    gone: int | None = None
    moved: int | None = None
    altered: dict[Aspect, int] = field(default_factory=dict)
    again: set[Aspect] = field(default_factory=set)


_Being = _Made | _Original


def undo_of(
    up: Sequence[n.Node], down: Sequence[n.Node] | None, texts: Sequence[str] | None = None
) -> UndoReport:
    """Whether the undo part ``down`` (None: there is none) takes back what ``up`` does.

    ``texts`` are the forward statements as written, where they are at hand.
    """
    told = [list(changes(node, "" if texts is None else texts[i])) for i, node in enumerate(up)]
    hidden = [is_opaque(node) for node in up]
    if down is None:
        bare = (Undo.NO if told[i] or hidden[i] else Undo.YES for i in range(len(up)))
        return UndoReport(tuple(bare), opaque_up=any(hidden))
    back = [list(changes(node)) for node in down]
    model = _Model(_ambiguous(one for ones in (*told, *back) for one in ones))
    for is_down, part in ((False, told), (True, back)):
        for i, ones in enumerate(part):
            for one in ones:
                model.take(one, i, is_down)
    opaque_down = any(map(is_opaque, down))
    left = tuple(model.left(Undo.UNKNOWN if opaque_down else Undo.NO))
    answers = [Undo.UNKNOWN if hide else Undo.YES for hide in hidden]
    for found in left:
        answers[found.statement] = worst((answers[found.statement], found.answer))
    for i in model.without_data():
        answers[i] = worst((answers[i], Undo.WITHOUT_DATA))
    return UndoReport(tuple(answers), left, tuple(model.destroyed()), any(hidden), opaque_down)


def _ambiguous(told: Iterable[Change]) -> frozenset[str]:
    """Names that are used with two schemas."""
    schemas: dict[str, set[str]] = {}
    for one in told:
        for name in (one.name, one.table, one.to):
            if name is not None and len(name.parts) > 1:
                schemas.setdefault(name.name, set()).add(name.parts[-2])
    return frozenset(name for name, those in schemas.items() if len(those) > 1)


def _shown(name: n.QName, table: n.QName | None = None) -> str:
    shown = name.name if name.schema in (None, "public") else f"{name.schema}.{name.name}"
    return shown if table is None else f"{_shown(table)}.{shown}"


class _Model:
    """Who is called what, while two parts go over it."""

    def __init__(self, ambiguous: frozenset[str]) -> None:
        self._ambiguous = ambiguous
        self._where: dict[_Thing, _Being | None] = {}
        self._inside: dict[str, set[_Thing]] = {}
        self._keys: dict[str, list[_Thing]] = {}
        self._originals: dict[_Thing, _Original] = {}
        self._still_made: dict[_Made, None] = {}
        self._made_again: dict[_Thing, _Made] = {}
        self._rows: dict[str, list[Left]] = {}
        self._rows_again: set[str] = set()
        self._lost_columns: set[str] = set()
        self._cascaded = False
        self._gone_again: list[tuple[_Thing, _Original, Destroyed]] = []

    # Names

    def _key(self, name: n.QName) -> str:
        return (
            f"{name.schema or 'public'}.{name.name}" if name.name in self._ambiguous else name.name
        )

    def _thing(self, one: Change, name: n.QName) -> _Thing:
        """What a change is about, by a name of it."""
        family = _FAMILY.get(one.kind, one.kind)
        table = "" if one.table is None else self._key(one.table)
        bare = name.name if table or family == "key" else self._key(name)
        if family == "key" and one.way != "makes":
            return self._known_key(_Thing(family, table, bare))
        return _Thing(family, table, bare)

    def _known_key(self, thing: _Thing) -> _Thing:
        """The index or constraint that a name means, though DROP INDEX need not name its table.

        Where the server chose the name, any of that table will do.
        """
        for name in (thing.name, _UNNAMED):
            likely = sorted(
                self._keys.get(name, ()), key=lambda k: not thing.name.startswith(f"{k.table}_")
            )
            for known in likely:
                same_table = known.table == thing.table or not known.table or not thing.table
                if same_table and self._where.get(known) is not None:
                    return known
        return thing

    def _put(self, thing: _Thing, being: _Being | None) -> None:
        if thing not in self._where:
            if thing.table:
                self._inside.setdefault(thing.table, set()).add(thing)
            if thing.kind == "key":
                name = _UNNAMED if thing.name.startswith(_UNNAMED) else thing.name
                self._keys.setdefault(name, []).append(thing)
        self._where[thing] = being

    def _table(self, thing: _Thing) -> _Being | None:
        return self._where.get(_Thing("relation", "", thing.table)) if thing.table else None

    def _being(self, thing: _Thing, one: Change) -> _Being | None:
        """Whoever is called so now: if nobody has spoken of it yet, an original, or for what is
        in a table that was made, that table."""
        if thing in self._where:
            return self._where[thing]
        table = self._table(thing)
        if isinstance(table, _Made):
            return table
        was = thing if table is None else thing._replace(table=table.thing.name)
        shown = _shown(one.name, None if one.kind == "index" else one.table)
        being = self._originals.setdefault(was, _Original(was, one.kind, shown))
        self._put(thing, being)
        return being

    # Following

    def take(self, one: Change, i: int, down: bool) -> None:
        """Let one change happen."""
        thing = self._thing(one, one.name)
        match one.way:
            case "makes":
                self._make(thing, one, i, down)
            case "removes":
                self._remove(thing, one, i, down)
            case "renames":
                self._rename(thing, one, i, down)
            case "alters":
                being = self._being(thing, one)
                if isinstance(being, _Original):
                    if down:
                        being.again.add(one.aspect)
                    else:
                        being.altered[one.aspect] = i
            case _:
                self._write(thing, one, i, down)

    def _make(self, thing: _Thing, one: Change, i: int, down: bool) -> None:
        shown = _shown(one.name, None if one.kind == "index" else one.table)
        made = _Made(one, i, down, shown if one.name.name else "")
        if not thing.name:
            thing = thing._replace(name=f"{_UNNAMED}{len(self._where)}")
        before = self._where.get(thing)
        if down:
            self._made_again[thing] = made
            if isinstance(before, _Made) and one.replaces and before.change.replaces:
                self._still_made.pop(before, None)
        elif not (thing in self._where and before is None and thing in self._originals):
            self._still_made[made] = None
        self._put(thing, made)
        for parent in one.parents:
            self._inside.setdefault(self._key(parent), set()).add(thing)

    def _remove(self, thing: _Thing, one: Change, i: int, down: bool) -> None:
        being = self._being(thing, one)
        if isinstance(being, _Original):
            if not down:
                being.gone = i
            elif one.kind in ("table", "column", "schema", "database"):
                told = Destroyed(i, one.kind, _shown(one.name, one.table))
                self._gone_again.append((thing, being, told))
        self._take_away(thing)
        self._cascaded = self._cascaded or (down and one.cascades)
        if thing.kind == "relation":
            self._take_content(thing.name)
            self._rows.pop(thing.name, None)
        elif thing.kind == "column":
            if down:
                self._lost_columns.add(thing.table)
            for other in self._inside.get(thing.table, ()):  # with it goes what is over it
                over = self._where.get(other) if other.kind == "key" else None
                if isinstance(over, _Made) and thing.name in (over.change.columns or ()):
                    self._take_away(other)

    def _take_away(self, thing: _Thing) -> None:
        being = self._where.get(thing)
        if isinstance(being, _Made):
            self._still_made.pop(being, None)
        self._put(thing, None)

    def _take_content(self, table: str) -> None:
        """With a table goes whatever is in it, and its partitions with what is in them."""
        for other in self._inside.get(table, ()):
            there = self._where.get(other) is not None
            self._take_away(other)
            if there and other.kind == "relation":
                self._take_content(other.name)

    def _rename(self, thing: _Thing, one: Change, i: int, down: bool) -> None:
        assert one.to is not None
        being = self._being(thing, one)
        if being is None or being is self._table(thing):
            return  # nothing is called so, and the statement fails; or a made table takes it along
        new = self._thing(one, one.to) if thing.kind != "key" else thing._replace(name=one.to.name)
        self._put(thing, None)
        self._put(new, being)
        if isinstance(being, _Made):
            being.shown = _shown(one.to, None if one.kind == "index" else one.table)
        else:
            table = self._table(new)
            inside = table.thing.name if isinstance(table, _Original) else new.table
            home = (inside, new.name) == (being.thing.table, being.thing.name)
            being.moved = None if home else i if not down else being.moved
        if thing.kind == "relation":
            for other in self._inside.pop(thing.name, set()):
                if other.table == thing.name:
                    self._put(other._replace(table=new.name), self._where.pop(other))
                else:  # a partition, or what inherits
                    self._inside.setdefault(new.name, set()).add(other)
            if thing.name in self._rows:
                self._rows[new.name] = self._rows.pop(thing.name)

    def _write(self, thing: _Thing, one: Change, i: int, down: bool) -> None:
        being = self._being(thing, one)
        if down:
            self._rows_again.add(thing.name)
        if not isinstance(being, _Original):
            return
        if not down:
            what: Literal["rows added", "rows changed"]
            what = "rows added" if one.way == "adds rows" else "rows changed"
            self._rows.setdefault(thing.name, []).append(Left(i, what, "table", _shown(one.name)))
        elif one.way == "empties":
            told = Destroyed(i, "table", _shown(one.name), emptied=True)
            self._gone_again.append((thing, being, told))

    # Judging

    def destroyed(self) -> Iterator[Destroyed]:
        """What the undo part removes or empties, unless it puts another in its place: that is how
        a column is moved or a table built anew, with its rows copied."""
        for thing, original, told in self._gone_again:
            now = self._where.get(thing)
            again = self._again(original) is not None or (isinstance(now, _Made) and now.down)
            if not again:
                yield told

    def without_data(self) -> Iterator[int]:
        """The renames whose things were made again under the old name, empty. Of what is dropped
        the caller knows whether there was anything in it."""
        for original in self._originals.values():
            holds = original.kind in ("table", "column", "materialized view", "sequence")
            if original.moved is not None and holds and self._again(original) is not None:
                yield original.moved

    def _again(self, original: _Original) -> _Made | None:
        """What the undo part made in the place of an original."""
        thing = original.thing
        if thing.kind != "key":
            return self._made_again.get(thing)
        for other, made in self._made_again.items():
            same_table = other.table == thing.table or not thing.table
            same_name = other.name == thing.name or other.name.startswith(_UNNAMED)
            if other.kind == "key" and same_table and same_name:
                return made
        return None

    def left(self, no: Undo) -> Iterator[Left]:
        """What is not as it was before; ``no`` is how sure that is of what nobody took back."""
        for made in self._still_made:
            if not self._schema_is_gone(made.change):
                kind = made.change.kind
                table = made.change.table
                # It may have been over a column that is gone, or have gone by a CASCADE.
                unsure = (
                    made.change.columns is None
                    and kind in ("index", "constraint")
                    and table is not None
                    and self._key(table) in self._lost_columns
                ) or (self._cascaded and kind != "table")
                yield Left(
                    made.statement, "made", kind, made.shown, answer=Undo.UNKNOWN if unsure else no
                )
        for original in self._originals.values():
            yield from self._of_original(original, no)
        for name, rows in self._rows.items():
            unsure = name in self._rows_again or name in self._lost_columns
            for one in rows:
                yield replace(one, answer=Undo.UNKNOWN if unsure else no)

    def _schema_is_gone(self, change: Change) -> bool:
        schema = (change.table or change.name).schema
        thing = _Thing("schema", "", schema or "")
        return thing in self._where and self._where[thing] is None

    def _of_original(self, original: _Original, no: Undo) -> Iterator[Left]:
        kind, shown = original.kind, original.shown
        now = self._where.get(original.thing)
        if original.gone is not None:
            if self._again(original) is not None:
                return
            if isinstance(now, _Made):
                yield Left(original.gone, "altered", kind, shown, "definition", no)
                return
            unsure = original.thing.kind == "key" and any(
                thing.kind == "key" for thing in self._made_again
            )
            answer = Undo.UNKNOWN if unsure else no
            yield Left(original.gone, "gone", kind, shown, answer=answer)
            return
        if original.moved is not None and self._again(original) is None:
            at = next((t for t, being in self._where.items() if being is original), None)
            if at is not None:
                before = f"{at.table}." if at.table and kind != "index" else ""
                yield Left(original.moved, "made", kind, f"{before}{at.name}", answer=no)
            yield Left(original.moved, "gone", kind, shown, answer=no)
        for aspect, statement in original.altered.items():
            if aspect not in original.again and now is original:
                yield Left(statement, "altered", kind, shown, aspect, no)
