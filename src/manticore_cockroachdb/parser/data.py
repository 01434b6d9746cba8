"""Statements that change rows, and queries.

Their clauses are found, not parsed: at the outermost level a clause's first word is reserved, so
it can't be anything else. What is inside parentheses is looked at only for what it writes.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cursor import Cursor
from .nodes import Dml, Node, QName, Query

_WRITES = frozenset(("insert", "update", "delete", "upsert", "merge"))
_AFTER_TABLE = frozenset(("set", "using", "where", "returning", "order", "limit", ""))
_STAR_ENDS = frozenset(
    (",", ")", "", "from", "into", "where", "union", "except", "intersect", "order", "limit")
)
_SET_OPERATORS = frozenset(("", "(", "union", "except", "intersect", "all", "distinct"))


def data_statement(c: Cursor) -> Node:
    """INSERT, UPSERT, UPDATE, DELETE, MERGE, or a query: with or without WITH before it."""
    first, writes = c.key, False
    if c.accept("with"):
        writes = _common_tables(c)
    key = c.key
    if key in ("insert", "upsert"):
        return insert(c, writes)
    if key == "update":
        return _update(c, writes)
    if key == "delete":
        return _delete(c, writes)
    if key == "merge":
        return _merge(c, writes)
    if key not in ("select", "values", "table", "("):
        c.fail()
    return _query(c, "SELECT" if first == "(" else first.upper(), writes)


def _common_tables(c: Cursor) -> bool:
    """After WITH: whether any of its queries writes."""
    writes = False
    c.accept("recursive")
    while True:
        c.name()
        if c.key == "(":
            c.skip_group()
        c.expect("as")
        c.accept("not")
        c.accept("materialized")
        first = c.i
        if c.key != "(":
            c.fail()
        c.skip_group()
        writes = writes or _holds_writes(c, first, c.i, after=("(", ")", "["))
        while c.key in ("search", "cycle"):
            while c.key not in ("", ",") and c.key not in _WRITES and c.key != "select":
                c.i += 1
                if c.key == "," and c.keys[c.i + 2] not in ("as", "("):
                    c.i += 1
        if not c.accept(","):
            return writes


def _holds_writes(c: Cursor, start: int, end: int, after: tuple[str, ...]) -> bool:
    keys = c.keys
    return any(keys[i] in _WRITES and keys[i - 1] in after for i in range(start + 1, end))


def _outermost(c: Cursor) -> Iterator[tuple[str, int]]:
    """The keys outside parentheses from here to the end, each with its index."""
    while key := c.keys[c.i]:
        if key == "(" or key == "[":
            c.skip_group()
        elif key == ")" or key == "]" or key == ";":
            c.fail()
        else:
            if key != "()":
                yield key, c.i
            c.i += 1


def insert(c: Cursor, writes: bool) -> Dml:
    verb = c.key.upper()
    c.i += 1
    c.expect("into")
    table = c.qname()
    _index_hint(c)
    if c.accept("as") or (c.at_name() and c.key not in ("overriding", "values")):
        c.name()
    rows: int | None = None
    c.accept("()")
    if c.key == "(" and c.keys[c.i + 1] not in ("select", "with", "values", "table", "("):
        c.skip_group()
    if c.accept("overriding"):
        if not c.accept_any(("user", "system")):
            c.fail()
        c.expect("value")
    if c.accept("default", "values"):
        rows = 1
    elif c.accept("values"):
        if c.only_head:
            return Dml(verb=verb, table=table, on_conflict=None, functions=c.functions())
        rows = 0
        while True:
            if c.key != "(":
                c.fail()
            c.skip_group()
            rows += 1
            if not c.accept(","):
                break
    elif c.key not in ("select", "with", "table", "("):
        c.fail()
    on_conflict = returning = False
    body = c.i
    for key, i in _outermost(c):
        if key == "on" and c.keys[i + 1] == "conflict":
            on_conflict = True
        elif key == "returning":
            returning = True
        elif rows is not None and not (on_conflict or returning):
            if key not in _AFTER_ROWS:
                c.fail()
            rows = None
    return Dml(
        verb=verb,
        table=table,
        rows=rows,
        on_conflict=on_conflict,
        returning=returning,
        writes_more=writes or _holds_writes(c, body, c.size, after=("(", "[")),
        functions=c.functions(),
    )


_AFTER_ROWS = frozenset(("order", "limit", "offset", "fetch", "union", "except", "intersect"))


def _index_hint(c: Cursor) -> None:
    """CockroachDB's ``table@index`` and ``table@{…}``."""
    if c.accept("@"):
        if c.accept("{"):
            while c.key and not c.accept("}"):
                c.i += 1
        else:
            c.label()


