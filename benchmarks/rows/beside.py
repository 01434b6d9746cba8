"""1,000 migrations of one table each, beside a PostgreSQL that waits for no disk: this package's
whole process against psql running the same transactions from one file. They are the same to the
letter: what `manticore migrate` sent on the wire, the fence that keeps other runners out and the
row of the history included, is written down once, and psql runs that.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from faults.proxy import Proxy

from ..bench import Bench, check
from ..clock import Run, in_turns, middle, ratio, run
from ..findings import Bar, Section, Table, seconds
from ..servers import Server, server
from ..tools import OURS, Psql


def measure(bench: Bench) -> Section:
    """Time both in turns."""
    count = 200 if bench.quick else 1000
    rounds = 3 if bench.quick else 9
    title = f"{count:,} migrations beside the server"
    psql = Psql()
    with server("postgresql") as here:
        tools, refused = bench.able([bench.ours, psql], here)
        if len(tools) < 2:
            return Section("beside", title, f"{__doc__}", notes=tuple(refused))
        script = _sent(bench, here, count)

        def ours() -> Run:
            with here.database() as place:
                found = bench.apply(bench.ours, count, place)
            bench.say(f"  {OURS}: {found.seconds:.2f} s, CPU {found.cpu:.2f} s")
            return found

        def theirs() -> Run:
            with here.database() as place:
                found = run(psql.file(script, place))
                check(place, count)
            bench.say(f"  {psql.name}: {found.seconds:.2f} s, CPU {found.cpu:.2f} s")
            return found

        runs = in_turns({OURS: ours, psql.name: theirs}, rounds)
    rows = tuple(
        (name, seconds(m.seconds), seconds(min(r.seconds for r in runs[name])), seconds(m.cpu))
        for name, m in ((n, middle(r)) for n, r in runs.items())
    )
    slower = (ratio(runs[OURS], runs[psql.name]) - 1) * 100
    return Section(
        "beside",
        title,
        f"{__doc__}",
        (Bar(f"{count:,} migrations: slower than psql", slower, 15, "%"),),
        (Table(("", "median", "fastest", "CPU of the client"), rows),),
    )


def _sent(bench: Bench, here: Server, count: int) -> Path:
    """The script of what a run of ours sent that changes anything."""
    directory = bench.files(bench.ours, count)
    with here.database() as place, Proxy(place.host, place.port, trace=100_000) as proxy:
        url = proxy.through(place.url())
        command = bench.ours.migrate(directory, place)
        argv = [url if word == place.url(sslmode="disable") else word for word in command.argv]
        subprocess.run(argv, check=True, capture_output=True)
        sent = [m.text for m in proxy.trace if m.type == "Query" and m.text]
    changes = [text for text in sent if text.startswith(("CREATE", "UPDATE", "INSERT", "BEGIN"))]
    # The first UPDATE asked for the lease before its table was there.
    first = next(n for n, text in enumerate(changes) if text.startswith("CREATE"))
    script = bench.space / "sent.sql"
    script.write_text("".join(f"{text};\n" for text in changes[first:]))
    return script
