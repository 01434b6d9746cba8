"""A database for tests, built from nothing on CockroachDB: 1,000 migrations of one table each,
with `manticore migrate --fresh`, which groups what is safe to group, and with one transaction a
migration. Each run has a server of its own, since dropped tables slow one down for hours. Then
the two histories are compared: versions, descriptions, checksums, undo parts and modes.
"""

from __future__ import annotations

import statistics

from ..bench import Bench, check
from ..clock import Run, in_turns, run
from ..findings import Bar, Chart, Section, Table, seconds
from ..servers import server
from ..tools import OURS, Psql, Tool

FRESH = f"{OURS} --fresh"
HISTORY = "SELECT version, description, checksum, undo, mode FROM _migrations ORDER BY version"


def measure(bench: Bench) -> Section:
    """Time both in turns, psql once in a while beside them."""
    count = 100 if bench.quick else 1000
    rounds = 1 if bench.quick else 3
    title = f"A fresh database for tests on CockroachDB, {count:,} tables"
    if "cockroachdb" not in bench.engines:
        return Section("fresh", title, f"{__doc__}", notes=("There is no CockroachDB here.",))
    histories: dict[str, list[tuple[object, ...]]] = {}

    def one(name: str, tool: Tool) -> Run:
        with server("cockroachdb") as here:
            bench.versions["cockroachdb"] = here.version()
            place = here.place
            directory = bench.files(tool, count)
            command = tool.migrate(directory, place)
            if name == FRESH:
                command = bench.ours.command(directory, place, "migrate", "--fresh")
            found = run(command)
            check(place, count)
            if tool.name == OURS:
                with place.connect() as connection:
                    histories[name] = connection.execute(HISTORY).fetchall()
        bench.say(f"  {name}: {found.seconds:.2f} s")
        return found

    measures = {OURS: lambda: one(OURS, bench.ours), FRESH: lambda: one(FRESH, bench.ours)}
    runs = in_turns(measures, rounds)
    psql = Psql()
    if not psql.refuses("cockroachdb", ""):
        runs |= in_turns({psql.name: lambda: one(psql.name, psql)}, 1)
    faster = statistics.median(
        a.seconds / b.seconds for a, b in zip(runs[OURS], runs[FRESH], strict=True)
    )
    middle = {n: statistics.median(r.seconds for r in found) for n, found in runs.items()}
    same = len(histories[OURS]) == count and histories[OURS] == histories[FRESH]
    return Section(
        "fresh",
        title,
        f"{__doc__}",
        (
            Bar(
                f"{count:,} tables: faster than one transaction a migration",
                faster,
                5,
                "times",
                True,
            ),
            Bar("history identical afterwards", int(same), 1, "of 1", True),
        ),
        (Table(("", "median"), tuple((n, seconds(s)) for n, s in middle.items())),),
        (
            Chart(
                "fresh",
                f"{count:,} tables from nothing ({bench.versions['cockroachdb']})",
                "s",
                tuple(sorted(middle.items(), key=lambda pair: pair[1])),
                frozenset({OURS, FRESH}),
            ),
        ),
    )
