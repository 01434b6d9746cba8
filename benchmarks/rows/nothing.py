"""Every pod runs `migrate` when it starts, and nearly always there is nothing to do. The whole
process, with 10 and with 10,000 migrations applied, beside the server and behind 40 ms. The
yardstick is `python -c "import psycopg; connect; SELECT 1"`.

Of the 10,000, ten are applied by the tool itself and the rest recorded in its history. Each tool
runs once before it is timed, so that Python has compiled what it compiles; where that took over
five seconds, one run more is all.
"""

from __future__ import annotations

import os
import statistics
from functools import partial

from ..bench import Bench, hello, prepared
from ..clock import Command, CommandFailed, Run, in_turns, ratio, run
from ..findings import Bar, Chart, Section, Table, seconds
from ..servers import SHORT, Place, Server, server
from ..tools import OURS, Psql, Tool

YARDSTICK = "connect, SELECT 1"
DELAY = 40.0
PATIENCE = 60.0


def measure(bench: Bench) -> Section:
    """Time and count every tool that remembers what it applied."""
    many = 1000 if bench.quick else 10_000
    bars: list[Bar] = []
    tables: list[Table] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for engine in bench.engines:
        with server(engine) as here:
            tools, refused = bench.able([t for t in bench.tools if t.name != Psql().name], here)
            tools = [t for t in tools if not getattr(t, "single", False)]
            notes += refused
            few = _few(bench, here, tools, bars)
            lots = _many(bench, here, tools, many, bars, notes)
        names = [YARDSTICK, *(t.name for t in tools)]
        heading = (
            SHORT[engine],
            "10, 0 ms",
            f"10, {DELAY:.0f} ms",
            "round trips",
            f"{many:,}, 0 ms",
        )
        tables.append(
            Table(heading, tuple((n, *few.get(n, ("", "", "")), lots.get(n, "")) for n in names))
        )
        lengths = [(n, _length(few[n][1])) for n in names]
        charts.append(
            Chart(
                f"nothing-{engine}",
                f"Nothing to do, 10 applied, at {DELAY:.0f} ms ({bench.versions[engine]})",
                "s",
                tuple(sorted(lengths, key=lambda pair: pair[1])),
                frozenset({OURS}),
            )
        )
    return Section(
        "nothing",
        "Nothing to do",
        f"{__doc__}",
        tuple(bars),
        tuple(tables),
        tuple(charts),
        tuple(notes),
    )


def _length(text: str) -> float:
    number, unit = text.split()
    return float(number) / (1000 if unit == "ms" else 1)


def _few(
    bench: Bench, here: Server, tools: list[Tool], bars: list[Bar]
) -> dict[str, tuple[str, ...]]:
    """Ten applied: every tool's time at both distances, and its round trips."""
    rounds = 3 if bench.quick else 5
    cells: dict[str, list[str]] = {}
    trips = {YARDSTICK: 1}
    for delay in (0.0, DELAY):
        with here.proxy(delay) as proxy:
            commands: dict[str, Command] = {}
            places: list[Place] = []
            held = [here.database() for _ in tools]
            for tool, holder in zip(tools, held, strict=True):
                place = holder.__enter__()
                directory = prepared(bench, tool, 10, place)
                places.append(place)
                commands[tool.name] = tool.migrate(directory, place.through(proxy))
                run(commands[tool.name])
                if delay == 0.0:
                    proxy.reset()
                    run(commands[tool.name])
                    trips[tool.name] = proxy.counts()[1]
                    commands[tool.name] = tool.migrate(directory, place)
            first = places[0] if delay == 0.0 else places[0].through(proxy)
            commands = {YARDSTICK: hello(first), **commands}
            runs = in_turns({n: partial(run, c) for n, c in commands.items()}, rounds)
            for holder in held:
                holder.__exit__(None, None, None)
        for name, found in runs.items():
            cells.setdefault(name, []).append(seconds(statistics.median(r.seconds for r in found)))
        times = ratio(runs[OURS], runs[YARDSTICK])
        where = f"{SHORT[here.engine]} at {delay:.0f} ms"
        bench.say(f"  {where}, 10 applied: {times:.2f} × the yardstick")
        bars.append(Bar(f"10 applied, {where}: of connect and SELECT 1", times, 1.5, "times"))
    name = f"10 applied, {SHORT[here.engine]}: after connecting"
    bars.append(Bar(name, trips[OURS], 2, "round trips"))
    return {name: (*cells[name], str(trips[name])) for name in cells}


def _many(
    bench: Bench,
    here: Server,
    tools: list[Tool],
    many: int,
    bars: list[Bar],
    notes: list[str],
) -> dict[str, str]:
    """Thousands applied: time, this package's round trips, and that a changed file is seen."""
    cells: dict[str, str] = {}
    for tool in tools:
        with here.database() as place:
            try:
                directory = prepared(bench, tool, many, place)
                command = tool.migrate(directory, place)
                first = run(command, limit=PATIENCE)
                slow = bench.quick or first.seconds > 5
                rounds = 7 if tool.name == OURS else 1 if slow else 3
                runs = [run(command, limit=PATIENCE) for _ in range(rounds)]
            except CommandFailed as error:
                cells[tool.name] = (
                    f"over {PATIENCE:.0f} s" if "was killed" in str(error) else "fails"
                )
                if "was killed" not in str(error):
                    notes.append(
                        f"{tool.name}, {many:,} applied, {SHORT[here.engine]}: {error}"[:300]
                    )
                continue
            cells[tool.name] = seconds(statistics.median(r.seconds for r in runs))
            bench.say(f"  {SHORT[here.engine]}, {many:,}: {tool.name}: {cells[tool.name]}")
            if tool.name == OURS:
                bars += _ours(here, many, place, command, runs)
    return cells


def _ours(here: Server, many: int, place: Place, command: Command, runs: list[Run]) -> list[Bar]:
    where = f"{many:,} applied, {SHORT[here.engine]}"
    with here.proxy(0) as proxy:
        argv = list(command.argv)
        at = argv.index("--url") + 1
        argv[at] = place.through(proxy).url(sslmode="disable")
        run(Command(tuple(argv), cwd=command.cwd))
        trips = proxy.counts()[1]
    return [
        Bar(f"{where}: after connecting", trips, 2, "round trips"),
        Bar(where, statistics.median(r.seconds for r in runs), 1.0, "s"),
        Bar(f"{where}: a changed file is noticed", _notices(command, many // 2), 1, "of 1", True),
    ]


def _notices(command: Command, number: int) -> int:
    """1 if a file of the same size and time of change with one other letter stops `migrate`."""
    assert command.cwd is not None
    (path,) = command.cwd.glob(f"{number:05d}_*.sql")
    before, stat = path.read_text(), path.stat()
    path.write_text(before.replace("amount", "amounz", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    try:
        found = run(Command(command.argv, cwd=command.cwd, codes=(0, 1, 6)))
    finally:
        path.write_text(before)
    return int(found.code != 0 and str(number) in found.out)
