"""What each engine does not have and the other one has: kinds of objects, commands, types.

Known to fail, and not complete. Sources: CockroachDB's grammar, where these are `unimplemented`,
and its docs, "PostgreSQL compatibility".
"""

from __future__ import annotations

from ..parser import nodes as n
from .words import words

COCKROACHDB_KINDS = frozenset(
    (
        *("access method", "aggregate", "cast", "collation", "conversion", "event trigger"),
        *("foreign data wrapper", "foreign table", "language", "operator", "operator class"),
        *("operator family", "publication", "rule", "server", "subscription", "tablespace"),
        *("text search configuration", "text search dictionary", "text search parser"),
        *("text search template", "transform", "user mapping"),
    )
)
COCKROACHDB_COMMANDS = frozenset(("LISTEN", "NOTIFY", "LOCK TABLE", "LOAD", "SET CONSTRAINTS"))
COCKROACHDB_MAINTENANCE: frozenset[n.MaintenanceVerb] = frozenset(
    ("VACUUM", "CLUSTER", "REINDEX", "SECURITY LABEL", "IMPORT FOREIGN SCHEMA")
)
COCKROACHDB_TYPES = frozenset(
    (
        *("MONEY", "XML", "CIDR", "MACADDR", "MACADDR8", "HSTORE", "INT4RANGE", "INT8RANGE"),
        *("NUMRANGE", "TSRANGE", "TSTZRANGE", "DATERANGE", "POINT", "LINE", "LSEG", "PATH"),
        *("POLYGON", "CIRCLE"),
    )
)

POSTGRESQL_TYPES = frozenset(("STRING", "BYTES"))
POSTGRESQL_KINDS = frozenset(("changefeed", "external connection", "schedule", "virtual cluster"))
POSTGRESQL_MAINTENANCE: frozenset[n.MaintenanceVerb] = frozenset(
    ("BACKUP", "RESTORE", "IMPORT", "EXPORT", "CANCEL", "PAUSE", "RESUME")
)


def in_create_table(create: n.CreateTable) -> str | None:
    """What a CREATE TABLE has that PostgreSQL does not know."""
    columns = create.columns
    parts: tuple[n.Column | n.Constraint, ...] = (*columns, *create.constraints)
    found = (
        (create.indexes, "indexes inside CREATE TABLE"),
        (create.locality, "LOCALITY"),
        (any(c.using_hash for c in parts), "USING HASH"),
        (any(c.without_index for c in parts), "UNIQUE WITHOUT INDEX"),
        (any(c.family for c in columns), "column families"),
        (any(c.not_visible for c in columns), "NOT VISIBLE"),
        (any(c.on_update for c in columns), "ON UPDATE for a column"),
        (any(is_cockroachdb_option(name) for name, _ in create.options), "such table options"),
    )
    return next((what for has, what in found if has), None)


def in_create_index(index: n.CreateIndex, sql: str) -> str | None:
    """What a CREATE INDEX has that PostgreSQL does not know."""
    said = {token.value for token in words(sql) if token.kind == "word"}
    found = (
        (index.storing and said & {"storing", "covering"}, "STORING (write INCLUDE)"),
        (index.inverted and "inverted" in said, "INVERTED INDEX"),
        (index.vector, "VECTOR INDEX"),
        (index.using_hash, "USING HASH like this"),
        (index.not_visible, "NOT VISIBLE"),
    )
    return next((what for has, what in found if has), None)


def is_cockroachdb_option(option: str) -> bool:
    """Whether a table's option is one of CockroachDB's."""
    return option.startswith("ttl_") or option in ("schema_locked", "exclude_data_from_backup")
