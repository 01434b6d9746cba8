# Generated from async_gather.py by tools/unasync.py; do not edit.
"""Gather what documentation needs: the catalog, and the past of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dialect import LONGEST_NAME
from ..schema.read import fetch, read_from
from .document import Document
from .timeline import timeline

if TYPE_CHECKING:
    from ..migration import Migration


def gather_document(
    migrator: Migration, name: str | None = None, *, times: bool = False
) -> Document:
    """Everything about a migrator's database; ``name`` instead of the database's own.

    With ``times`` also when each migration was applied to this very database: without, databases
    that are migrated alike are documented alike. Without a directory of migrations the tables
    have no past.
    """
    with migrator.db.dedicated() as connection:
        schema = read_from(connection)
        rows = (fetch(connection, "SELECT current_database()"))[0]
    history = migrator.get_applied_migrations()
    files = migrator.load_migrations() if migrator.migrations_dir.is_dir() else []
    applied = {
        row["version"]: (row["description"], row["applied_at"] if times else None)
        for row in history
    }
    longest = LONGEST_NAME if schema.engine == "postgresql" else None
    past = timeline(files, applied, longest)
    return Document(name or str(rows[0][0]), schema, past)
