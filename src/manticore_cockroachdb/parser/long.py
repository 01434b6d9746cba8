"""Statements too long to read whole, such as seed data and bulk changes."""

from __future__ import annotations

from .cursor import Cursor
from .kinds import verb_of
from .lex import fold, spans

# From how many characters on a statement is long: reading all of its tokens takes 20 ms then.
LONG = 100_000
_MOST_HEAD_TOKENS = 2_000


def long_cursor(text: str) -> Cursor:
    """A cursor over as little of a long statement as its model needs.

    Of INSERT … VALUES that is the head, up to VALUES. Of what else changes or reads rows, it is
    all that stands outside parentheses; a group in them becomes the one token `()`. Any other
    statement is read whole.
    """
    verb = verb_of(text)
    if verb in ("INSERT", "UPSERT") and (head := _head(text)) is not None:
        c = Cursor(text, head)
        c.only_head = True
        return c
    if verb in ("INSERT", "UPSERT", "UPDATE", "DELETE", "SELECT", "VALUES") and text[:1] != "(":
        return Cursor(text, _keys(text))
    return Cursor(text)


def _head(text: str) -> tuple[list[str], list[int]] | None:
    """The tokens up to VALUES, if it comes soon enough."""
    keys: list[str] = []
    ends: list[int] = []
    for kind, start, end in spans(text, 0, len(text)):
        if kind != "comment":
            keys.append(fold(text[start:end]))
            ends.append(end)
            if keys[-1] == "values" and keys.count("(") == keys.count(")"):
                return keys, ends
            if keys[-1] in ("select", "with") or len(keys) > _MOST_HEAD_TOKENS:
                return None
    return None


def _keys(text: str) -> tuple[list[str], list[int]]:
    """The tokens outside parentheses."""
    keys: list[str] = []
    ends: list[int] = []
    for kind, start, end in spans(text, 0, len(text), closed=True):
        if kind == "group":
            # At its last two characters, so that what it holds belongs to the gap before it.
            keys.append("()")
            ends.append(end)
        elif kind != "comment":
            keys.append(fold(text[start:end]))
            ends.append(end)
    return keys, ends
