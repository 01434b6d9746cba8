"""What can stand in the place of a variable, `${region}`: a name, a value, a number, a piece of a
quoted text; or nothing that is plain to see.

The rule: never guess. Quotes decide where there are any. Elsewhere the reader of statements is
asked which of the three it understands in this place; where it takes several, as everywhere in an
expression, the tokens beside it decide: what follows FROM, JOIN, SCHEMA, OWNER TO and the like, or
stands beside a dot, is a name, what follows an operator or stands in the arguments of a function is
a value. What is none of these is `Unclear`: a body in dollar quotes, a comment, digits, a place for
keywords, and ORDER BY, where a column and a text both make sense to a server.

A variable's stand-in is as long as ``${name}``, so every place of a text stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from ..parser import nodes as n
from ..parser.lex import IN_IDENTIFIER, Token, tokens
from ..parser.parse import parse
from .references import RELATIONS, mentions

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MARK = "ƶ"  # begins a stand-in: no name of anybody's
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST = 200  # readings of one statement
_INSIDE = re.compile(rf"{IN_IDENTIFIER}")
QUOTES = "write it in quotes: \"${%s}\" is a name, '${%s}' a text"


class Form(StrEnum):
    """How a variable is written in its place."""

    NAME = "name"
    VALUE = "value"
    NUMBER = "number"
    QUOTED = "quoted name"  # inside "…"
    STRING = "string"  # inside '…'
    ESCAPES = "string with escapes"  # inside E'…'


@dataclass(frozen=True, slots=True)
class Place:
    """A variable at ``text[start:end]`` and its form.

    ``first`` to ``last`` is all that becomes one token: with letters right beside the variable, as
    in ``orders_${region}``, or the whole string around it.
    """

    name: str
    start: int
    end: int
    form: Form
    first: int
    last: int


class Unclear(ValueError):
    """A variable in a place where nothing is plain to see: where, why, and what to do."""

    def __init__(self, offset: int, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.offset, self.why, self.hint = offset, why, hint


def variables(text: str, names: Set[str]) -> list[re.Match[str]]:
    """Where these variables stand, whatever is around them."""
    return [found for found in VARIABLE.finditer(text) if found[1] in names]


def places(text: str, spans: Sequence[tuple[int, int]], names: Set[str]) -> list[Place]:
    """The place of each of these variables in a text, in order; ``spans`` are its statements.

    Raises Unclear for the first that is none.
    """
    found: list[Place] = []
    left = variables(text, names)
    left.reverse()
    for start, end in spans:
        mine: list[re.Match[str]] = []
        while left and left[-1].start() < end:
            one = left.pop()
            if one.start() < start:
                raise _in_comment(one)
            mine.append(one)
        if mine:
            found += _Statement(text, start, end, mine).places()
        if not left:
            return found
    if left:
        raise _in_comment(left[-1])
    return found


def stand_in(text: str, found: Sequence[Place]) -> str:
    """The text with something as long in the place of each variable, which reads like it."""
    pieces, done = [], 0
    for one in found:
        pieces += [text[done : one.start], _alike(one)]
        done = one.end
    return "".join(pieces) + text[done:]


def _alike(one: Place) -> str:
    size = one.end - one.start
    match one.form:
        case Form.VALUE:
            return f"'{one.name.ljust(size - 2, '_')}'"
        case Form.NUMBER:
            return "1" * size
        case _:
            return one.name.lower().ljust(size, "_")


def _in_comment(one: re.Match[str]) -> Unclear:
    return Unclear(
        one.start(),
        f"{one[0]} stands in a comment, where it would not be replaced",
        f"write {one[1]} without ${{}} there; no directive takes a variable",
    )


@dataclass(slots=True)
class _Bare:
    """A variable outside of quotes; ``fixed``: its neighbours or the reader leave no choice."""

    found: re.Match[str]
    first: int
    last: int
    fixed: bool
    form: Form = Form.NAME


class _Statement:
    """One statement with variables."""

    def __init__(self, text: str, start: int, end: int, found: list[re.Match[str]]) -> None:
        self.text, self.start, self.end = text, start, end
        self.found = found
        self.ends = {one.start(): one.end() for one in found}
        self.bare: list[_Bare] = []
        self.firsts: dict[int, int] = {}  # of the token that ends with a variable, by its end

    def places(self) -> list[Place]:
        placed: dict[int, Place] = {}
        for token, one in self._around():
            if token.kind not in ("string", "quoted", "dollar", "comment"):
                self.bare.append(self._bare(one, token))
                continue
            form = self._quoted(token, one)
            placed[one.start()] = Place(one[1], *one.span(), form, token.start, token.end)
        if self.bare:
            self._settle()
        for bare in self.bare:
            one = bare.found
            place = Place(one[1], *one.span(), bare.form, bare.first, bare.last)
            placed[one.start()] = place
        return [placed[at] for at in sorted(placed)]

    def _around(self) -> Iterator[tuple[Token, re.Match[str]]]:
        """Each variable with the token that it begins in: its own `$`, if no longer one."""
        each = tokens(self.text, self.start, self.end, comments=True)
        at = 0
        for one in self.found:
            while each[at].end <= one.start():
                at += 1
            yield each[at], one

    def _quoted(self, token: Token, one: re.Match[str]) -> Form:
        head = self.text[token.start]
        if token.kind == "comment":
            raise _in_comment(one)
        if token.kind == "dollar":
            raise Unclear(
                one.start(),
                f"{one[0]} stands in dollar quotes, where it may be anything",
                "write the body as a '…' string with '' for each quote in it, or let it read"
                " current_setting('…')",
            )
        if token.kind == "quoted" and head == '"':
            return Form.QUOTED
        if token.kind == "string" and head in "'eE":
            if not any(one.start() in range(*piece) for piece in _pieces(self.text, token)):
                raise _in_comment(one)
            return Form.STRING if head == "'" else Form.ESCAPES
        raise Unclear(
            one.start(),
            f"{one[0]} stands in a constant {self.text[token.start : token.start + 2]}…, which"
            " takes only some characters",
            f"write it as '{one[0]}' and cast that",
        )

    def _bare(self, one: re.Match[str], token: Token) -> _Bare:
        """A variable outside of quotes, with the letters that touch it."""
        text, (first, last) = self.text, one.span()
        if token.kind == "word":
            first = token.start
        first = self.firsts.get(first, first)  # ${a}${b}
        self.firsts[last] = first
        while last in self.ends or _INSIDE.match(text, last, self.end):
            last = self.ends.get(last, last + 1)
        before = text[first - 1] if first > self.start else ""
        after = text[last] if last < self.end else ""
        if before.isdigit() or (before == "." and text[first - 2 : first - 1].isdigit()):
            raise Unclear(one.start(), f"{one[0]} stands inside of a number", _quotes(one[1]))
        if after == "." and text[last + 1 : last + 2].isdigit():
            raise Unclear(one.start(), f"{one[0]} stands inside of a number", _quotes(one[1]))
        if before in ("'", '"', "$") or after in ("'", '"'):
            raise Unclear(
                one.start(),
                f"{one[0]} touches a quoted text",
                "put it inside of the quotes, or a blank between",
            )
        touches = (first, last) != one.span() or before == "." or after == "."
        return _Bare(one, first, last, touches)

    # --- asking the reader -----------------------------------------------------------------

    def _settle(self) -> None:
        """Give each variable outside of quotes its form. Raises Unclear."""
        self._only_values()
        names = [bare for bare in self.bare if bare.form is Form.NAME and not bare.fixed]
        read = self._read()
        open_ = self._either(names)
        if not open_:
            return
        for bare in open_:
            bare.form = Form.NAME
        look = _Look(self, read)
        for bare in open_:
            bare.form = look.form(bare)
        if isinstance(self._read(), n.Unparsed):
            raise self._unclear()

    def _only_values(self) -> None:
        """Find the places that take no name: the reader stops at these."""
        for _ in range(_MOST):
            node = self._read()
            if not isinstance(node, n.Unparsed):
                return
            bare = self._at(node.start, lambda bare: bare.form is not Form.NUMBER)
            if bare is None:
                raise self._unclear(node.start)
            bare.form = Form.VALUE if bare.form is Form.NAME else Form.NUMBER
        raise self._unclear()

    def _either(self, names: list[_Bare]) -> list[_Bare]:
        """Those that may be a name or a value, after all that may only be names have been seen."""
        for bare in names:
            bare.form = Form.VALUE
        for _ in range(_MOST):
            node = self._read()
            if not isinstance(node, n.Unparsed):
                return [bare for bare in names if not bare.fixed]
            bare_ = self._at(node.start, lambda bare: bare in names)
            if bare_ is None:
                raise self._unclear()
            bare_.form, bare_.fixed = Form.NAME, True
        raise self._unclear()

    def _at(self, offset: int, may: Callable[[_Bare], bool]) -> _Bare | None:
        """The variable at which the reader stopped, or the last before it, if it may be that."""
        found = None
        for bare in self.bare:
            if bare.first - self.start <= offset and not bare.fixed and may(bare):
                found = bare
        return found

    def _read(self) -> n.Node:
        """What the statement says with the forms that are chosen now."""
        return parse(self.stood_in())

    def stood_in(self) -> str:
        """The statement with stand-ins that nothing else is called like."""
        pieces, done = [], self.start
        for number, bare in enumerate(self.bare):
            start, end = bare.found.span()
            pieces += [self.text[done:start], _sentinel(bare.form, number, end - start)]
            done = end
        return "".join(pieces) + self.text[done : self.end]

    def _unclear(self, stopped: int | None = None) -> Unclear:
        one = self.bare[0].found
        why = f"whether {one[0]} is a name or a value here is not plain to see"
        if stopped is not None:
            why = f"the statement around {one[0]} is not understood, so what it may be is unclear"
        return Unclear(one.start(), why, _quotes(one[1]))

    def unclear(self, bare: _Bare, why: str) -> Unclear:
        """The error for one of the variables."""
        return Unclear(bare.found.start(), f"{bare.found[0]} {why}", _quotes(bare.found[1]))


def _pieces(text: str, token: Token) -> Iterator[tuple[int, int]]:
    """The strings of a constant in several pieces, between which comments may stand."""
    piece = _ESCAPED if text[token.start] in "eE" else _PLAIN
    for found in piece.finditer(text, token.start, token.end):
        yield found.span(1)


_BETWEEN = r"(?:\s|--[^\n\r]*+)*+"
_PLAIN = re.compile(rf"('(?:[^']|'')*+'){_BETWEEN}")
_ESCAPED = re.compile(rf"('(?:[^'\\]|\\.|'')*+'){_BETWEEN}", re.DOTALL)


def _quotes(name: str) -> str:
    return QUOTES % (name, name)


def _sentinel(form: Form, number: int, size: int) -> str:
    if form is Form.NUMBER:
        return "1" * size
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    if form is Form.VALUE:
        return f"'{_MARK * (size - 2)}'"
    return _MARK + digits.rjust(size - 1, "_")


# --- tokens beside it ----------------------------------------------------------------------------


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What a name follows, whatever the statement.
_BEFORE_NAME = _these("""
    as authorization collate collation column constraint database domain exists extension function
    group index of only owner policy procedure publication references region returns role routine
    rule schema sequence server setof subscription table tablespace trigger type user view with
    recursive inherits of belongs inherit
