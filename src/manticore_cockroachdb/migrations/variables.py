"""Variables of a file: declared at its head, filled in by form, and the way back to the file.

    -- @variables region, owner
    CREATE TABLE orders_${region} (region TEXT DEFAULT '${region}');
    ALTER TABLE orders_${region} OWNER TO ${owner};

The rule: a declared variable is replaced wherever it stands, or the file is refused
(`analysis.places` says what a place takes); text like ``${x}`` that is not declared is left alone.
What a file *is*, its text and its checksum, is what is on disk; values come in only where a script
is made of it, so a migration that is applied needs none any more. Every offset of the filled text
leads back to the file, and what people are shown of a statement is the file's: a value may be a
secret.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..analysis.places import Form, Place, Unclear, places, stand_in, variables
from ..errors import FileError
from ..parser.lex import fold
from ..parser.quoting import inside, literal, quote_always
from ..sql import is_unicode
from .values import At, Declared, Values, require

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its variables filled in. ``edits`` are start and end in ``source``, what stands
    there now, and from where on in ``text``, in order."""

    source: str
    text: str
    edits: tuple[tuple[int, int, str, int], ...]

    def forth(self, spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """Where spans of statements, which are in order and hold whole edits, are now."""
        found, moved, i = [], 0, 0
        for start, end in spans:
            first = start + moved
            while i < len(self.edits) and self.edits[i][1] <= end:
                before, after, new, _ = self.edits[i]
                moved += len(new) - (after - before)
                i += 1
            found.append((first, end + moved))
        return tuple(found)

    def back(self, offset: int) -> int:
        """Where a character of the text is in the source; one of a value, where its variable is."""
        i = bisect_right(self.edits, offset, key=lambda edit: edit[3])
        if not i:
            return offset
        start, end, new, at = self.edits[i - 1]
        return start if offset < at + len(new) else end + offset - at - len(new)

    def shown(self, start: int, end: int) -> str:
        """A piece of the text as the source has it."""
        return self.source[self.back(start) : self.back(end)]


def fill(
    text: str, spans: Sequence[tuple[int, int]], mine: Declared, at: At
) -> tuple[Filled, tuple[tuple[int, int], ...]]:
    """The text with its variables filled in, and its statements there.

    ``at`` makes the error that points at a place. Raises FileError for a variable without a value,
    in a place that is unclear, or with a value that the place cannot take.
    """
    require(mine, at)
    edits = sorted(_edits(text, placed(text, spans, mine, at), mine.values, at))
    pieces, placed_edits, done, moved = [], [], 0, 0
    for start, end, new in edits:
        pieces += [text[done:start], new]
        placed_edits.append((start, end, new, start + moved))
        moved += len(new) - (end - start)
        done = end
    filled = Filled(text, "".join(pieces) + text[done:], tuple(placed_edits))
    return filled, filled.forth(spans)


def stood_in(text: str, spans: Sequence[tuple[int, int]], mine: Declared, at: At) -> str:
    """The text with something as long in the place of each variable, for who only looks at it."""
    return stand_in(text, placed(text, spans, mine, at))


def placed(text: str, spans: Sequence[tuple[int, int]], mine: Declared, at: At) -> list[Place]:
    """The places of the variables. Raises FileError where one is unclear."""
    if not variables(text, mine.set):
        return []
    try:
        return places(text, spans, mine.set)
    except Unclear as error:
        why = error.why[0].upper() + error.why[1:]
        raise at(error.offset, f"{why}.", error.hint) from error


def _edits(
    text: str, found: Sequence[Place], values: Values, at: At
) -> Iterable[tuple[int, int, str]]:
    words: dict[tuple[int, int], list[Place]] = {}
    for one in found:
        value = values.get(one.name)
        assert value is not None
        if "\0" in value or not is_unicode(value):
            raise at(
                one.start,
                f"The value of {one.name} is not text that a server takes.",
                "it has a NUL, or bytes that are not UTF-8",
            )
        match one.form:
            case Form.NAME | Form.STRING:
                words.setdefault((one.first, one.last), []).append(one)
            case Form.VALUE:
                yield one.start, one.end, literal(value)
            case Form.NUMBER:
                if not _NUMBER.fullmatch(value):
                    raise at(
                        one.start,
                        f"Only a number can stand here, and the value of {one.name} is none.",
                        None,
                    )
                yield one.start, one.end, value
            case Form.QUOTED:
                if not value and (one.first + 1, one.last - 1) == (one.start, one.end):
                    raise _empty(one, at)
                yield one.start, one.end, inside(value, '"')
            case Form.ESCAPES:
                yield one.start, one.end, inside(value, "'", escapes=True)
    for (first, last), those in words.items():
        if those[0].form is Form.NAME:
            yield first, last, quote_always(_word(text, first, last, those, values, at))
        else:
            yield from _string(text, first, last, those, values, at)


def _word(text: str, first: int, last: int, those: Sequence[Place], values: Values, at: At) -> str:
    """The name that variables and the letters beside them make; the letters as a server reads
    them, small."""
    pieces, done = [], first
    for one in those:
        pieces += [fold(text[done : one.start]), values.get(one.name) or ""]
        done = one.end
    word = "".join(pieces) + fold(text[done:last])
    if not word:
        raise _empty(those[0], at)
    return word


def _string(
    text: str, first: int, last: int, those: Sequence[Place], values: Values, at: At
) -> Iterable[tuple[int, int, str]]:
    """Values inside of '…'. A backslash means something else by standard_conforming_strings, so a
    string that gets one is written as E'…'."""
    escaped = [one for one in those if "\\" in (values.get(one.name) or "")]
    if escaped:
        if "\\" in text[first:last]:
            raise at(
                escaped[0].start,
                f"The value of {escaped[0].name} has a backslash, and so has the string around it.",
                "write the string as E'…', with \\\\ for a backslash",
            )
        yield first, first, " E"
    for one in those:
        value = values.get(one.name) or ""
        yield one.start, one.end, inside(value, "'", escapes=bool(escaped))


def _empty(one: Place, at: At) -> FileError:
    return at(one.start, f"A name stands here, and the value of {one.name} is empty.", None)
