"""What a Python migration changes, as far as its statements are written out."""

from __future__ import annotations

from collections.abc import Iterator

from ..migrations.program import DOWN, Sent, sent
from ..parser import nodes as n
from ..parser.lex import Unterminated
from ..parser.parse import parse
from ..parser.split import split
from .read import table_key

_MANY = ("executemany", "update_many")
_VERBS = ("update", "update_many", "delete")


def bulk_changes(text: str) -> Iterator[tuple[str, str, int]]:
    """The calls that change many rows of a table, outside of `undo`: the table, what is said of it,
    and where. Not of one that the program itself makes."""
    made: set[str] = set()
    for one in sent(text):
        if one.function != DOWN:
            for table, how in _changes(one, made):
                if table not in made:
                    yield table, how, one.start
                    break


def _changes(one: Sent, made: set[str]) -> Iterator[tuple[str, str]]:
    """The tables that a call changes many rows of; ``made`` takes those that it makes."""
    if one.method in _VERBS:
        if "all_rows" in one.switches:
            yield one.text, f"{one.method} changes all rows of {one.text}"
        elif one.in_loop:
            yield one.text, f"{one.text} is changed row by row"
        return
    try:
        statements = [one.text[start:end] for start, end in split(one.text)]
    except Unterminated:
        return
    for sql in statements:
        node = parse(sql)
        if isinstance(node, n.CreateTable):
            made.add(table_key(node.name))
        if not isinstance(node, n.Dml) or node.table is None:
            continue
        table = table_key(node.table)
        if node.verb in ("UPDATE", "DELETE"):
            if one.in_loop or one.method in _MANY:
                yield table, f"{table} is changed row by row"
            elif not node.has_where and not node.has_limit:
                yield table, f"{node.verb} concerns all rows of {table}"
