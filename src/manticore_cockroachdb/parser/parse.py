"""From the text of one statement to its model; see `nodes`.

The rule: never raise, never guess. A statement is read by recursive descent over its tokens, by
a function for its first words; whatever is not understood to the last token is `Unparsed`, with
the reason and the place. Each ``parse_*`` module reads one family of statements, for both
servers at once: their grammars differ by what they add, and where one word means two things the
words after it tell which.

A very long statement is read by its head, or with its parentheses closed, so that a file of
seed data costs no more than finding where its statements end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from .admin import MAINTENANCE, comment, grant, maintenance, revoke
from .alter_object import alter_object
from .alter_table import alter_table
from .create import create_object
from .create_table import create_table
from .cursor import Cursor, Misunderstood
from .data import copy, data_statement, explain
from .drop import drop, truncate
from .index import create_index
from .kinds import object_kind, verb_of
from .lex import Unterminated
from .long import LONG, long_cursor
from .nodes import AlteredKind, Node, Query, Unparsed
from .plain import plain_drop, plain_table
from .rows import insert_of_rows
from .session import call, do, reset, session_command, set_statement, transaction

__all__ = ["parse", "verb_of"]


def parse(sql: str, longest: int | None = None) -> Node:
    """The model of one statement, with or without its `;`. Never raises.

    One that was read a moment ago is not read again: it is planned and then explained. With
    ``longest``, names are cut to so many bytes, as the server does that they are compared with.
    """
    if longest is not None and len(sql) < LONG and _has_longer(sql, longest):
        return _read(sql, longest)
    return _recent(sql) if len(sql) < _SHORT else _parse(sql)


_SHORT = 10_000


def _parse(sql: str) -> Node:
    short = _SHORT_ROADS.get(sql[:1])
    if short is not None and len(sql) < LONG and (node := short(sql)) is not None:
        return node
    return _read(sql)


def _has_longer(sql: str, longest: int) -> bool:
    """Whether a statement may have a name that is longer than so many bytes: one look at it, since
    hardly any has."""
    least = longest + 1 if sql.isascii() else longest // 4 + 1
    return _longer(least).search(sql) is not None


@cache
def _longer(least: int) -> re.Pattern[str]:
    return re.compile(rf'[\w$]{{{least}}}|"[^"]{{{least}}}')


def _read(sql: str, longest: int | None = None) -> Node:
    try:
        c = Cursor(sql) if len(sql) < LONG else long_cursor(sql)
        c.longest = longest
        if not c.size:
            return Unparsed(verb=verb_of(sql), reason="nothing but comments")
        node = _statement(c)
        c.finish()
    except Unterminated as error:
        return Unparsed(verb=verb_of(sql), reason=f"unterminated {error.kind}", start=error.offset)
    except Misunderstood as error:
        return Unparsed(verb=verb_of(sql), reason=error.reason, start=error.start)
    return node


_recent = lru_cache(maxsize=128)(_parse)
# By the first letter, what reads the plainest statements that begin with it.
_SHORT_ROADS: dict[str, Callable[[str], Node | None]] = {
    **dict.fromkeys("iIuU", insert_of_rows),
    **dict.fromkeys("cC", plain_table),
    **dict.fromkeys("dD", plain_drop),
}


def _statement(c: Cursor) -> Node:
    key = c.key
    if key in ("select", "with", "insert", "update", "delete", "upsert", "values", "(", "merge"):
        return data_statement(c)
    reader = _READERS.get(key)
    if reader is None:
        c.fail()
    c.i += 1
    return reader(c)


def _create(c: Cursor) -> Node:
    start = c.start_of(0)
    if c.accept("table"):
        return create_table(c, temporary=False, unlogged=False)
    if c.accept("index"):
        return create_index(c, start, unique=False)
    if c.keys[c.i] == "unique" or c.keys[c.i + 1] == "index":
        unique = c.accept("unique")
        inverted, vector = c.accept("inverted"), c.accept("vector")
        c.expect("index")
        return create_index(c, start, unique=unique, inverted=inverted, vector=vector)
    mark = c.i
    if c.accept_any(("local", "global")) and c.key not in ("temporary", "temp"):
        c.fail()
    temporary = c.accept_any(("temporary", "temp")) is not None
    unlogged = c.accept("unlogged")
    if (temporary or unlogged) and c.accept("table"):
        return create_table(c, temporary=temporary, unlogged=unlogged)
    c.i = mark
    or_replace = c.accept("or", "replace")
    c.accept_any(("local", "global"))
    temporary = c.accept_any(("temporary", "temp")) is not None
    c.accept("unlogged")
    return create_object(c, or_replace=or_replace, temporary=temporary)


def _alter(c: Cursor) -> Node:
    kind = object_kind(c)
    if altered := _LIKE_TABLES.get(kind or ""):
        return alter_table(c, altered)
    if kind is None or kind in _NOT_ALTERED or (kind == "partition" and c.keys[c.i + 1] != "of"):
        c.fail()
    return alter_object(c, kind)


_NOT_ALTERED = ("cast", "column", "constraint", "owned", "schedules", "transform")


_LIKE_TABLES: dict[str, AlteredKind] = {
    "table": "table",
    "index": "index",
    "view": "view",
    "sequence": "sequence",
    "materialized view": "materialized view",
    "foreign table": "foreign table",
}


def _show(c: Cursor) -> Node:
    c.rest()
    return Query(verb="SHOW", functions=c.functions())


def _table(c: Cursor) -> Node:
    c.accept("only")
    c.qname()
    c.accept("*")
    if c.key not in _AFTER_TABLE:
        c.fail()
    c.rest()
    return Query(verb="TABLE", selects_star=True)


_AFTER_TABLE = frozenset(
    ("", "as", "except", "fetch", "for", "intersect", "limit", "offset", "order", "union", "with")
)


def _transaction(word: str) -> Callable[[Cursor], Node]:
    return lambda c: transaction(c, word)


def _session(word: str) -> Callable[[Cursor], Node]:
    return lambda c: session_command(c, word)


def _maintenance(word: str) -> Callable[[Cursor], Node]:
    return lambda c: maintenance(c, word)


_READERS: dict[str, Callable[[Cursor], Node]] = {
    "create": _create,
    "alter": _alter,
    "drop": drop,
    "truncate": truncate,
    "copy": copy,
    "set": set_statement,
    "reset": reset,
    "do": do,
    "call": call,
    "show": _show,
    "table": _table,
    "explain": explain,
    **{
        word: _transaction(word)
        for word in ("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release")
    },
    "comment": comment,
    "grant": grant,
    "revoke": revoke,
    **{word: _maintenance(word) for word in MAINTENANCE},
    **{
        word: _session(word)
        for word in (
            "close", "deallocate", "declare", "discard", "execute", "fetch", "listen", "load",
            "lock", "move", "notify", "prepare", "unlisten", "use",
        )
    },
}  # fmt: skip
