"""What a statement makes that can be made again, and which names it refers to.

For the order of repeatable files (`migrations.objects`). Read from the text alone, since the
objects need not exist yet. Names are found by their place: what follows FROM, JOIN, INTO, UPDATE or
a comma in a list of tables is a relation, what stands before a parenthesis is a routine, what
follows `::`, RETURNS or SETOF is a type. So a column that happens to be called like a view is none.

Two degrees, since a wrong one costs differently:

    sure      a server would track it, or refuse the statement without it: ordered by, and run again
              when the other changes
    possible  a name in a body that is only looked up when it runs (PL/pgSQL), or one that a WITH of
              the same statement hides: ordered by unless that would be a cycle, and nothing more

What a body puts together at run time (EXECUTE of a string) is not seen; nor does a server see it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..parser import nodes as n
from ..parser.lex import keys, unquoted
from ..parser.parse import parse

Ref = tuple[str | None, str]
"""Schema, None where none is written, and name."""

ROUTINES = ("function", "procedure")
RELATIONS = ("view", "materialized view")
ON_TABLE = ("trigger", "policy", "rule")
REMADE = (*RELATIONS, *ROUTINES, *ON_TABLE)
"""What is dropped and made again when it changes."""


@dataclass(frozen=True, slots=True)
class Made:
    """An object that a statement makes.

    ``key`` says which it is, ``drop`` is the SQL that removes it. ``head`` identifies all of a
    routine but its body, where the statement replaces it in place; else it is empty.
    """

    kind: str
    name: n.QName
    key: str
    drop: str
    head: str = ""


@dataclass(slots=True)
class Mentions:
    """The names a statement refers to; ``schemas`` are those of ON ALL TABLES IN SCHEMA."""

    relations: set[Ref] = field(default_factory=set)
    routines: set[Ref] = field(default_factory=set)
    possible: set[Ref] = field(default_factory=set)
    schemas: set[str] = field(default_factory=set)

    def add(self, other: Mentions) -> None:
        """Take in those of another statement."""
        self.relations |= other.relations
        self.routines |= other.routines
        self.possible |= other.possible
        self.schemas |= other.schemas


def made(sql: str, node: n.Node) -> Made | None:
    """The object of REMADE's kinds that a statement makes."""
    if not isinstance(node, n.CreateObject) or node.kind not in REMADE or node.name is None:
        return None
    kind, name = node.kind, str(node.name)
    if kind in ON_TABLE:
        key = f"{kind} {name} on {node.table}"
        return Made(kind, node.name, key, f"DROP {kind.upper()} IF EXISTS {name} ON {node.table}")
    if kind not in ROUTINES:
        # Both kinds share their names: what becomes a materialized view is the same object.
        return Made(kind, node.name, f"view {name}", f"DROP {kind.upper()} IF EXISTS {name}")
    arguments = _arguments(sql)
    key = f"{kind} {name}({', '.join(' '.join(a.split()).lower() for a in arguments)})"
    head = _head(sql) if node.or_replace else ""
    drop = f"DROP {kind.upper()} IF EXISTS {name}({', '.join(arguments)})"
    return Made(kind, node.name, key, drop, head)


def removal(words: str) -> tuple[str, str] | None:
    """The key and the SQL of ``-- @drop view a.b``; None where it does not say what to drop."""
    node = parse(f"DROP {words}")
    if not isinstance(node, n.Drop) or node.kind not in REMADE or len(node.names) != 1:
        return None
    rest = words.strip().rstrip(";")[len(node.kind) :].strip()
    if rest.lower().startswith("if exists"):
        rest = rest[len("if exists") :].strip()
    (name,) = node.names
    sql = f"DROP {node.kind.upper()} IF EXISTS {rest}"
    if node.kind in ON_TABLE:
        return f"{node.kind} {name} on {node.table}", sql
    if node.kind in ROUTINES:
        inside = rest[rest.find("(") :] if "(" in rest else "()"
        return f"{node.kind} {name}{' '.join(inside.split()).lower()}", sql
    return f"view {name}", sql


def mentions(sql: str, node: n.Node) -> Mentions:
    """The names that a statement refers to."""
    found = Mentions()
    match node:
        case n.CreateObject(kind=kind) if kind in RELATIONS:
            _walk(sql, found)
        case n.CreateObject(kind=kind) if kind in ROUTINES:
            _routine(sql, node, found)
        case n.CreateObject(kind=kind) if kind in ON_TABLE:
            _walk(sql, found)
            if node.table is not None:
                found.relations.add((node.table.schema, node.table.name))
        case n.Dml() | n.Query() | n.CreateTable():
            _walk(sql, found)
        case n.Do():
            _walk(node.body, found, sure=False)
        case _:
            names = {ref for ref, *_ in _names(sql)}
            found.relations |= names
            found.routines |= names
            if isinstance(node, n.Grant | n.Revoke) and node.target is not None:
                found.schemas |= _schemas(node.target)
    return found


def _schemas(target: str) -> set[str]:
    words, _ = keys(target)
    if words[:1] != ["all"]:
        return set()
    return {ref[1] for ref, *_ in _names(target)} - {*words[:2], "in", "schema"}


def _routine(sql: str, node: n.CreateObject, found: Mentions) -> None:
    """Its head names types, which a server tracks; its body, where it is SQL, relations."""
    body = node.body or ""
    try:
        for ref, *_ in _names(sql.replace(body, "", 1)):
            found.relations.add(ref)
            found.routines.add(ref)
    except ValueError:  # a quote that the body's end left open
        pass
    try:
        _walk(body, found, sure=(node.language or "sql") == "sql")
    except ValueError:
        return  # no body that we can read: nothing is known of it


