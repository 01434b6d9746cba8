# Generated from async_sampling.py by tools/unasync.py; do not edit.
"""Ask a server for keys that cut what is left into parts; whatever it refuses is done without."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg

from . import cuts
from .keys import Key, Walk

if TYPE_CHECKING:
    from ..runner.session import Rows, Session


def parts(
    session: Session, walk: Walk, after: Key | None, upto: Key | None, parts: int
) -> list[Key]:
    """At most `parts - 1` keys between two, in order; fewer or none where nothing is known."""
    if session.tables.cockroachdb:
        found = _by_histogram(session, walk, after, upto, parts)
    else:
        found = _try(session, cuts.from_pages(walk, after, upto, parts))
    keys: list[Key] = []
    for row in found:
        key = tuple(str(part) for part in row)
        if key not in (after, upto) and key not in keys:
            keys.append(key)
    return keys


def bounds(session: Session, walk: Walk, workers: int) -> list[tuple[int, Key | None, Key | None]]:
    """The ranges that so many workers begin with: a number, the key before and the last key."""
    cuts: list[Key | None] = []
    if workers > 1:
        cuts += parts(session, walk, None, None, workers)
    return [(i, *pair) for i, pair in enumerate(pairwise([None, *cuts, None]))]


def middle(
    session: Session, walk: Walk, after: Key | None, upto: Key | None, size: int
) -> Key | None:
    """A key that leaves about half of what is left behind it; None if that is not worth while."""
    (key, rows) = _key(_try(session, walk.next_key(after, upto, cuts.AHEAD * size)))
    if rows < cuts.LEAST * size:
        return None
    if rows < cuts.AHEAD * size:  # that is all there is
        key, _ = _key(_try(session, walk.next_key(after, upto, rows // 2)))
        return key
    found = parts(session, walk, after, upto, 2)
    return found[0] if found else key


def _key(rows: Rows) -> tuple[Key | None, int]:
    if not rows:
        return None, 0
    *key, count = rows[0]
    return tuple(str(part) for part in key), int(count)


def _by_histogram(
    session: Session, walk: Walk, after: Key | None, upto: Key | None, parts: int
) -> Rows:
    ids = _try(session, cuts.histogram(walk))
    if not ids:
        return []
    # The histogram is that of the whole table: more bounds than parts, since some lie outside.
    wanted = parts if after is None and upto is None else parts * 8
    buckets = _try(session, f"SHOW HISTOGRAM {int(ids[0][0])}")
    values = cuts.bounds(buckets, wanted)
    if walk.mixed and walk.columns[0].descending:
        values.reverse()
    found: Rows = []
    for past in (" AS OF SYSTEM TIME '-5s'", ""):
        for value in values:
            text = cuts.key_at(walk, value, after, upto, past=past)
            found += [row for row in _try(session, text) if row not in found]
        if found:
            break
    step = max((len(found) + 1) // parts, 1)
    return found[step - 1 :: step][: parts - 1]


def _try(session: Session, text: str) -> Rows:
    try:
        return (session.fetch(text))[0]
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise
        session.rollback()
        return []
