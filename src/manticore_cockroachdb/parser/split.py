"""Cutting a file of SQL into statements, exactly where the servers would.

The rule: a statement ends at a `;` that is not inside a string, a quoted identifier, a dollar
quote, a comment, parentheses or the ``BEGIN ATOMIC … END`` body of a routine. Spans run from a
statement's first token to its last, so what lies between two spans is only white space,
comments and `;`.

The work is done by one regular expression that swallows whole runs of tokens, so the inner loop
is C. It stops only where counting or remembering is needed (a tagged dollar quote, comments or
parentheses nested deep, a `;` inside parentheses); Python then takes one token and the
expression goes on. Every loop in it is possessive: nothing is ever tried twice in a different
way, so time grows with the length of the text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from unicodedata import east_asian_width

from .lex import (
    ATOM,
    BLANK,
    BLOCK_COMMENT,
    COMMENT,
    FILL,
    IDENTIFIER,
    IN_IDENTIFIER,
    PLAIN,
    Unterminated,
    parentheses,
    take,
)

__all__ = ["Directive", "Unterminated", "directives", "excerpt", "line_column", "split"]


@cache
def _statement() -> re.Pattern[str]:
    """Blanks and comments, as many tokens as can be had, blanks and comments, perhaps the `;`.

    A comment counts as part of the statement only if another token follows it. Compiled when
    it is first used: that takes longer than importing the module.
    """
    inner_comment = rf"(?:{COMMENT}){FILL}(?=[^;/]|/(?!\*))"
    tokens = rf"{PLAIN}(?:(?:{ATOM}|{parentheses(4)}|{inner_comment}|(?!)){PLAIN})*+"
    return re.compile(rf"{FILL}({tokens}){FILL}(;?)", re.DOTALL)


@cache
def _words() -> re.Pattern[str]:
    """One token: group 1 is a word, group 2 a dot, or the start of what `take` has to read."""
    return re.compile(rf"{ATOM}|{COMMENT}|({IDENTIFIER})|([./$])", re.DOTALL)


@cache
def _up_to_directive() -> re.Pattern[str]:
    """All that is neither a directive nor beyond the expression."""
    comment = rf"--(?![ \t]*+@)[^\n\r]*+|{BLOCK_COMMENT}"
    return re.compile(rf"[^'\"$\-/]*+(?:(?:{ATOM}|{comment}|(?!))[^'\"$\-/]*+)*+", re.DOTALL)


_ROUTINE = re.compile(
    rf"create{BLANK}*+(?=[fpo/-]){FILL}(?:or{FILL}replace{FILL}|)(?:function|procedure)"
    rf"(?!{IN_IDENTIFIER})",
    re.IGNORECASE | re.ASCII,
)
_AT = re.compile(r"--[ \t]*+@")
_DIRECTIVE = re.compile(r"--[ \t]*+@([A-Za-z]\w*+(?:-\w++)*+)[ \t]*+([^\n\r]*+)", re.ASCII)
ATOMIC = re.compile("atomic", re.IGNORECASE | re.ASCII)


def split(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the statements of ``text``, lazily; see the module for the rule.

    Raises `Unterminated` when it gets to a token that does not end.
    """
    match = _statement().match
    size = len(text)
    pos = 0
    while pos < size:
        found = match(text, pos)
        assert found is not None  # every part of the expression is optional
        start, end = found.span(1)
        pos = found.end()
        if found[2]:
            if start < end and text[start] in "cC" and _ROUTINE.match(text, start):
                start, end, pos = _hard(text, start, end, pos, True)
        elif pos < size:
            start, end, pos = _hard(text, start, end, pos, False)
        while start < end and text[end - 1] in " \t\n\r\f\v":
            end -= 1
        if start < end:
            yield start, end


def _hard(text: str, start: int, end: int, pos: int, semicolon: bool) -> tuple[int, int, int]:
    """Go on to the end of a statement from where the expression stopped.

    Takes and gives the statement's span so far and the position after what has been read;
    ``semicolon`` tells that the last thing read was one.
    """
    match = _statement().match
    depth = 0
    body: _Body | None = None
    size = len(text)
    while True:
        if semicolon:
            body = body or _Body(text, start)
            if depth == 0 and body.closed(pos - 1):
                break
            end = pos
        elif pos == size:
            break
        else:
            at = pos
            pos, step = take(text, at)
            if step is not None:
                start = start if start < end else at
                end = pos
                depth = max(0, depth + step)
        found = match(text, pos)
        assert found is not None
        if found.start(1) < found.end(1):
            start = start if start < end else found.start(1)
            end = found.end(1)
        pos = found.end()
        semicolon = bool(found[2])
    return start, end, pos


