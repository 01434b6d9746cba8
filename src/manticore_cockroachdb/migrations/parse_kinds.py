"""The kinds of objects that CREATE, ALTER, DROP and COMMENT speak of."""

from __future__ import annotations

from manticore_cockroachdb.migrations.parse_cursor import Cursor

_KINDS = (
    "access method",
    "aggregate",
    "cast",
    "changefeed",
    "collation",
    "column",
    "constraint",
    "conversion",
    "database",
    "default privileges",
    "domain",
    "event trigger",
    "extension",
    "external connection",
    "foreign data wrapper",
    "foreign table",
    "function",
    "group",
    "index",
    "language",
    "large object",
    "logical replication stream",
    "materialized view",
    "operator",
    "operator class",
    "operator family",
    "owned",
    "policy",
    "procedural language",
    "procedure",
    "publication",
    "role",
    "routine",
    "rule",
    "schedule",
    "schedules",
    "schema",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "system",
    "table",
    "tablespace",
    "tenant",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "transform",
    "trigger",
    "type",
    "user",
    "user mapping",
    "view",
    "virtual cluster",
)
# By first word, the longest first.
_BY_WORD: dict[str, list[tuple[str, ...]]] = {}
for _kind in sorted(_KINDS, key=len, reverse=True):
    _words = tuple(_kind.split())
    _BY_WORD.setdefault(_words[0], []).append(_words)


def object_kind(c: Cursor) -> str | None:
    """Go past a kind of object, and give it in lower case; None if there is none."""
    for words in _BY_WORD.get(c.key, ()):
        if c.accept(*words):
            return " ".join(words)
    return None