def _target(c: Cursor) -> QName:
    """The table of UPDATE and DELETE, and its alias."""
    c.accept("only")
    table = c.qname()
    c.accept("*")
    _index_hint(c)
    if c.accept("as") or c.key not in _AFTER_TABLE:
        c.name()
    return table


def _update(c: Cursor, writes: bool) -> Dml:
    c.expect("update")
    table = _target(c)
    c.expect("set")
    return _changed(c, "UPDATE", table, writes)


def _delete(c: Cursor, writes: bool) -> Dml:
    c.expect("delete", "from")
    return _changed(c, "DELETE", _target(c), writes)


def _merge(c: Cursor, writes: bool) -> Dml:
    c.expect("merge", "into")
    table = _target(c)
    c.expect("using")
    return _changed(c, "MERGE", table, writes)


def _changed(c: Cursor, verb: str, table: QName, writes: bool) -> Dml:
    body = c.i
    found = {key for key, _ in _outermost(c)}
    return Dml(
        verb=verb,
        table=table,
        has_where="where" in found,
        has_limit="limit" in found,
        returning="returning" in found,
        writes_more=writes or _holds_writes(c, body, c.size, after=("(", "[")),
        functions=c.functions(),
    )


def copy(c: Cursor) -> Dml:
    """After COPY."""
    table = None
    if c.key == "(":
        c.skip_group()
    else:
        c.accept("binary")
        table = c.qname()
        if c.key == "(":
            c.names()
    direction = c.accept_any(("from", "to")) or c.fail()
    if table is None and direction == "from":
        c.fail()
    from_stdin = direction == "from" and c.key in ("stdin", "stdout")
    if not c.accept_any(("stdin", "stdout")):
        c.accept("program")
        c.string()
    found = {key for key, _ in _outermost(c)}
    return Dml(
        verb="COPY",
        table=table,
        has_where="where" in found,
        from_stdin=from_stdin,
        to=direction == "to",
        functions=c.functions(),
    )


def _query(c: Cursor, verb: str, writes: bool) -> Query:
    first = c.i
    if c.key == "values" and c.keys[first + 1] not in ("(", "()"):
        c.fail()
    found = [(key, c.keys[i + 1]) for key, i in _outermost(c)]
    return Query(
        verb=verb,
        into=any(key == "into" for key, _ in found),
        writes=writes or _holds_writes(c, first, c.size, after=("(", "[")),
        selects_star=selects_star(c, first),
        locks=any(key == "for" and then in ("update", "share", "no", "key") for key, then in found),
        functions=c.functions(),
    )


def selects_star(c: Cursor, first: int) -> bool:
    """Whether a `*` stands in an outermost select list of the query at token ``first``."""
    outermost = [True]
    before = ""
    if c.keys[first] == "with":
        c.i = first + 1
        _common_tables(c)
        first = c.i
    for i in range(first, c.size):
        key = c.keys[i]
        if key == "(" or key == "[":
            outermost.append(outermost[-1] and before in _SET_OPERATORS)
        elif key == ")" or key == "]":
            outermost.pop()
            if not outermost:
                c.fail("unbalanced parentheses")
        elif key == "*" and outermost[-1] and c.keys[i + 1] in _STAR_ENDS:
            return True
        before = key
    return False


def explain(c: Cursor) -> Query:
    """After EXPLAIN: it writes if it runs a statement that does."""
    analyze = False
    while True:
        if c.key == "(" and c.keys[c.i + 1] not in ("select", "with", "values", "table", "("):
            group = c.i
            c.skip_group()
            analyze = analyze or _analyzes(c.keys[group : c.i])
        elif c.accept_any(("analyze", "analyse")):
            analyze = True
        elif not c.accept("verbose"):
            break
    writes = analyze and _explained_writes(c)
    c.rest()
    return Query(verb="EXPLAIN", writes=writes, functions=c.functions())


def _analyzes(group: list[str]) -> bool:
    for i, key in enumerate(group):
        if key in ("analyze", "analyse"):
            return group[i + 1] not in ("false", "off", "0")
    return False


def _explained_writes(c: Cursor) -> bool:
    if c.key in ("select", "with", "values", "table", "(", "insert", "upsert", "update", "delete"):
        node = data_statement(c)
        return node.writes if isinstance(node, Query) else True
    c.i = c.size
    return True  # CREATE TABLE AS, EXECUTE, REFRESH …: run by ANALYZE
