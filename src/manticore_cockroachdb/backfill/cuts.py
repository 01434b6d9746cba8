"""Keys that cut what is left of a walk into parts of about the same size, without reading it.

PostgreSQL reads some pages here and there (TABLESAMPLE SYSTEM: the same few, whatever the table's
size) and takes the keys at the quantiles. CockroachDB has a histogram of each key's first column;
its bounds are looked up to find keys that are there, a little in the past, so that nobody is in
anybody's way. Where neither says anything, a bounded number of keys is read ahead
(`async_sampling`). What is found is a guess: parts that turn out larger are divided again.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parser.lex import unquoted
from ..parser.quoting import literal, quote
from .keys import Key, Walk

PAGES = 200
"""How many pages a sample reads."""

AHEAD = 50
"""How many batches of keys are read ahead where nothing else is known."""

LEAST = 4
"""What is worth dividing, in batches."""


def from_pages(walk: Walk, after: Key | None, upto: Key | None, parts: int) -> str:
    """PostgreSQL: the keys that end each part but the last."""
    table = f"{literal(walk.table)}::REGCLASS"
    size = (
        f"(SELECT sum(pg_catalog.pg_relation_size(t.relid)) / 8192.0"
        f" FROM pg_catalog.pg_partition_tree({table}) t)"
    )
    size = f"coalesce(nullif({size}, 0), pg_catalog.pg_relation_size({table}) / 8192.0)"
    some = (
        f"SELECT {walk.names} FROM {walk.table} TABLESAMPLE SYSTEM"
        f" ((SELECT least(100.0, {PAGES * 100.0} / greatest({size}, 1.0))))"
        f" WHERE {walk.condition(after, upto)}"
    )
    numbered = (
        f"SELECT {walk.names}, row_number() OVER (ORDER BY {walk.order()}) AS n,"
        f" count(*) OVER () AS c FROM ({some}) AS a"
    )
    return (
        f"SELECT {walk.key_texts} FROM ({numbered}) AS b"
        f" WHERE n < c AND n * {int(parts)} / c <> (n - 1) * {int(parts)} / c ORDER BY n"
    )


def histogram(walk: Walk) -> str:
    """CockroachDB: the newest histogram of the key's first column."""
    name = literal(walk.columns[0].name)
    return (
        f"SELECT histogram_id FROM [SHOW STATISTICS FOR TABLE {walk.table}]"
        f" WHERE column_names = ARRAY[{name}] AND histogram_id IS NOT NULL"
        " ORDER BY created DESC LIMIT 1"
    )


def bounds(rows: Sequence[tuple[object, ...]], parts: int) -> list[str]:
    """Of a histogram's buckets, the bounds that end each part but the last, as texts."""
    total = sum(float(str(row[1])) + float(str(row[3])) for row in rows)
    found: list[str] = []
    seen, part = 0.0, 1
    for row in rows:
        seen += float(str(row[1])) + float(str(row[3]))
        if part < parts and seen >= total * part / parts:
            found.append(_value(str(row[0])))
            while part < parts and seen >= total * part / parts:
                part += 1
    return found


def _value(source: str) -> str:
    """A value from how a histogram writes it: as an SQL constant."""
    return unquoted("string", source) if source.endswith("'") else source


def key_at(walk: Walk, value: str, after: Key | None, upto: Key | None, *, past: str) -> str:
    """The last key with this value in its first column, or the next one up to `upto`.

    `past` is an AS OF SYSTEM TIME clause, or nothing.
    """
    first = walk.columns[0]
    sign = "<=" if walk.mixed and first.descending else ">="
    # Inside, since outside ORDER BY would mean the key's text, which is called the same.
    found = (
        f"SELECT {walk.names} FROM {walk.table} WHERE {walk.condition(after, upto)}"
        f" AND {quote(first.name)} {sign} {first.literal(value)}"
        f" ORDER BY {walk.order()} LIMIT 1"
    )
    return f"SELECT {walk.key_texts} FROM ({found}) AS a{past}"
