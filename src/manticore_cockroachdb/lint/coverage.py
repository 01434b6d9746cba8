"""How much of a collection of SQL is understood. Pure.

The linter never passes a statement that it could not read as clean, so what it cannot read is the
first thing to know about it. Any files will do, whatever tool they are for: only where their
statements end matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..parser import nodes as n
from ..parser.lex import Unterminated
from ..parser.parse import parse
from ..parser.split import excerpt, line_column, split
from .read import filled

UNDO_LINE = re.compile(r"^--[ \t]*@UNDO[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unread:
    """A statement that was not understood, or (``sql`` "") the rest of a file with an error."""

    path: str
    line: int
    column: int
    reason: str
    sql: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read of some files; ``templates`` of them are to be filled in by something."""

    files: int
    statements: int
    templates: int
    unread: tuple[Unread, ...]


def coverage(files: Iterable[tuple[str, str]]) -> Coverage:
    """How much of these files, by path and text, is understood."""
    count = statements = templates = 0
    unread: list[Unread] = []
    for path, text in files:
        count += 1
        template = False
        # The undo part of one of our own files begins anew, with or without a ; before it.
        parts = UNDO_LINE.sub(lambda found: ";".ljust(len(found[0])), text)
        try:
            for start, end in split(parts):
                statements += 1
                sql = text[start:end]
                node = parse(sql)
                if isinstance(node, n.Unparsed) and (whole := filled(sql)) != sql:
                    template, node = True, parse(whole)
                if isinstance(node, n.Unparsed):
                    unread.append(_unread(path, text, start + node.start, node.reason, sql))
        except Unterminated as error:
            reason = f"unterminated {error.kind}"
            unread.append(_unread(path, text, error.offset, reason, ""))
        templates += template
    return Coverage(count, statements, templates, tuple(unread))


def _unread(path: str, text: str, offset: int, reason: str, sql: str) -> Unread:
    line, column = line_column(text, offset)
    return Unread(path, line, column, reason, sql, excerpt(text, offset))
