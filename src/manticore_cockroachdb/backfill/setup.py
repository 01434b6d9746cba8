# Generated from async_setup.py by tools/unasync.py; do not edit.
"""What comes before the first batch: the table as the server knows it, ranges, and the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import psycopg

from .._acompat import sleep
from ..errors import Refused
from ..migrations.file import checksum
from ..outcome import raced
from ..own_tables import BACKFILLS, FAILURES, RANGES
from ..parser.quoting import literal
from .catalog import Table, questions, table_of
from .job import Job, Noted, manners
from .keys import Walk
from .tables import BackfillTables

if TYPE_CHECKING:
    from ..migrations.backfill import Backfill
    from ..runner.session import Session


def tables_of(session: Session) -> BackfillTables:
    """The SQL of our tables on a session's server."""
    return BackfillTables(session.tables.schema, session.tables.cockroachdb)


def table(
    session: Session, spec: Backfill, *, version: int | None = None, path: str | None = None
) -> tuple[Table, bool]:
    """The table of a backfill, and whether our own tables are there. Raises Refused.

    On CockroachDB each is made by itself, and who made them may have died in between.
    """
    crdb = session.tables.cockroachdb
    asked = questions(spec.table, cockroachdb=crdb)
    ours = BACKFILLS, RANGES, FAILURES
    asked.append(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        f" ON n.oid = c.relnamespace WHERE c.relname IN ({', '.join(map(literal, ours))})"
        f" AND n.nspname = {literal(session.tables.schema)}"
    )
    *answers, ((have,),) = session.fetch(";\n".join(asked))
    try:
        return table_of(answers, spec, cockroachdb=crdb), have == len(ours)
    except Refused as error:
        error.version, error.path = version, path
        raise


def create(session: Session) -> None:
    """Make our tables; several runners may do so at once."""
    for attempt in range(10):
        try:
            session.fetch(tables_of(session).create())
            return
        except psycopg.Error as error:
            if not raced(error.sqlstate) or attempt == 9:
                raise
            session.rollback()
            sleep(0.05 * (attempt + 1))


def job_of(
    session: Session,
    spec: Backfill,
    found: Table,
    *,
    name: str,
    run: str,
    ttl: float,
    version: int | None = None,
    estimate: int | None = None,
    but: Sequence[tuple[str, ...]] = (),
) -> Job:
    """The job of a run; rows with the keys in `but` are left alone."""
    walk = Walk(found.relation, found.key, spec.where)
    if but:
        left = " OR ".join(walk.one(key) for key in but)
        where = f"NOT ({left})" if spec.where is None else f"({spec.where}) AND NOT ({left})"
        walk = Walk(found.relation, found.key, where)
    caps = session.caps
    return Job(
        name, run, spec, walk, tables_of(session), version, estimate, ttl, manners(caps, ttl)
    )


def same(noted: Noted, spec: Backfill, found: Table) -> bool:
    """Whether a run that is noted is one of this specification, by this key."""
    key = tuple(column.name for column in found.key)
    return noted.meaning == checksum(spec.meaning) and noted.key == key
