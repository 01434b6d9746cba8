"""The kinds of objects that CREATE, ALTER, DROP and COMMENT speak of, and a statement's verb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from .cursor import Cursor
from .lex import BLANK, BLOCK_COMMENT, IDENTIFIER, LINE_COMMENT

_KINDS = """
    access method|aggregate|backup|cast|changefeed|collation|column|constraint|conversion|database
    |default privileges|domain|event trigger|extension|external connection|foreign data wrapper
    |foreign table|function|group|index|job|language|large object|logical replication stream
    |logically replicated table|logically replicated tables|materialized view|operator
    |operator class|operator family|owned|partition|policy|procedural language|procedure
    |publication|range|role|routine|rule|schedule|schedules|schema|sequence|server|statistics
    |subscription|system|table|tablespace|tenant|text search configuration
    |text search dictionary|text search parser|text search template|transform|trigger|type|user
    |user mapping|vectorizer|view|virtual cluster
"""
# By first word, the longest first.
_BY_WORD: dict[str, list[tuple[str, ...]]] = {}
for _kind in sorted((kind.strip() for kind in _KINDS.split("|")), key=len, reverse=True):
    _parts = tuple(_kind.split())
    _BY_WORD.setdefault(_parts[0], []).append(_parts)


def object_kind(c: Cursor) -> str | None:
    """Go past a kind of object, and give it in lower case; None if there is none."""
    kind = _kind_at(c.keys, c.i)
    if kind is None:
        return None
    c.i += len(kind)
    return " ".join(kind)


def _kind_at(keys: Sequence[str], at: int) -> tuple[str, ...] | None:
    for words in _BY_WORD.get(keys[at], ()):
        if tuple(keys[at : at + len(words)]) == words:
            return words
    return None


@cache
def _first_words() -> re.Pattern[str]:
    skipped = rf"(?:{BLANK}++|{LINE_COMMENT}|{BLOCK_COMMENT}|(?!))*+"
    return re.compile(rf"{skipped}({IDENTIFIER}|\((?=\()|\()", re.DOTALL)


_MODIFIERS = frozenset(
    (
        *("or", "replace", "temp", "temporary", "local", "global", "unlogged", "unique"),
        *("inverted", "vector", "recursive", "constraint", "default", "trusted", "procedural"),
    )
)
_SAME = {
    "start": "BEGIN",
    "end": "COMMIT",
    "abort": "ROLLBACK",
    "(": "SELECT",
    "lock": "LOCK TABLE",
}
_PHRASES = (
    "commit prepared|rollback prepared|rollback to|set local|set transaction"
    "|set session characteristics|set constraints|set cluster setting|reset cluster setting"
    "|prepare transaction"
    "|refresh materialized view|reassign owned|security label|import foreign schema"
)
_PHRASE: dict[tuple[str, ...], str] = {
    **{tuple(phrase.split()): phrase.upper() for phrase in _PHRASES.split("|")},
    ("rollback", "work", "to"): "ROLLBACK TO",
    ("rollback", "transaction", "to"): "ROLLBACK TO",
    ("abort", "to"): "ROLLBACK TO",
    ("set", "local", "transaction"): "SET TRANSACTION",
}


def verb_of(sql: str) -> str:
    """The verb that `parse` would give, from the statement's first words alone.

    It is "WITH" for any statement that begins so, and "" when there is no word. Costs a few
    microseconds however long the statement is, and never raises.
    """
    words = _words(sql, 5)
    first = words[0]
    if first in ("create", "alter", "drop"):
        at = 1
        if first == "create":
            words = _words(sql, 10)
            while words[at] in _MODIFIERS and words[at + 1] != "":
                at += 1
            if words[at] == "language" or words[at - 1] == "procedural":
                return "CREATE LANGUAGE"
        kind = _kind_at(words, at)
        return f"{first} {' '.join(kind)}".upper() if kind else first.upper()
    for length in (3, 2):
        if verb := _PHRASE.get(tuple(words[:length])):
            return verb
    return _SAME.get(first, first.upper())


def _words(sql: str, limit: int) -> list[str]:
    words: list[str] = []
    match, pos = _first_words().match, 0
    while len(words) < limit and (found := match(sql, pos)):
        words.append(found[1].lower())
        pos = found.end()
    return words + [""] * 4
