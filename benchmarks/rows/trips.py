"""Round trips to apply N migrations, from after connecting to the end, lease and history included.

Counted by the proxy between client and server (`faults.proxy_talk`): a round trip is each time a
client sends something after everything it had asked for was answered.
"""

from __future__ import annotations

from ..bench import Bench
from ..findings import Bar, Chart, Section, Table
from ..servers import SHORT, server
from ..tools import OURS

COUNTS = (1, 10, 100)


def measure(bench: Bench) -> Section:
    """Count round trips."""
    counts = (1, 10) if bench.quick else COUNTS
    bars, rows, notes, lengths = [], [], [], []
    for engine in bench.engines:
        with server(engine) as here, here.proxy(0) as proxy:
            tools, refused = bench.able(bench.tools, here)
            notes += refused
            for tool in tools:
                cells = []
                for count in counts:
                    with here.database() as place:
                        proxy.reset()
                        bench.apply(tool, count, place, through=proxy)
                        connections, trips = proxy.counts()
                    cells.append(f"{trips:,}")
                    if tool.name == OURS:
                        what = f"N = {count} on {SHORT[engine]}"
                        bars.append(Bar(what, trips, count + 10, "round trips"))
                each = (trips - int(cells[0].replace(",", ""))) / (counts[-1] - counts[0])
                cells += [f"{each:.1f}", str(connections)]
                rows.append((f"{tool.name}", SHORT[engine], *cells))
                if engine == bench.engines[0]:
                    lengths.append((tool.name, float(trips)))
                bench.say(f"  {SHORT[engine]}: {tool.name}: {trips} for {counts[-1]}")
    heading = ("", "on", *(f"N = {c}" for c in counts), "each more", "connections")
    return Section(
        "trips",
        "Round trips to apply N migrations",
        f"{__doc__}",
        tuple(bars),
        (Table(heading, tuple(rows)),),
        (
            Chart(
                "round-trips",
                f"Round trips to apply {counts[-1]} migrations ({SHORT[bench.engines[0]]})",
                "",
                tuple(lengths),
                frozenset({OURS}),
            ),
        ),
        tuple(notes),
    )
