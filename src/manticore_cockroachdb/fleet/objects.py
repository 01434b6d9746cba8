"""How many objects a run would create on CockroachDB, counted before it creates the first. Pure.

A table for each tenant, times tenants, meets a limit: from v25.4 on the server creates no more than
about 20,000 objects (``sql.schema.approx_max_object_count``), and its documentation advises against
more than 10,000 tables in any version. Met in the middle, it leaves some tenants behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import Refused
from ..migrations.file import MigrationFile, statements
from ..parser.nodes import CreateObject, CreateTable
from ..parser.parse import parse
from .look import Standing

OWN = 4
"""Tables of ours that a first migration makes."""
ADVISED = 10_000


def check_objects(
    objects: int,
    limit: int | None,
    due: Iterable[Standing],
    migrations: Sequence[MigrationFile],
) -> str | None:
    """What to say of the number of objects, None where it is fine.

    ``objects`` there are, ``limit`` is where the server stops, None where it does not; ``due`` is
    how each target stands. Raises Refused where the server would stop in the middle.
    """
    creates: dict[int, int] = {}
    more = targets = 0
    for standing in due:
        targets += 1
        applied = {row.version for row in standing.rows}
        more += 0 if standing.rows or standing.journal else OWN
        for file in migrations:
            if file.version not in applied:
                if file.version not in creates:
                    creates[file.version] = created_by(file)
                more += creates[file.version]
    total = objects + more
    if limit is not None and total > limit:
        raise Refused(
            f"Too many objects: there are {objects:,}, and {targets:,} targets would create"
            f" {more:,} more, but the server creates no more than {limit:,}.",
            hint="raise sql.schema.approx_max_object_count if the cluster has memory for them, or"
            " keep tenants in rows; nobody was migrated",
        )
    if more and total > ADVISED:
        return (
            f"there will be {total:,} objects, {more:,} of them new; CockroachDB is meant for"
            f" {ADVISED:,} tables at most"
        )
    return None


def created_by(file: MigrationFile) -> int:
    """How many tables, views, sequences and types a migration creates."""
    found = 0
    for start, end in statements(file):
        text = file.text[start:end]
        if "create" in text[:200].lower():
            found += isinstance(parse(text), CreateTable | CreateObject)
    return found
