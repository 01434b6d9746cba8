"""The verbs of `Database` and `AsyncDatabase` against bare psycopg: a `psycopg_pool` pool of the
same size with the same session and SQL written by hand; both give rows as dicts. Then many rows
at once, into an empty table each time: `batch_insert` against psycopg's COPY and multi-row
INSERT of a thousand rows a statement, whichever is faster on that engine; and, where the rows
are wanted back as by default, against the same INSERT with RETURNING. Rows as objects of a
dataclass against dicts, and ten million rows by `stream` against a bare named cursor as psycopg has
it (100 rows a round trip), or where the server has none against psycopg's `Cursor.stream`, with the
memory that each way takes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..bench import Bench
from ..clock import Command, run
from ..findings import Bar, Section, Table, seconds
from ..servers import SHORT, server

ROOT = Path(__file__).resolve().parent.parent.parent


def measure(bench: Bench) -> Section:
    """Let `benchmarks.client` measure in a process of its own."""
    count = 10_000 if bench.quick else 100_000
    bars: list[Bar] = []
    tables: list[Table] = []
    for engine in bench.engines:
        with server(engine) as here, here.database() as place:
            argv = [sys.executable, "-m", "benchmarks.client", place.url(sslmode="disable")]
            found = run(Command((*argv, *(["--quick"] if bench.quick else [])), cwd=ROOT))
        report = json.loads(found.out.splitlines()[-1])
        rows = []
        for half in ("sync", "async"):
            for verb, (ours, bare) in report[half].items():
                more = (ours / bare - 1) * 100
                rows.append((f"`{verb}`, {half}", seconds(ours), seconds(bare), f"{more:+.0f} %"))
                what = f"{verb}, {half}, {SHORT[engine]}: beyond bare psycopg"
                bars.append(Bar(what, more, 15, "%"))
        tables.append(Table((SHORT[engine], "manticore", "psycopg", ""), tuple(rows)))
        batch = report["batch"]
        many = tuple((name, seconds(took), f"{count / took:,.0f}") for name, took in batch.items())
        tables.append(Table((f"{count:,} rows, {SHORT[engine]}", "median", "rows/s"), many))
        shapes = report["shapes"]
        more = (shapes["objects"] / shapes["dicts"] - 1) * 100
        bars.append(Bar(f"rows of a dataclass, {SHORT[engine]}: beyond dicts", more, 5, "%"))
        streams = report["streams"]
        big = 100_000 if bench.quick else 10_000_000
        head = (f"{big:,} rows one by one, {SHORT[engine]}", "time", "memory beyond the start")
        tables.append(
            Table(
                head,
                tuple(
                    (f"`{way}`", seconds(one["seconds"]), f"{one['MiB']:.0f} MiB")
                    for way, one in streams.items()
                ),
            )
        )
        for end in ("", ", async"):
            one, bare = streams[f"stream{end}"], streams[f"bare{end}"]
            more = (one["seconds"] / bare["seconds"] - 1) * 100
            what = f"stream{end}, {SHORT[engine]}"
            bars.append(Bar(f"{what}: beyond a bare cursor", more, 15, "%"))
            bars.append(Bar(f"{what}: memory beyond the start", one["MiB"], 50, "MiB"))
        best = min(("psycopg COPY", "psycopg multi-row INSERT"), key=batch.__getitem__)
        pairs = (
            ("batch_insert(returning=False)", best),
            ("batch_insert", "psycopg multi-row INSERT … RETURNING"),
        )
        for one, other in pairs:
            more = (batch[one] / batch[other] - 1) * 100
            bars.append(Bar(f"{one}, {SHORT[engine]}: beyond {other}", more, 25, "%"))
        bench.say(f"  {SHORT[engine]}: done")
    return Section("client", "The client", f"{__doc__}", tuple(bars), tuple(tables))