""")
# What a name follows in statements that are no queries.
_BEFORE_NAME_IN_DDL = frozenset(("to", "on", "from", "for", "in", "into", "join"))
# What a value follows.
_BEFORE_VALUE = _these("""
    select distinct all where and or not having like ilike escape between then else when case
    default returning is symmetric return password until values interval date time timestamp
    timestamptz timetz inet json jsonb uuid
""")
_BEFORE_NUMBER = frozenset(
    ("limit", "offset", "start", "restart", "increment", "minvalue", "maxvalue", "cache")
)
_BEFORE_COLUMNS = frozenset(
    ("conflict", "set", "list", "range", "hash", "key", "unique", "include", "storing", "columns")
)
_BEFORE_EXPRESSION = _these("""
    in values any all some and or not where on select when then else check from to as default
    array row coalesce having case between limit offset with without filter return
""")
_SIZED = _these("""
    varchar char character varying numeric decimal dec bit varbit string bytes float timestamp
    timestamptz time timetz interval vector bpchar
""")
_SORTED = frozenset(("order", "group", "partition"))
_CLAUSES = _these("""
    select from where having limit offset values set returning on window union intersect except
    order group partition join to grant revoke
""")


class _Look:
    """The tokens of a statement, beside each variable."""

    def __init__(self, statement: _Statement, node: n.Node) -> None:
        self.statement, self.node = statement, node
        sql = statement.stood_in()
        self.tokens = tokens(sql)
        self.at = {token.start + statement.start: i for i, token in enumerate(self.tokens)}
        kind = getattr(node, "kind", None)
        self.query = isinstance(node, n.Query | n.Dml | n.CreateTable) or kind in RELATIONS
        self.named: set[str] = set()
        if self.query or kind in ("function", "procedure", "trigger", "rule", "policy"):
            self.named = {name for _, name in mentions(sql, node).relations}

    def form(self, bare: _Bare) -> Form:
        """The form of a variable that may be a name or a value. Raises Unclear."""
        i = self.at[bare.first]
        token, before = self.tokens[i], self.word(i - 1)
        if token.value in self.named or self.word(i + 1) in ("(", ".") or before == ".":
            return Form.NAME
        if before in ("(", ",", "["):
            return self.in_list(bare, i)
        if before == "set" and self.word(i + 1) in ("=", ","):
            return Form.NAME
        if before == "::":
            return Form.NAME
        if before == "to" and (self.sets(i - 2) or self.word(i - 2) == "similar"):
            return Form.VALUE
        if before == "by" and self.word(i - 2) == "increment":
            return Form.NUMBER
        if before == "by" and self.word(i - 2) == "owned":
            return Form.NAME
        if before == "with" and self.word(i - 2) in ("start", "restart"):
            return Form.NUMBER
        if before in _BEFORE_NUMBER:
            return Form.NUMBER
        if self.is_operator(i - 1) or before in _BEFORE_VALUE:
            return Form.VALUE
        if self.query and before in ("from", "on"):
            return Form.VALUE  # extract(year FROM …), IS DISTINCT FROM …; a table it is not
        if before == "using" and isinstance(self.node, n.AlterTable):
            return Form.VALUE
        if before in _BEFORE_NAME or (not self.query and before in _BEFORE_NAME_IN_DDL):
            return Form.NAME
        if before in ("grant", "revoke") and all(t.value != "on" for t in self.tokens):
            return Form.NAME
        raise self.unclear(bare)

    def in_list(self, bare: _Bare, i: int) -> Form:
        """The form of one that stands first in parentheses, or behind a comma."""
        opener, clause = self.around(i)
        if clause in _SORTED:
            raise self.unclear(bare)
        if opener is None:
            if clause in ("select", "returning", "values"):
                return Form.VALUE
            if clause == "set":
                return Form.NAME if self.word(i + 1) == "=" else Form.VALUE
            if not self.query and clause in ("on", "to", "from"):
                value = isinstance(self.node, n.SetVar)
                return Form.VALUE if value else Form.NAME
            if isinstance(self.node, n.SetVar):
                return Form.VALUE
            if isinstance(self.node, n.Drop):
                return Form.NAME
            raise self.unclear(bare)
        if self.word(opener) == "[":
            return Form.VALUE
        if clause is not None:  # a query inside of the parentheses
            if clause in ("select", "returning", "values"):
                return Form.VALUE
            raise self.unclear(bare)
        return self.in_parentheses(bare, opener)

    def in_parentheses(self, bare: _Bare, opener: int) -> Form:
        """The form by what stands before the parentheses that it is in."""
        before = self.word(opener - 1)
        if before in _SIZED:
            return Form.NUMBER
        if before == "using":
            return Form.NAME if self.query else Form.VALUE
        if before in _BEFORE_COLUMNS:
            return Form.NAME
        if before in ("(", ",", "") or before in _BEFORE_EXPRESSION or self.is_operator(opener - 1):
            return Form.VALUE
        kind = self.tokens[opener - 1].kind
        if kind not in ("word", "quoted"):
            raise self.unclear(bare)
        first = opener - 1  # of a name with dots
        while self.word(first - 1) == ".":
            first -= 2
        if self.word(first - 1) == "into":
            return Form.NAME
        if self.word(first - 1) in ("as", "with", "recursive", ")", "<quoted>"):
            raise self.unclear(bare)  # names of columns: WITH x (…), f() AS t (…)
        return Form.VALUE

    # --- reading around ---------------------------------------------------------------------

    def word(self, i: int) -> str:
        """A token's text, "" where there is none."""
        if not 0 <= i < len(self.tokens):
            return ""
        token = self.tokens[i]
        return token.value if token.kind in ("word", "op", "punct") else f"<{token.kind}>"

    def sets(self, i: int) -> bool:
        """Whether the name that ends here is a setting's: SET a.b TO …, ALTER ROLE r SET a TO …"""
        while self.word(i - 1) == ".":
            i -= 2
        return isinstance(self.node, n.SetVar) or self.word(i - 1) == "set"

    def is_operator(self, i: int) -> bool:
        return self.tokens[i].kind == "op" or self.word(i) in (":=", "in")

    def around(self, i: int) -> tuple[int | None, str | None]:
        """The index of the bracket that a token is in, and in there the last keyword of a clause
        before it."""
        clause, depth = None, 0
        for j in reversed(range(i)):
            word = self.word(j)
            if word in (")", "]"):
                depth += 1
            elif word in ("(", "["):
                if not depth:
                    return j, clause
                depth -= 1
            elif clause is None and not depth and word in _CLAUSES:
                clause = word
        return None, clause

    def unclear(self, bare: _Bare) -> Unclear:
        return self.statement.unclear(
            bare, "may be a name or a value or a keyword here: what is meant is not plain to see"
        )
