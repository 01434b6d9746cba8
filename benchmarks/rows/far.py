"""100 migrations of one table each into an empty database, the whole process by the clock: beside
the server, and with 40 ms added to each round trip.
"""

from __future__ import annotations

import statistics
from functools import partial

from manticore_cockroachdb.local.place import Engine

from ..bench import Bench
from ..clock import Run, in_turns
from ..findings import Bar, Chart, Section, Table, seconds
from ..peers import rivals
from ..servers import SHORT, Place, server
from ..tools import OURS, Psql, Tool

DELAY = 40.0


def measure(bench: Bench) -> Section:
    """Time every tool at both distances."""
    count = 10 if bench.quick else 100
    rounds = 1 if bench.quick else 3
    bars: list[Bar] = []
    tables: list[Table] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for engine in bench.engines:
        near, far, refused = _engine(bench, engine, count, rounds)
        notes += refused
        rows = []
        for name in far:
            times = [statistics.median(r.seconds for r in runs[name]) for runs in (near, far)]
            cpu = statistics.median(r.cpu for r in far[name])
            slower = times[1] / statistics.median(r.seconds for r in far[OURS])
            rows.append((name, *map(seconds, times), f"{slower:.1f} ×", seconds(cpu)))
        rows.sort(key=lambda r: float(r[3].split()[0]))
        heading = (SHORT[engine], "0 ms", f"{DELAY:.0f} ms", "of ours", "CPU at 40 ms")
        tables.append(Table(heading, tuple(rows)))
        lengths = sorted(
            ((n, statistics.median(r.seconds for r in runs)) for n, runs in far.items()),
            key=lambda pair: pair[1],
        )
        charts.append(
            Chart(
                f"far-{engine}",
                f"{count} migrations at {DELAY:.0f} ms ({bench.versions[engine]})",
                "s",
                tuple(lengths),
                frozenset({OURS}),
            )
        )
        names = [t.name for t in rivals(bench.tools) if t.name in far]
        best = min(names, key=lambda n: statistics.median(r.seconds for r in far[n]))
        # Faster than the fastest: of each round, then the median.
        times_faster = statistics.median(
            theirs.seconds / ours.seconds for theirs, ours in zip(far[best], far[OURS], strict=True)
        )
        what = f"{count} migrations at {DELAY:.0f} ms on {SHORT[engine]}: faster than {best}"
        bars.append(Bar(what, times_faster, 3.5, "times", at_least=True))
        notes += _possible(near, count, engine)
    return Section(
        "far",
        f"{count} migrations, beside the server and behind {DELAY:.0f} ms",
        f"{__doc__}",
        tuple(bars),
        tuple(tables),
        tuple(charts),
        tuple(notes),
    )


def _engine(
    bench: Bench, engine: Engine, count: int, rounds: int
) -> tuple[dict[str, list[Run]], dict[str, list[Run]], list[str]]:
    with server(engine) as here, here.proxy(DELAY) as proxy:
        tools, refused = bench.able(bench.tools, here)

        def one(tool: Tool, far: bool) -> Run:
            with here.database() as place:
                found = bench.apply(tool, count, place, through=proxy if far else None)
            _say(bench, place, tool, found, far)
            return found

        for tool in tools:
            bench.files(tool, count)
        near = in_turns({t.name: partial(one, t, False) for t in tools}, rounds)
        far = in_turns({t.name: partial(one, t, True) for t in tools}, rounds)
    return near, far, refused


def _possible(near: dict[str, list[Run]], count: int, engine: Engine) -> list[str]:
    """What one round trip a migration can gain over four, given the server's own time."""
    if Psql().name not in near:
        return []
    each = statistics.median(r.seconds for r in near[Psql().name]) / count * 1000
    most = (4 * DELAY + each) / (DELAY + each)
    return [
        f"On this {SHORT[engine]} a migration takes about {each:.0f} ms besides the way to the"
        f" server and back (psql at 0 ms). Whoever makes one round trip where others make four"
        f" can be at most (4 × {DELAY:.0f} + {each:.0f}) / ({DELAY:.0f} + {each:.0f}) ="
        f" {most:.1f} times faster."
    ]


def _say(bench: Bench, place: Place, tool: Tool, found: Run, far: bool) -> None:
    where = f"{DELAY:.0f} ms" if far else "0 ms"
    bench.say(f"  {SHORT[place.engine]} at {where}: {tool.name}: {found.seconds:.2f} s")
