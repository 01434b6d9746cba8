"""What rules read from a statement's words, where its node does not say."""

from __future__ import annotations

from collections.abc import Iterator

from ..parser.lex import Token, Unterminated, tokens


def words(sql: str) -> list[Token]:
    """The tokens of a text; none when it is not SQL to its end."""
    try:
        return tokens(sql)
    except Unterminated:
        return []


def set_columns(sql: str) -> frozenset[str] | None:
    """The columns that an UPDATE sets; None when they cannot be told for sure."""
    found: set[str] = set()
    depth, target, seen, listed = 0, False, False, False
    for token in words(sql):
        if token.value in ("(", ")") and token.kind == "punct":
            depth += 1 if token.value == "(" else -1
            listed = target and depth == 1  # SET (a, b) = …
            target = target and listed
        elif depth and listed and token.kind in ("word", "quoted"):
            found.add(token.value)
        elif depth:
            continue
        elif token.kind == "word" and token.value == "set" and not seen:
            seen = target = True
        elif target and token.kind in ("word", "quoted"):
            found.add(token.value)
            target = False
        elif token.value == "," and seen:
            target = True
        elif token.kind == "word" and token.value in ("where", "from", "returning") and seen:
            break
    return frozenset(found) or None


# What comes before a statement of PL/pgSQL.
_OPENS = frozenset((";", "begin", "then", "else", "loop"))


def body_statements(body: str) -> Iterator[tuple[str, str, int]]:
    """The first two words of each statement in a routine's body, and the offset of the first.

    A body in SQL is the same without blocks.
    """
    previous = ";"
    found = words(body)
    for i, token in enumerate(found):
        if token.kind == "word" and previous in _OPENS and token.value not in _OPENS:
            following = found[i + 1].value if i + 1 < len(found) else ""
            yield token.value, following, token.start
        previous = token.value if token.kind in ("word", "punct") else ""
