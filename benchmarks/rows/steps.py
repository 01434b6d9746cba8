"""200 migrations of one schema change each, of tables with 0 and 10,000 rows: ADD COLUMN with a
default, CREATE INDEX, ADD CONSTRAINT and its validation, DROP COLUMN, ALTER TYPE, foreign keys.
On CockroachDB nearly each runs in a step that no transaction covers; on PostgreSQL the indexes do.

Each such step is two messages: the statement, as psycopg would send it, and one transaction that
holds the fence, the row of the history, the end of this step in the journal and the beginning of
the next with what the catalog says then. The catalog is asked again only where `IF [NOT] EXISTS`
may have done nothing, where an answer was lost, or on PostgreSQL, whose catalog costs nothing.

At 40 ms each tool runs once, since most of that time is the delay, which does not vary; and so does
rolling back.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from manticore_cockroachdb.local.place import Engine

from ..bench import Bench
from ..clock import Run, in_turns, ratio, run
from ..findings import Bar, Section, Table, seconds
from ..servers import SHORT, Server, server
from ..steps import Bare, OursInSteps, in_steps, why_not
from ..tools import OURS, Tool

DELAY = 40.0
BARE = "bare psycopg"


def measure(bench: Bench) -> Section:
    """Time every tool at both distances, and ours backwards."""
    count = 20 if bench.quick else 200
    rounds = 1 if bench.quick else 3
    bars: list[Bar] = []
    tables: list[Table] = []
    notes: list[str] = []
    for engine in bench.engines:
        with server(engine) as here:
            bench.versions[engine] = here.version()
            tools, refused = _able(bench, here, engine, count)
            notes += refused
            near = in_turns({t.name: partial(_one, bench, here, t, count) for t in tools}, rounds)
            far = in_turns({t.name: partial(_one, bench, here, t, count, DELAY) for t in tools}, 1)
            back = in_turns(_backwards(bench, here, count), 1)
            trips = _trips(bench, here, count)
        rows = []
        for name in near:
            times = [statistics.median(r.seconds for r in runs[name]) for runs in (near, far)]
            rows.append((name, *map(seconds, times), f"{ratio(near[name], near[BARE]):.2f} ×"))
        rows.sort(key=lambda row: float(row[3].split()[0]))
        heading = (SHORT[engine], "0 ms", f"{DELAY:.0f} ms", f"of {BARE} at 0 ms")
        tables.append(Table(heading, tuple(rows)))
        what = f"{count} step by step on {SHORT[engine]}: of {BARE}"
        bars.append(Bar(what, ratio(near[OURS], near[BARE]), 1.25, "times"))
        bars.append(Bar(f"round trips a migration, {SHORT[engine]}", trips / count, 3, "each"))
        what = f"rolling {count} back on {SHORT[engine]}: of {BARE}"
        bars.append(Bar(what, ratio(back[OURS], back[BARE]), 1.25, "times"))
    return Section(
        "steps",
        f"{count} migrations step by step",
        f"{__doc__}",
        tuple(bars),
        tuple(tables),
        notes=tuple(notes),
    )


def _able(bench: Bench, here: Server, engine: Engine, count: int) -> tuple[list[Tool], list[str]]:
    able: list[Tool] = []
    notes = []
    for tool in in_steps(bench.tools, engine):
        with here.database() as place:
            why = why_not(tool, _files(bench, tool, engine, min(count, 20)), place)
        if why is None:
            able.append(tool)
        else:
            notes.append(f"{tool.name} stops at this work on {SHORT[engine]}: {why}")
    return able, notes


def _files(bench: Bench, tool: Tool, engine: Engine, count: int) -> Path:
    """The directory with a tool's files for this work, written once."""
    directory = bench.space / f"steps-{engine}-{tool.name.replace(' ', '-')}-{count}"
    if not directory.exists():
        directory.mkdir()
        tool.write(directory, count)
    return directory


def _one(bench: Bench, here: Server, tool: Tool, count: int, delay: float = 0.0) -> Run:
    directory = _files(bench, tool, here.engine, count)
    with here.database() as place, here.proxy(delay) as proxy:
        found = run(tool.migrate(directory, place.through(proxy) if delay else place))
    bench.say(f"  {SHORT[here.engine]} at {delay:.0f} ms: {tool.name}: {found.seconds:.2f} s")
    return found


def _backwards(bench: Bench, here: Server, count: int) -> dict[str, Callable[[], Run]]:
    ours, bare = OursInSteps(engine=here.engine), Bare(here.engine)

    def manticore() -> Run:
        with here.database() as place:
            directory = _files(bench, ours, here.engine, count)
            run(ours.migrate(directory, place))
            return run(ours.command(directory, place, "rollback", "--all", "--yes"))

    def psycopg() -> Run:
        with here.database() as place:
            directory = _files(bench, bare, here.engine, count)
            run(bare.migrate(directory, place))
            return run(replace(bare, down=True).migrate(directory, place))

    return {OURS: manticore, BARE: psycopg}


def _trips(bench: Bench, here: Server, count: int) -> int:
    """The round trips of one run of ours, its looks at what takes long included."""
    ours = OursInSteps(engine=here.engine)
    with here.database() as place, here.proxy(0) as proxy:
        run(ours.migrate(_files(bench, ours, here.engine, count), place.through(proxy)))
        return proxy.counts()[1]
