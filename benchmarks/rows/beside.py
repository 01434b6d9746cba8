"""1,000 migrations of one table each, beside a PostgreSQL that waits for no disk: this package's
whole process against psql running the same transactions from one file, statement for statement:
the table, the fence that keeps other runners out, the row of the history.
"""

from __future__ import annotations

from functools import partial

from ..bench import Bench
from ..clock import Run, in_turns, middle, ratio
from ..findings import Bar, Section, Table, seconds
from ..servers import server
from ..tools import OURS, Psql, Tool


def measure(bench: Bench) -> Section:
    """Time both in turns."""
    count = 200 if bench.quick else 1000
    rounds = 3 if bench.quick else 7
    title = f"{count:,} migrations beside the server"
    with server("postgresql") as here:
        tools, refused = bench.able([bench.ours, Psql(exact=True)], here)
        if refused:
            return Section("beside", title, f"{__doc__}", notes=tuple(refused))

        def one(tool: Tool) -> Run:
            with here.database() as place:
                found = bench.apply(tool, count, place)
            bench.say(f"  {tool.name}: {found.seconds:.2f} s, CPU {found.cpu:.2f} s")
            return found

        runs = in_turns({t.name: partial(one, t) for t in tools}, rounds)
    rows = tuple(
        (name, seconds(m.seconds), seconds(min(r.seconds for r in runs[name])), seconds(m.cpu))
        for name, m in ((n, middle(r)) for n, r in runs.items())
    )
    slower = (ratio(runs[OURS], runs["psql"]) - 1) * 100
    return Section(
        "beside",
        title,
        f"{__doc__}",
        (Bar(f"{count:,} migrations: slower than psql", slower, 15, "%"),),
        (Table(("", "median", "fastest", "CPU of the client"), rows),),
    )
