"""A place in a statement's tokens, and the pieces of grammar that every statement shares.

A token is known by its key: its text in lower case. A keyword is compared by its key, which no
quoted identifier or string can equal, because theirs keep the quotes. After the last token come
empty keys, so looking ahead needs no bounds check and an unexpected end is an unexpected token
like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from .lex import fold, keys, unquoted
from .nodes import RESERVED, QName
from .quoting import cut
from .words import BINDS, CLOSES, KEYWORDS, NAMED_NOT_CALLED, NOT_CALLED, OPERATOR


class Misunderstood(Exception):
    """The statement is not what was expected, at ``start``."""

    def __init__(self, reason: str, start: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.start = start


_OPENED = ("(", "()")
_UNEVEN = re.compile(r"[\n\t\r\f\v]|  |--|/\*")


class Cursor:
    """Reads a statement token by token; whatever it can't read it raises `Misunderstood` for."""

    __slots__ = ("ends", "i", "keys", "longest", "only_head", "size", "text")

    def __init__(self, text: str, known: tuple[list[str], list[int]] | None = None) -> None:
        self.text = text
        self.only_head = False
        self.longest: int | None = None
        self.keys, self.ends = known or keys(text)
        while self.keys and self.keys[-1] == ";":
            self.keys.pop()
        self.size = len(self.keys)
        self.keys += ("", "", "", "")
        self.i = 0

    # Where we are

    @property
    def key(self) -> str:
        return self.keys[self.i]

    @property
    def start(self) -> int:
        """The offset of the current token; at the end, that of the last token's end."""
        return self.start_of(self.i)

    def start_of(self, index: int) -> int:
        if index >= self.size:
            return self.ends[self.size - 1] if self.size else 0
        return self.ends[index] - len(self.keys[index])

    def fail(self, reason: str | None = None) -> NoReturn:
        if reason is None:
            found = self.text[self.start : self.ends[self.i]] if self.i < self.size else ""
            reason = f"unexpected {found[:40]!r}" if found else "unexpected end"
        raise Misunderstood(reason, self.start)

    # Keywords and punctuation

    def accept(self, *words: str) -> bool:
        """Go past ``words`` if they come next."""
        i = self.i
        for word in words:
            if self.keys[i] != word:
                return False
            i += 1
        self.i = i
        return True

    def accept_any(self, words: Iterable[str]) -> str | None:
        """Go past one of ``words`` if it comes next, and say which."""
        key = self.keys[self.i]
        if key and key in words:
            self.i += 1
            return key
        return None

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            for word in words:
                if self.keys[self.i] != word:
                    break
                self.i += 1
            self.fail()

    def finish(self) -> None:
        if self.i < self.size:
            self.fail()

    def if_exists(self) -> bool:
        return self.accept("if", "exists")

    def if_not_exists(self) -> bool:
        return self.accept("if", "not", "exists")

    def behaviour(self) -> bool:
        """CASCADE, RESTRICT or nothing; True for the first."""
        return self.accept_any(("cascade", "restrict")) == "cascade"

    # Names

    def at_name(self) -> bool:
        key = self.keys[self.i]
        first = key[:1]
        if first == '"':
            return True
        if not (first.isalpha() or first == "_" or first > "\x7f"):
            return False
        return key not in RESERVED and key[-1] != "'"

    def name(self) -> str:
        """An identifier, folded or unquoted."""
        key = self.keys[self.i]
        if key.isidentifier() and key not in RESERVED and self.longest is None:
            self.i += 1
            return key
        if not self.at_name():
            self.fail()
        return self._value()

    def label(self) -> str:
        """An identifier where even reserved words are allowed."""
        key = self.key
        if not (key[:1].isalpha() or key[:1] in ('"', "_")) or key[-1] == "'":
            self.fail()
        return self._value()

    def _value(self) -> str:
        key = self.keys[self.i]
        if key[-1] == '"':
            start = self.start
            value = unquoted("quoted", self.text[start : self.ends[self.i]])
        else:
            value = key if key.isascii() else fold(key)
        self.i += 1
        return cut(value, self.longest)

    def qname(self) -> QName:
        first = self.name()
        if self.keys[self.i] != ".":
            return QName((first,))
        parts = [first]
        while len(parts) < 4 and self.accept("."):
            parts.append(self.label())
        return QName(tuple(parts))

    def qnames(self) -> tuple[QName, ...]:
        names = [self.qname()]
        while self.accept(","):
            names.append(self.qname())
        return tuple(names)

    def names(self) -> tuple[str, ...]:
        """Names in parentheses."""
        self.expect("(")
        names = [self.name()]
        while self.accept(","):
            names.append(self.name())
        self.expect(")")
        return tuple(names)

    # Constants

    def at_string(self) -> bool:
        return self.key[-1:] == "'" or (self.key[:1] == "$" and self.key[-1:] == "$")

    def string(self) -> str:
        if not self.at_string():
            self.fail()
        source = self.text[self.start : self.ends[self.i]]
        self.i += 1
        return unquoted("dollar" if source[0] == "$" else "string", source)

    # Text

    def between(self, start: int, end: int) -> str:
        """The text of the tokens from ``start`` to before ``end``, gaps made single spaces."""
        if start >= end:
            return ""
        source = self.text[self.start_of(start) : self.ends[end - 1]]
        if not _UNEVEN.search(source):
            return source
        pieces: list[str] = []
        last = self.start_of(start)
        for index in range(start, end):
            begin = self.start_of(index)
            if begin > last:
                pieces.append(" ")
            last = self.ends[index]
            pieces.append(self.text[begin:last])
        return "".join(pieces)

    def skip_group(self) -> None:
        """Go past a group in parentheses or brackets."""
        keys, i, depth = self.keys, self.i, 0
        if keys[i] not in ("(", "["):
            self.fail()
        while True:
            key = keys[i]
            i += 1
            if key == "(" or key == "[":
                depth += 1
            elif key == ")" or key == "]":
                depth -= 1
                if not depth:
                    break
            elif not key:
                self.fail("unbalanced parentheses")
        self.i = i

    def group(self) -> str:
        """What a group in parentheses holds, as text."""
        start = self.i
        if self.key != "(":
            self.fail()
        self.skip_group()
        return self.between(start + 1, self.i - 1)

    def expression(self, stops: frozenset[str] = frozenset()) -> str:
        """An expression as text, up to a comma, a closing parenthesis or one of ``stops``.

        A stop ends it only where an operator could stand, and not inside CASE … END.
        """
        start, cases, operand = self.i, 0, True
        while True:
            key = self.keys[self.i]
            if key == "(" or key == "[":
                self.skip_group()
                operand = False
                continue
            if (
                not operand
                and not cases
                and (
                    key in CLOSES
                    or key in stops
                    or (key == "not" and self.keys[self.i + 1] == "visible")
                )
            ):
                break
            if key in CLOSES and not (key == "," and cases):
                self.fail()
            if key == "case":
                cases += 1
            elif key == "end" and cases:
                cases -= 1
            operand = key in BINDS or key[0] in OPERATOR
            self.i += 1
        return self.between(start, self.i)

    def skip_to_comma(self) -> None:
        """Go past everything up to a comma outside parentheses, or to the end."""
        while (key := self.keys[self.i]) and key != ",":
            if key == "(" or key == "[":
                self.skip_group()
            elif key == ")" or key == "]":
                self.fail()
            else:
                self.i += 1

    def shout(self, start: int, end: int, *, mask: bool = False) -> str:
        """The text of some tokens with single spaces, what may be a keyword in upper case.

        ``mask`` puts `'…'` for each string, which could be a password.
        """
        pieces: list[str] = []
        last = self.start_of(start)
        for index in range(start, end):
            key, begin = self.keys[index], self.start_of(index)
            source = key.upper() if key in KEYWORDS else self.text[begin : self.ends[index]]
            if mask and (key[-1] == "'" or (key[0] == "$" and key[-1] == "$")):
                source = "'…'"
            pieces.append(f" {source}" if begin > last else source)
            last = self.ends[index]
        return "".join(pieces)

    def source(self, start: int, end: int) -> str:
        """The text of some tokens exactly as it stands."""
        return self.text[self.start_of(start) : self.ends[end - 1]] if start < end else ""

    def rest(self) -> str:
        """All that is left, as text."""
        start, self.i = self.i, self.size
        return self.between(start, self.size)

    def options(self) -> tuple[tuple[str, str], ...]:
        """``(name = value, …)``: names in lower case, values without quotes, "" for none."""
        self.expect("(")
        found: list[tuple[str, str]] = []
        while True:
            name = self.label()
            while self.accept("."):
                name += "." + self.label()
            value = ""
            if self.accept("="):
                value = self.option_value()
            found.append((name, value))
            if not self.accept(","):
                break
        self.expect(")")
        return tuple(found)

    def option_value(self) -> str:
        if self.at_string() and self.keys[self.i + 1] in CLOSES:
            return self.string()
        return self.expression()

    # The whole statement

    def functions(self, start: int = 1) -> frozenset[str]:
        """The names followed by a parenthesis that is token ``start`` or later; see `nodes`."""
        keys = self.keys
        found: set[str] = set()
        for i in [i for i in range(start, self.size) if keys[i] in _OPENED]:
            name = keys[i - 1]
            if name in NOT_CALLED or (i > 1 and keys[i - 2] in NAMED_NOT_CALLED):
                continue
            if i > 3 and keys[i - 2] == "." and keys[i - 4] in NAMED_NOT_CALLED:
                continue
            first = name[0]
            if first == '"':
                found.add(unquoted("quoted", name))
            elif (first.isalpha() or first == "_" or first > "\x7f") and name[-1] != "'":
                found.add(name)
        return frozenset(found)
