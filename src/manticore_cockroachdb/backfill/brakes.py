"""When a batch has to wait: what others suffer from, asked in the message of the batch before.

PostgreSQL says how far replicas are behind, whether the table is being vacuumed, and how many dead
rows it has, since each changed row leaves one. What a replica does not tell this user counts as
slow: then half of the time is left to others, as it is during a vacuum; four fifths are while there
are more dead rows than living ones. `-- @throttle` adds a
question of the user's own. CockroachDB is told once to put a worker's transactions behind those of
others (`job.manners`), and does the rest itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..parser.quoting import literal

INTERVAL = 1.0
"""Seconds between two questions."""

LAG = 5.0
"""Seconds that a replica may be behind."""

HOLD = 1.0
"""Seconds to wait before asking again."""


@dataclass(frozen=True, slots=True)
class Company:
    """How others at work are seen, and what a batch does about it.

    They are looked for `every` so many seconds, and at work once they were seen so many `times`
    within `COMPANY`, not just passing by. Then a batch takes a `share` of its time: on CockroachDB
    not as little as on PostgreSQL, since a batch of few rows costs more there. Who is seen at one
    moment on CockroachDB, of very many, is there all the time.
    """

    every: float
    times: int
    share: float


COMPANY = 4.0
"""Seconds for which others count as being at work after they were seen."""

ON_POSTGRESQL = Company(0.25, 2, 0.05)
ON_COCKROACHDB = Company(0.1, 1, 0.2)


def questions(relation: str, throttle: str | None, *, cockroachdb: bool) -> list[str]:
    """The queries whose answers `verdict` takes."""
    asked = []
    if not cockroachdb:
        table = f"{literal(relation)}::REGCLASS"
        asked.append(
            # A plain table has no partition tree, not even of itself.
            f"WITH parts AS (SELECT {table}::OID AS oid UNION SELECT relid::OID FROM"
            f" pg_catalog.pg_partition_tree({table}))"
            " SELECT (SELECT max(EXTRACT(EPOCH FROM replay_lag))::FLOAT8"
            " FROM pg_catalog.pg_stat_replication WHERE application_name <> 'pg_basebackup'),"
            " (SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE state IS NULL),"
            " (SELECT count(*) FROM pg_catalog.pg_stat_progress_vacuum WHERE relid IN"
            " (SELECT oid FROM parts)),"
            " (SELECT sum(pg_catalog.pg_stat_get_dead_tuples(oid))::INT8 FROM parts),"
            " (SELECT sum(pg_catalog.pg_stat_get_live_tuples(oid))::INT8 FROM parts)"
        )
    if throttle is not None:
        asked.append(f"SELECT ({throttle})::TEXT")
    return asked


def verdict(
    answers: list[list[tuple[object, ...]]], took: float, *, cockroachdb: bool
) -> tuple[float, str]:
    """Seconds to wait after a batch that took so long, and why; 0 and nothing to go on."""
    rest = list(answers)
    if not cockroachdb:
        lag, unseen, vacuums, dead, live = rest.pop(0)[0]
        if lag is not None and float(str(lag)) > LAG:
            return HOLD, f"a replica is {float(str(lag)):.0f} s behind"
        if dead is not None and int(str(dead)) > max(int(str(live or 0)), 100_000):
            # Nobody knows whether a vacuum will ever come, so this slows down and does not hold.
            return 4 * took, f"{int(str(dead)):,} dead rows wait for a vacuum"
        if int(str(unseen)):
            return took, "how far replicas are behind cannot be seen"
        if int(str(vacuums)):
            return took, "the table is being vacuumed"
    if rest:
        said = str(rest[0][0][0]).lower() if rest[0] else "none"
        if said in ("t", "true"):
            return HOLD, "-- @throttle says so"
        if said not in ("f", "false", "none"):
            return max(float(said), 0.0), "-- @throttle says so"
    return 0.0, ""
