"""The lexical rules of both servers' SQL, and a statement cut into tokens.

The rules are fragments of regular expressions, which `split` joins into one that runs over whole
statements and this module into one that takes a token at a time. Both servers' rules hold at
once. They agree, with one exception that can't collide: `b'…'` takes backslash escapes on
CockroachDB and holds only digits on PostgreSQL.

Every loop is possessive: nothing is tried twice in a different way, so time grows with the
length of the text, whatever the text is. Each possessive loop over alternatives ends them with
`(?!)`, which never matches. Python 3.11.0 to 3.11.4 leave the position of a failed alternative
behind; a failing last one puts it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import NamedTuple


class Unterminated(ValueError):
    """The text ends inside a token that starts at ``offset``.

    ``kind`` is "string", "quoted identifier", "dollar quote" or "comment".
    """

    def __init__(self, kind: str, offset: int) -> None:
        super().__init__(f"unterminated {kind} at offset {offset}")
        self.kind = kind
        self.offset = offset


# Characters above ASCII are identifier characters on both servers, no-break space included.
# Written as what they are not, the classes stay small: a range up to U+10FFFF is slow to compile.
LETTER = r"[^\x00-@\[-^`{-\x7f]"
LETTER_OR_DIGIT = r"[^\x00-/:-@\[-^`{-\x7f]"
IN_IDENTIFIER = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
IDENTIFIER = rf"{LETTER}{IN_IDENTIFIER}*+"
BLANK = r"[ \t\n\r\f\v]"
LINE_COMMENT = r"--[^\n\r]*+"


def _comment(depth: int) -> str:
    """A block comment holding others nested up to ``depth`` deep."""
    inner = f"|{_comment(depth - 1)}" if depth else ""
    return rf"/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*){inner}|(?!))[^*/]*+)*+\*/"


BLOCK_COMMENT = _comment(2)
COMMENT = rf"{LINE_COMMENT}|{BLOCK_COMMENT}"
FILL = rf"{BLANK}*+(?:(?:{COMMENT}|(?!)){BLANK}*+)*+"

# Between 'a' and 'b' of one constant in two pieces; the second keeps the escapes of the first.
_BETWEEN = rf"[ \t\f\v]*+(?:{LINE_COMMENT}|)[\n\r](?:{BLANK}++|{LINE_COMMENT}[\n\r]|(?!))*+"
_PREFIX = rf"(?<!{IN_IDENTIFIER})[eEb]"
# A plain string's doubled quote needs no care: it reads as two strings side by side.
PLAIN_STRING = rf"'(?<!{_PREFIX}')[^']*+'(?:'[^']*+'|(?!))*+(?!')"
# The same with the comments between its pieces, which are then no tokens of their own.
PIECED_STRING = rf"{PLAIN_STRING}(?:{_BETWEEN}'[^']*+'(?:'[^']*+'|(?!))*+|(?!))*+"
ESCAPE_STRING = rf"'(?<={_PREFIX}')[^'\\]*+(?:(?:\\.|'(?:{_BETWEEN}|)'|(?!))[^'\\]*+)*+'"
QUOTED = r'"[^"]*+"(?:"[^"]*+"|(?!))*+(?!")'
DOLLAR_QUOTE = r"\$\$[^$]*+(?:(?:\$(?!\$)|(?!))[^$]*+)*+\$\$"

# What a run of plain characters stops at, apart from comments, parentheses and `;`.
ATOM = (
    rf"{PLAIN_STRING}|{ESCAPE_STRING}|{QUOTED}|\$(?<!{LETTER_OR_DIGIT}\$)"
    rf"(?:{DOLLAR_QUOTE[2:]}|[0-9]++(?!\$))|-(?!-)|/(?!\*)"
)
PLAIN = r"[^'\"$\-/;()]*+"


def parentheses(depth: int) -> str:
    """Balanced parentheses without a `;`, holding others nested up to ``depth`` deep."""
    inner = f"|{parentheses(depth - 1)}" if depth else ""
    return rf"\({PLAIN}(?:(?:{ATOM}|{COMMENT}{inner}|(?!)){PLAIN})*+\)"


_WORD_CHARACTER = re.compile(LETTER_OR_DIGIT)
_REST_OF_WORD = re.compile(rf"{IN_IDENTIFIER}++")
_TAG = re.compile(rf"\$(?:{LETTER}{LETTER_OR_DIGIT}*+|)\$")
_PARAMETER = re.compile(r"\$[0-9]*+")
_RUN = re.compile(r"\(++|\)++")
_MARKS = re.compile(r"(?:/\*)++|(?:\*/)++")


def take(text: str, pos: int) -> tuple[int, int | None]:
    """Read one thing that an expression could not: the position after it, the change in depth.

    The change is None for a comment, which is no token, and the number of parentheses opened
    or closed for a run of them. Raises `Unterminated`.
    """
    char = text[pos]
    if char == "/":
        return _comment_end(text, pos), None
    if char == "'":
        raise Unterminated("string", pos)
    if char == '"':
        raise Unterminated("quoted identifier", pos)
    if found := _RUN.match(text, pos):
        length = found.end() - pos
        return found.end(), length if char == "(" else -length
    # A dollar: inside an identifier, or the start of a quote or a parameter, or a stray one.
    first = pos
    while first and _WORD_CHARACTER.match(text, first - 1):
        first -= 1
    if first < pos and text[first] not in "0123456789":
        found = _REST_OF_WORD.match(text, pos)
    elif found := _TAG.match(text, pos):
        close = text.find(found[0], found.end())
        if close < 0:
            raise Unterminated("dollar quote", pos)
        return close + len(found[0]), 0
    else:
        found = _PARAMETER.match(text, pos)
    return (found.end() if found else pos + 1), 0


def _comment_end(text: str, start: int) -> int:
    """The position after the block comment at ``start``, nested however deep."""
    depth = 0
    for found in _MARKS.finditer(text, start):
        begin, end = found.span()
        if text[begin] == "/":
            depth += (end - begin) // 2
        elif depth * 2 <= end - begin:
            return begin + depth * 2
        else:
            depth -= (end - begin) // 2
    raise Unterminated("comment", start)


class Token(NamedTuple):
    """One token: ``text[start:end]``.

    ``kind`` is "word", "quoted", "string", "number", "dollar", "param", "op", "punct" or
    "comment". ``value`` is the word in lower case, what the quotes hold, or the text itself.
    """

    kind: str
    value: str
    start: int
    end: int


_OPERATOR = r"(?:[+*<>=]|-(?!-)|/(?!\*)|(?!))"
_KINDS = (
    ("word", rf"({IDENTIFIER})(?!['\"&])"),
    ("punct", r"([(),;\[\]]|\.(?![0-9])|:::?|:=?)"),
    ("string", rf"((?:[eEbBxXnN]|[uU]&|)(?:{PIECED_STRING}|{ESCAPE_STRING}))"),
    ("quoted", rf"((?:[uU]&|){QUOTED})"),
    ("word", rf"({IDENTIFIER})"),
    (
        "number",
        r"(0[xXoObB][0-9a-fA-F_]++|(?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+|)|\.[0-9][0-9_]*+)"
        r"(?:[eE][+-]?[0-9]++|))",
    ),
    ("param", r"(\$[0-9]++)"),
    ("dollar", rf"({DOLLAR_QUOTE})"),
    ("comment", rf"({COMMENT})"),
    # A longer operator ends in + or - only if it has one of the characters of the first line.
    (
        "op",
        rf"({_OPERATOR}{{0,62}}+[~!@#%^&|`?](?:[~!@#%^&|`?]|{_OPERATOR}|(?!)){{0,62}}+"
        rf"|{_OPERATOR}{{0,62}}(?:[*<>=]|/(?!\*))|[+-])",
    ),
    ("", r"(['\"/$])"),  # what `take` has to read, or cannot
    ("punct", r"(.)"),
)
KINDS = tuple(kind for kind, _ in _KINDS)


@cache
def _token(closed: bool) -> re.Pattern[str]:
    """Blanks and a token, whose group is one more than its index in `KINDS`, if there is one.

    If ``closed``, parentheses and all they hold are a token too, before the others.
    """
    alternatives = "|".join(pattern for _, pattern in _KINDS)
    first = rf"({parentheses(4)})|" if closed else ""
    return re.compile(rf"{BLANK}*+(?:{first}{alternatives}|\Z)", re.DOTALL)


@cache
def _piece() -> re.Pattern[str]:
    """Blanks and a token, where there are neither comments nor dollars."""
    skipped = ("param", "dollar", "comment", "")
    alternatives = "|".join(
        pattern.replace("(", "(?:", 1) for kind, pattern in _KINDS if kind not in skipped
    )
    return re.compile(rf"{BLANK}*+(?:{alternatives})", re.DOTALL)


def tokens(
    text: str, start: int = 0, end: int | None = None, *, comments: bool = False
) -> list[Token]:
    """The tokens of ``text[start:end]``, with the comments among them if asked for.

    Raises `Unterminated`.
    """
    return [
        Token(kind, unquoted(kind, text[begin:stop]), begin, stop)
        for kind, begin, stop in spans(text, start, len(text) if end is None else end)
        if comments or kind != "comment"
    ]


def keys(text: str) -> tuple[list[str], list[int]]:
    """The tokens of ``text`` in lower case, as they are written, and where each one ends.

    This is the fast road for parsing: a token that starts with a letter and does not end with
    a quote is a word. Raises `Unterminated`.
    """
    lower = fold(text).rstrip(" \t\n\r\f\v")
    plain: str | None = None if "$" in text else lower
    if plain is not None and ("--" in text or "/*" in text):
        plain = _without_comments(lower)
    if plain is None:
        found = [span for span in spans(text, 0, len(text)) if span[0] != "comment"]
        return [lower[start:end] for _, start, end in found], [end for _, _, end in found]
    pieces = _piece().findall(plain)
    found_keys = [piece.lstrip(" \t\n\r\f\v") for piece in pieces]
    ends = list(accumulate(map(len, pieces)))
    for quote in ("'", '"'):
        if quote in found_keys:
            take(text, ends[found_keys.index(quote)] - 1)
    return found_keys, ends


@cache
def _comment_or_string() -> re.Pattern[str]:
    return re.compile(rf"({COMMENT})|{PIECED_STRING}|{ESCAPE_STRING}|{QUOTED}|(/\*)", re.DOTALL)


def _without_comments(text: str) -> str | None:
    """``text`` with blanks for its comments, or None if they are not as simple as that.

    They are not if they are nested too deep, nor if a block comment follows a string: blanks
    could make one constant of that and the next.
    """
    pieces: list[str] = []
    pos = 0
    for found in _comment_or_string().finditer(text):
        if found[1]:
            before = text[pos : found.start()]
            if found[1][0] == "/" and before.rstrip()[-1:] in ("'", "") and found.start():
                return None
            pieces += (before, " " * len(found[1]))
            pos = found.end()
        elif found[2]:
            return None
    return ("".join(pieces) + text[pos:]).rstrip(" \t\n\r\f\v")


def spans(
    text: str, pos: int, stop: int, *, closed: bool = False
) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each token and comment, lazily.

    If ``closed``, balanced parentheses are one token of kind "group". Raises `Unterminated`.
    """
    finditer = _token(closed).finditer
    kinds = ("", "group", *KINDS) if closed else ("", *KINDS)
    while pos < stop:
        for found in finditer(text, pos, stop):
            group = found.lastindex
            if group is None:
                return
            pos = found.end()
            kind = kinds[group]
            if not kind:
                break
            yield kind, found.start(group), pos
        else:
            return
        start = pos - 1
        pos, step = take(text, start)
        if pos > stop:
            raise Unterminated("comment" if step is None else "dollar quote", start)
        yield ("comment" if step is None else "dollar" if pos > start + 1 else "punct"), start, pos


