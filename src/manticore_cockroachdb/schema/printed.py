"""Reading the SQL that servers print: tokens in groups, lists at their commas, indexes.

What a server prints is regular, so nothing here is a parser of SQL: it finds the brackets that
belong together and the clauses between them. What it does not know stays as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..parser.lex import Token, tokens
from .model import Index

_OPEN, _CLOSE = "([", ")]"
_BUCKETS = re.compile(r"bucket_count\s*=\s*(\d+)", re.IGNORECASE)


class Text:
    """A text with its tokens and a position among them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0

    @property
    def end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """The value of a token ahead; nothing for a quoted name or a string, which is no word."""
        if self.at + ahead >= len(self.tokens):
            return ""
        token = self.tokens[self.at + ahead]
        return "" if token.kind in ("quoted", "string", "dollar") else token.value

    def take(self, *words: str) -> bool:
        """Go past these words, if they are what comes next."""
        if all(self.peek(i) == word for i, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def ends(self, *words: str) -> bool:
        """Cut these words off the end, if they are what the text ends with."""
        last = self.tokens[-len(words) :]
        if [token.value for token in last if token.kind == "word"] != list(words):
            return False
        del self.tokens[-len(words) :]
        return True

    def name(self) -> str:
        """Go past one part of a name; its value."""
        token = self.tokens[self.at]
        self.at += 1
        return token.value

    def names(self) -> tuple[str, ...]:
        """Go past a name of several parts; their values."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return tuple(parts)

    def key(self) -> tuple[str, str]:
        """Go past a name; its last two parts, schema and name."""
        schema, name = self.names()[-2:]
        return schema, name

    def group(self) -> str:
        """Go past the brackets that open here; the text within."""
        first = self.at
        depth = 0
        while True:
            depth += _step(self.tokens[self.at])
            self.at += 1
            if depth == 0:
                return self.text[self.tokens[first].end : self.tokens[self.at - 1].start].strip()

    def until(self, *words: str) -> str:
        """Go on to the first of these words outside brackets, or to the end; the text passed."""
        first = self.at
        while not self.end and self.peek() not in words:
            if _step(self.tokens[self.at]) > 0:
                self.group()
            else:
                self.at += 1
        return self.since(first)

    def since(self, first: int) -> str:
        """The text from a token up to here."""
        if first >= self.at:
            return ""
        return self.text[self.tokens[first].start : self.tokens[self.at - 1].end]


def _step(token: Token) -> int:
    if token.kind != "punct":
        return 0
    return (token.value in _OPEN) - (token.value in _CLOSE)


def items(text: str) -> Iterator[str]:
    """The parts of a list, cut at the commas outside brackets."""
    found = Text(text)
    while not found.end:
        yield found.until(",")
        found.at += 1


def plain_name(item: str) -> str | None:
    """The value of an item that is only a name."""
    found = tokens(item)
    if len(found) == 1 and found[0].kind in ("word", "quoted"):
        return found[0].value
    return None


def name_list(text: str) -> tuple[str, ...]:
    """The values of a list of names."""
    return tuple(plain_name(item) or item for item in items(text))


def index_keys(text: str) -> tuple[str, ...]:
    """Keys without the directions that go without saying."""
    return tuple(re.sub(r" ASC$", "", item) for item in items(text))


def index_of(text: str, *, valid: bool = True, comment: str | None = None) -> Index:
    """The index that a CREATE INDEX, or CockroachDB's INDEX in a CREATE TABLE, defines."""
    source = Text(text)
    source.take("create")
    unique = source.take("unique")
    method = "gin" if source.take("inverted") else "vector" if source.take("vector") else "btree"
    source.take("index")
    name = source.name()
    if source.take("on"):
        source.take("only")
        source.names()
    if source.take("using"):
        method = source.name()
    keys = index_keys(source.group())
    storing: tuple[str, ...] = ()
    where = options = None
    buckets: int | None = None
    nulls_distinct = True
    visible = not source.ends("not", "visible")
    while not source.end:
        if source.take("using", "hash"):
            source.take("with")
            clause = source.group() if source.peek() == "(" else source.until(*_CLAUSES)
            found = _BUCKETS.search(clause)
            buckets = int(found[1]) if found else 0
        elif source.take("storing") or source.take("include"):
            storing = name_list(source.group())
        elif source.take("nulls", "not", "distinct"):
            nulls_distinct = False
        elif source.take("where"):
            where = bare(source.until())
        elif source.take("with"):
            options = source.group()
        else:  # TABLESPACE, PARTITION BY: where rows are kept, not what the schema is
            source.at += 1
            source.until(*_CLAUSES)
    return Index(
        name=name,
        keys=keys,
        unique=unique,
        method=method,
        storing=storing,
        where=where,
        buckets=buckets,
        nulls_distinct=nulls_distinct,
        options=options,
        valid=valid,
        visible=visible,
        comment=comment,
    )


_CLAUSES = ("using", "storing", "include", "nulls", "where", "with")


def bare(expression: str) -> str:
    """An expression without the brackets around all of it."""
    source = Text(expression)
    if source.peek() == "(":
        inner = source.group()
        if source.end:
            return inner
    return expression


def stable(text: str) -> str:
    """SQL as PostgreSQL prints it from the second time on.

    What `x IN ('a', 'b')` of a VARCHAR became is printed as ``(ARRAY['a'::character varying, …])
    ::text[]``. Read again, the cast goes to the elements, and ``ARRAY[('a'::character varying)
    ::text, …]`` is what is printed from then on: it is one expression, and one text here.
    """
    if "])::" not in text:
        return text
    found = tokens(text)
    values = ["" if one.kind in ("quoted", "string", "dollar") else one.value for one in found]
    result, done, at = "", 0, 0
    while at < len(found):
        cast = (
            _cast_array(found, values, at) if values[at : at + 3] == ["(", "array", "["] else None
        )
        if cast is None:
            at += 1
            continue
        closes, last = cast
        kind = text[found[closes + 3].start : found[last - 2].end]
        elements = list(items(text[found[at + 2].end : found[closes].start]))
        if not any(one.lower().startswith("array") for one in elements):
            inner = ", ".join(
                one if one.endswith(f"::{kind}") else f"({stable(one)})::{kind}" for one in elements
            )
            result += f"{text[done : found[at].start]}ARRAY[{inner}]"
            done = found[last].end
        at = last + 1
    return result + text[done:]


def _cast_array(found: list[Token], values: list[str], at: int) -> tuple[int, int] | None:
    """Of ``(ARRAY[…])::type[]``: where the first bracket closes and the last; else None."""
    depth, closes = 0, at + 2
    while closes < len(found):
        depth += _step(found[closes])
        if depth == 0:
            break
        closes += 1
    if values[closes + 1 : closes + 3] != [")", "::"]:
        return None
    # A type is words and names, perhaps with a length: it ends at its own brackets.
    opens = closes + 3
    while opens < len(found) and (values[opens] not in ("[", "::") and _step(found[opens]) >= 0):
        opens += 1
        if values[opens - 1] == "(":
            while values[opens - 1] != ")":
                opens += 1
    several = values[opens + 2 : opens + 3] == ["["]
    return None if values[opens : opens + 2] != ["[", "]"] or several else (closes, opens + 1)
