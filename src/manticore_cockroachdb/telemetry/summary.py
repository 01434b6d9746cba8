"""What a statement is called where it is told of: its summary, and its text without literals.

A summary says operations and their targets as they are written, `SELECT users`, `INSERT orders
SELECT carts`, and nothing else: it is a span's name and an attribute of metrics, so it must be one
for all calls of a kind. Several statements in one message are a batch: `BATCH INSERT users` where
they are alike, else `BATCH`; BEGIN, COMMIT and our own tables' bookkeeping beside a statement do
not make one of it. See OpenTelemetry's "Semantic conventions for database client spans".

In a text every literal is a ``?``: strings, numbers, dollar quotes (and so the bodies of
functions), true and false. Comments are left out. Names stay, and so do placeholders. What cannot
be read, such as a string that never ends, is left out from there on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from ..own_tables import OURS
from ..parser.lex import Token, Unterminated, spans
from ..sql import Built

LONGEST = 255
"""Characters of a summary."""
READ = 8_000
"""Characters of a statement that are looked at."""
SHOWN = 2_000
"""Characters of a text."""

_LITERALS = frozenset({"string", "number", "dollar"})
_CONTROL = frozenset(
    {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET", "ABORT"}
)
_READS = frozenset({"select", "insert", "update", "delete", "merge", "upsert", "values", "table"})
# Words before `update` and `delete` that make them no operation of their own.
_NO_OPERATION = frozenset({"for", "do", "on", "no", "key", "before", "after", "of", "then", "or"})
_BEFORE_TARGET = frozenset({"from", "join", "into", "using"})
_BETWEEN = frozenset({"only", "lateral", "if", "not", "exists", "concurrently"})
# A name after one of these makes a statement's operation two words: CREATE TABLE users.
_KINDS = frozenset(
    (
        *("table", "index", "view", "sequence", "schema", "database", "type", "function"),
        *("procedure", "trigger", "extension", "role", "user", "domain", "policy", "aggregate"),
        *("server", "publication", "subscription", "statistics", "collation", "changefeed"),
    )
)
_DDL = frozenset({"create", "alter", "drop", "comment", "refresh", "truncate", "lock", "analyze"})


@dataclass(frozen=True, slots=True)
class Described:
    """A statement as it is told of. ``operation`` and ``collection`` are known of a verb's alone;
    ``batch`` is how many statements a message has, 0 for one."""

    summary: str
    text: str
    operation: str | None = None
    collection: str | None = None
    batch: int = 0
    attributes: dict[str, str | int] = field(default_factory=dict, compare=False, repr=False)


def describe(sql: bytes | str) -> Described:
    """Return what to tell of a statement, or of several in one message."""
    return _remembered(sql) if len(sql) <= READ else _described(sql)


def _described(sql: bytes | str) -> Described:
    text = sql[:READ].decode(errors="replace") if isinstance(sql, bytes) else sql[:READ]
    pieces, found = _read(text)
    shown = "".join(pieces).strip()
    if len(shown) > SHOWN or len(sql) > READ:
        shown = shown[:SHOWN].rstrip() + " …"
    if isinstance(sql, Built):
        summary = f"{sql.operation} {sql.table}"
        return _with(Described(summary[:LONGEST], shown, sql.operation, sql.table))
    summaries = [_summary(one) for one in _statements(found)]
    work = [s for s in summaries if s and s.split(" ", 1)[0].upper() not in _CONTROL]
    mine = [s for s in work if not _is_bookkeeping(s)] or work or summaries[:1]
    if len(mine) > 1:
        alike = len(set(mine)) == 1
        summary = f"BATCH {mine[0]}" if alike else "BATCH"
        return _with(Described(summary[:LONGEST], shown, batch=len(mine)))
    return _with(Described(mine[0] if mine else "", shown))


def batch_of(one: Described, count: int) -> Described:
    """Return what to tell of a statement that is sent so many times in one call."""
    if count == 1:
        return one
    operation = f"BATCH {one.operation}" if one.operation else None
    batch = Described(
        f"BATCH {one.summary}".strip(), one.text, operation, one.collection, batch=count
    )
    return _with(batch)


_remembered = lru_cache(1024)(_described)


def _with(one: Described) -> Described:
    named = {
        "db.query.summary": one.summary,
        "db.operation.name": one.operation,
        "db.collection.name": one.collection,
        "db.operation.batch.size": one.batch,
    }
    one.attributes.update({name: value for name, value in named.items() if value})
    return one


def _is_bookkeeping(summary: str) -> bool:
    """Whether a statement is about our own tables, and so not what its message is for."""
    return any(target.rpartition(".")[2] in OURS for target in summary.split(" ")[1:])


def _read(text: str) -> tuple[list[str], list[tuple[Token, str]]]:
    """The text without literals and comments, in pieces, and its tokens with what is written."""
    pieces: list[str] = []
    found: list[tuple[Token, str]] = []
    at = 0
    try:
        for kind, start, end in spans(text, 0, len(text)):
            written = text[start:end]
            gap = text[at:start]
            pieces.append(" " if gap and not gap.strip() else gap)
            at = end
            if kind == "comment":
                pieces.append(" ")
                continue
            lower = written.lower() if kind == "word" else written
            literal = kind in _LITERALS or lower in ("true", "false")
            pieces.append("?" if literal else written)
            found.append((Token("literal" if literal else kind, lower, start, end), written))
    except Unterminated:
        pieces.append(" …")
    return pieces, found


def _statements(found: list[tuple[Token, str]]) -> Iterator[list[tuple[Token, str]]]:
    one: list[tuple[Token, str]] = []
    depth = 0
    for token, written in found:
        if token.kind == "punct":
            depth += (token.value == "(") - (token.value == ")")
            if token.value == ";" and depth <= 0:
                if one:
                    yield one
                one = []
                continue
        one.append((token, written))
    if one:
        yield one


def _summary(statement: list[tuple[Token, str]]) -> str:
    first = statement[0][0].value
    if first == "explain":
        rest = [i for i, (t, _) in enumerate(statement) if t.value in _READS]
        return _joined([statement[0][1], *(_parts(statement[rest[0] :]) if rest else ())])
    if first in _READS or first in ("with", "("):
        return _joined(_parts(statement))
    return _joined(_of_definition(statement))


def _joined(parts: list[str]) -> str:
    said = ""
    for part in parts:
        if len(said) + 1 + len(part) > LONGEST:
            break
        said = f"{said} {part}" if said else part
    return said


def _of_definition(statement: list[tuple[Token, str]]) -> list[str]:
    """The operation and the first target of a statement that neither reads nor changes rows."""
    token, written = statement[0]
    if token.kind != "word":
        return []
    if token.value == "copy":
        name, _ = _name(statement, 1)
        return [written, name] if name else [written]
    if token.value not in _DDL:
        return [written]
    parts, at = [written], 1
    while at < min(len(statement), 8):
        token, word = statement[at]
        at += 1
        if token.kind != "word":
            return parts[:1]
        if token.value in _KINDS:
            parts = [f"{parts[0]} {word}"]
            break
    else:
        at = 1
        if statement[0][0].value not in ("truncate", "lock", "analyze"):
            return parts
    while at < len(statement) and statement[at][0].value in _BETWEEN:
        at += 1
    if at < len(statement) and statement[at][0].value == "on":  # an index without a name
        at += 1
    name, _ = _name(statement, at)
    return [*parts, name] if name else parts


def _name(statement: list[tuple[Token, str]], at: int) -> tuple[str, int]:
    """The name at a place, with its dots, and where it ends; empty if there is none."""
    said = ""
    while at < len(statement) and statement[at][0].kind in ("word", "quoted"):
        said += statement[at][1]
        at += 1
        if at < len(statement) and statement[at][0].value == ".":
            said += "."
            at += 1
            continue
        break
    return said, at


def _parts(statement: list[tuple[Token, str]]) -> list[str]:
    """Operations and targets of a query, in the order of the text."""
    parts: list[str] = []
    named: set[str] = set()  # by WITH
    open_froms: list[bool] = [False]  # whether FROM names targets, at each depth
    in_list: list[bool] = [False]  # whether a comma leads to another one
    before = ""
    at = 0
    while at < len(statement):
        token, written = statement[at]
        value = token.value
        at += 1
        if value == "(":
            open_froms.append(False)
            in_list.append(False)
        elif value == ")":
            if len(open_froms) > 1:
                open_froms.pop()
                in_list.pop()
        elif token.kind == "word" and value in _READS and before not in _NO_OPERATION:
            if value not in ("values", "table"):
                parts.append(written)
            open_froms[-1] = value in ("select", "delete", "update", "merge", "insert", "upsert")
            in_list[-1] = False
            if value == "update":
                at = _target(statement, at, parts, named)
        elif token.kind in ("word", "quoted") and _begins_cte(statement, at):
            named.add(value)
        elif value in _BEFORE_TARGET and open_froms[-1] and before != "distinct":
            at = _target(statement, at, parts, named)
            in_list[-1] = value == "from"
        elif value == "," and in_list[-1]:
            at = _target(statement, at, parts, named)
        elif value in ("where", "group", "order", "limit", "set", "on", "returning", "having"):
            in_list[-1] = False
        before = value
    return parts


def _target(statement: list[tuple[Token, str]], at: int, parts: list[str], named: set[str]) -> int:
    while at < len(statement) and statement[at][0].value in _BETWEEN:
        at += 1
    if at < len(statement) and statement[at][0].value in ("select", "values"):
        return at
    name, end = _name(statement, at)
    called = end < len(statement) and statement[end][0].value == "("
    # A function's rows are no table's, but INSERT names its columns right behind the table.
    if (
        name
        and name.lower() not in named
        and (not called or parts[-1:] not in (["SELECT"], ["select"]))
    ):
        parts.append(name)
    return end


def _begins_cte(statement: list[tuple[Token, str]], at: int) -> bool:
    """Whether `AS (`, `AS MATERIALIZED (` or `AS NOT MATERIALIZED (` comes next."""
    if at >= len(statement) or statement[at][0].value != "as":
        return False
    at += 1
    while at < len(statement) and statement[at][0].value in ("not", "materialized"):
        at += 1
    return at < len(statement) and statement[at][0].value == "("