def unquoted(kind: str, source: str) -> str:
    """The value of a token from its text."""
    if kind == "word":
        return fold(source)
    if kind == "quoted":
        return source[source.index('"') + 1 : -1].replace('""', '"')
    if kind == "string":
        return _string_value(source)
    if kind == "dollar":
        tag = source.find("$", 1) + 1
        return source[tag:-tag] if tag else source  # without an end, it is what it is
    return source


def fold(word: str) -> str:
    """An unquoted identifier as PostgreSQL stores it: only the letters A to Z change."""
    return word.lower() if word.isascii() else word.translate(_LOWER)


_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_PIECES = re.compile(rf"'{_BETWEEN}'|''")
_ESCAPED = re.compile(
    rf"\\(?:([0-7]{{1,3}})|[xX]([0-9a-fA-F]{{1,2}})|u([0-9a-fA-F]{{4}})|U([0-9a-fA-F]{{8}})|(.))"
    rf"|'{_BETWEEN}'|('')",
    re.DOTALL,
)
_CONTROL = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _string_value(source: str) -> str:
    quote = source.index("'")
    body = source[quote + 1 : -1]
    if source[0] in "eEb" and "\\" in body:
        return _ESCAPED.sub(_unescape, body)
    return _PIECES.sub(lambda found: "'" if found[0] == "''" else "", body)


def _unescape(found: re.Match[str]) -> str:
    octal, byte, short, long, char, quote = found.groups()
    if octal:
        return chr(int(octal, 8))
    if digits := byte or short or long:
        number = int(digits, 16)
        return chr(number) if number <= 0x10FFFF else found[0]
    if char:
        return _CONTROL.get(char, char)
    return "'" if quote else ""