# --- tokens ------------------------------------------------------------------------------------

_ENDS_LIST = frozenset(
    (
        *("where", "group", "order", "having", "limit", "offset", "union", "intersect", "except"),
        *("window", "select", "set", "values", "returning", "fetch", "for", "do", "loop", "then"),
        "begin",
    )
)
_TAKES_FROM = frozenset(("extract", "substring", "trim", "overlay", "position"))
_NOT_UPDATED = frozenset(("for", "do", "on", "key", "before", "after", "or", "of"))
_BEFORE_TYPE = frozenset(("::", "setof", "returns"))


def _names(sql: str) -> list[tuple[Ref, int, int]]:
    """Every name or keyword, with the first and the last of its tokens."""
    words, ends = keys(sql)
    return [(ref, i, j) for i, (ref, j) in sorted(_found(sql, words, ends).items())]


def _found(sql: str, words: list[str], ends: list[int]) -> dict[int, tuple[Ref, int]]:
    found: dict[int, tuple[Ref, int]] = {}
    i, size = 0, len(words)
    while i < size:
        if not _is_name(words[i]):
            i += 1
            continue
        j, parts = i, [_value(sql, words[i], ends[i])]
        while j + 2 < size and words[j + 1] == "." and _is_name(words[j + 2]):
            j += 2
            parts.append(_value(sql, words[j], ends[j]))
        found[i] = (parts[-2] if len(parts) > 1 else None, parts[-1]), j
        i = j + 1
    return found


def _is_name(word: str) -> bool:
    first = word[0]
    return first == '"' or (
        (first.isalpha() or first == "_" or not first.isascii()) and word[-1] != "'"
    )


def _value(sql: str, word: str, end: int) -> str:
    return unquoted("quoted", sql[end - len(word) : end]) if word[0] == '"' else word


def _walk(sql: str, found: Mentions, *, sure: bool = True) -> None:
    """Find relations, routines and types by their places."""
    words, ends = keys(sql)
    names = _found(sql, words, ends)
    relations, routines = (
        (found.relations, found.routines) if sure else (found.possible, found.possible)
    )
    hidden = {ref[1] for i, (ref, j) in names.items() if _is_hidden_by(words, i, j)}
    levels = [[False, False]]  # for each parenthesis: in a list of tables; FROM is an argument's
    expects = False
    i, size = 0, len(words)
    while i < size:
        word, before = words[i], words[i - 1] if i else ""
        after = i + 1
        if word == "(":
            levels.append([expects, before in _TAKES_FROM])
        elif word == ")":
            if len(levels) > 1:
                levels.pop()
            expects = False
        elif word == ",":
            expects = levels[-1][0]
        elif word == ";":
            levels, expects = [[False, False]], False
        elif word in ("from", "join"):
            if not (levels[-1][1] or before == "distinct"):
                levels[-1][0] = expects = True
        elif word in ("into", "table") or (word == "update" and before not in _NOT_UPDATED):
            expects = True
        elif word == "using":
            expects = words[after : after + 1] != ["("]
        elif word in ("only", "lateral"):
            pass
        elif word in _ENDS_LIST:
            levels[-1][0] = expects = False
        elif i in names:
            ref, last = names[i]
            after = last + 1
            following = words[after] if after < size else ""
            if following == "(":
                routines.add(ref)
                if expects and before in ("into", "table"):
                    relations.add(ref)
            elif expects:
                (found.possible if ref[0] is None and ref[1] in hidden else relations).add(ref)
            elif before in _BEFORE_TYPE or following == "%":
                relations.add(ref)
            expects = False
        else:
            expects = False
        i = after


def _is_hidden_by(words: list[str], i: int, j: int) -> bool:
    """Whether the name at `i` to `j` is one that WITH gives: ``x [(…)] AS [MATERIALIZED] (``."""
    if i != j or not i or words[i - 1] not in ("with", "recursive", ","):
        return False
    k = j + 1
    if words[k : k + 1] == ["("]:
        while k < len(words) and words[k] != ")":
            k += 1
        k += 1
    if words[k : k + 1] != ["as"]:
        return False
    k += 1
    while words[k : k + 1] in (["not"], ["materialized"]):
        k += 1
    return words[k : k + 1] == ["("]


def _arguments(sql: str) -> list[str]:
    """The arguments of a routine as DROP takes them: without their defaults."""
    words, ends = keys(sql)
    if "(" not in words:
        return []
    first = words.index("(")
    found: list[str] = []
    depth, start, stop = 0, ends[first], None
    for word, end in zip(words[first:], ends[first:], strict=True):
        begin = end - len(word)
        if word in ("(", "["):
            depth += 1
        elif word in (")", "]"):
            depth -= 1
        if depth == 1 and word in ("default", "=", ":=") and stop is None:
            stop = begin
        if depth == 0 or (depth == 1 and word == ","):
            if argument := sql[start : begin if stop is None else stop].strip():
                found.append(argument)
            start, stop = end, None
        if depth == 0:
            break
    return found


def _head(sql: str) -> str:
    """Identifies all of CREATE FUNCTION but the body: what cannot be replaced in place."""
    words: Iterable[str] = keys(sql)[0]
    head: list[str] = []
    for word in words:
        if word == "return" or (word == "atomic" and head[-1:] == ["begin"]):
            break
        if word[0] != "$" and word[-1] != "'":
            head.append(word)
    return hashlib.sha256(" ".join(head).encode()).hexdigest()[:16]