class _Body:
    """Follows the ``BEGIN ATOMIC`` body of the statement at ``start``, if it has one."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._routine = _ROUTINE.match(text, start) is not None
        self._pos = start
        self._depth = 0
        self._last = ""

    def closed(self, semicolon: int) -> bool:
        """Whether the body, if any, has ended before the `;` at ``semicolon``."""
        text, pos = self._text, self._pos
        if not self._routine or (self._depth == 0 and not ATOMIC.search(text, pos, semicolon)):
            return True
        search = _words().search
        while found := search(text, pos, semicolon):
            pos = found.end()
            if found[1]:
                self._word(found[1].lower())
            elif found[2] == ".":
                self._last = "."
            elif found[2]:
                pos, _ = take(text, found.start())
        self._pos = pos
        return self._depth == 0

    def _word(self, word: str) -> None:
        """Count ``word``, unless it is a name: one after a dot or AS."""
        if self._last not in (".", "as"):
            if self._depth == 0:
                self._depth = int(word == "atomic" and self._last == "begin")
            elif word in ("begin", "case"):
                self._depth += 1
            elif word == "end":
                self._depth -= 1
        self._last = word


@dataclass(frozen=True, slots=True)
class Directive:
    """A comment line ``-- @name value``, and the span of the comment.

    ``name`` is in lower case; ``value`` has no blanks around it.
    """

    name: str
    value: str
    start: int
    end: int


def directives(text: str) -> list[Directive]:
    """The directives of ``text``, in order: whole lines, and not inside another token.

    Raises `Unterminated` for a token that does not end, if there is a directive to look for.
    """
    starts = map(re.Match.start, _AT.finditer(text))
    marks = (start for start in starts if _line_is_blank_before(text, start))
    if not ("'" in text or '"' in text or "$" in text or "/*" in text):  # nothing to be inside of
        return [_directive(found) for mark in marks if (found := _DIRECTIVE.match(text, mark))]
    if next(marks, None) is None:
        return []
    match = _up_to_directive().match
    directives: list[Directive] = []
    pos = 0
    while (found := match(text, pos)) and (pos := found.end()) < len(text):
        if text[pos] != "-":
            pos, _ = take(text, pos)
        elif found := _DIRECTIVE.match(text, pos):
            if _line_is_blank_before(text, pos):
                directives.append(_directive(found))
            pos = found.end()
        else:
            pos += 2
    return directives


def _directive(found: re.Match[str]) -> Directive:
    return Directive(found[1].lower(), found[2].rstrip(), *found.span())


def _line_is_blank_before(text: str, offset: int) -> bool:
    while offset and text[offset - 1] in " \t":
        offset -= 1
    return offset == 0 or text[offset - 1] in "\n\r"


def _line_ends(text: str, start: int, end: int) -> int:
    """How many lines end between the two offsets: with LF, CR LF or CR alone."""
    return (
        text.count("\n", start, end) + text.count("\r", start, end) - text.count("\r\n", start, end)
    )


def line_column(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of ``offset``, both from 1; columns count characters."""
    start = _line_start(text, offset)
    return 1 + _line_ends(text, 0, start), 1 + offset - start


def excerpt(text: str, offset: int, width: int = 120) -> str:
    """The line at ``offset``, and a line with a caret under it.

    A line longer than ``width`` is cut around the caret, with `…` for what was left out.
    """
    start = _line_start(text, offset)
    end = min(at for at in (text.find("\n", offset), text.find("\r", offset), len(text)) if at >= 0)
    line, caret = text[start:end].rstrip(), offset - start
    if len(line) > width:
        left = max(0, min(caret - width * 2 // 3, len(line) - width))
        right = left + width
        line = ("…" if left else "") + line[left:right] + ("…" if right < len(line) else "")
        caret -= left - (1 if left else 0)
    under = "".join(
        char if char == "\t" else "  " if east_asian_width(char) in "WF" else " "
        for char in line[:caret].ljust(caret)
    )
    return f"{line}\n{under}^"


def _line_start(text: str, offset: int) -> int:
    if text.startswith("\r\n", offset - 1):
        offset -= 1
    start = text.rfind("\n", 0, offset) + 1
    return text.rfind("\r", start, offset) + 1 or start
