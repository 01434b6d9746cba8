"""10,000 migrations pending on an empty database: `manticore plan` and `manticore status`, whole
processes, time and the most memory ever held.
"""

from __future__ import annotations

from ..bench import Bench
from ..clock import CommandFailed, middle, run
from ..findings import Bar, Section, Table, megabytes, seconds
from ..servers import SHORT, server

CODES = (0, 3)


def measure(bench: Bench) -> Section:
    """Time and weigh."""
    count = 1000 if bench.quick else 10_000
    rounds = 2 if bench.quick else 5
    bars, rows, notes = [], [], []
    directory = bench.files(bench.ours, count)
    for engine in bench.engines:
        with server(engine) as here, here.database() as place:
            for words in (("plan",), ("status",)):
                name = f"manticore {' '.join(words)}"
                command = bench.ours.command(directory, place, *words, codes=CODES)
                try:
                    found = middle([run(command) for _ in range(rounds)])
                except CommandFailed as error:
                    notes.append(f"{name} on {SHORT[engine]}: {error}"[:400])
                    continue
                bench.say(f"  {name}: {found.seconds:.2f} s, {megabytes(found.peak)}")
                rows.append(
                    (
                        name,
                        SHORT[engine],
                        seconds(found.seconds),
                        seconds(found.cpu),
                        megabytes(found.peak),
                    )
                )
                what = f"{name}, {count:,} pending, {SHORT[engine]}"
                bars.append(Bar(what, found.seconds, 2.0, "s"))
                bars.append(Bar(what, found.peak, 150e6, "bytes"))
    return Section(
        "pending",
        f"{count:,} migrations pending",
        f"{__doc__}",
        tuple(bars),
        (Table(("", "on", "median", "CPU", "peak memory"), tuple(rows)),),
        notes=tuple(notes),
    )
