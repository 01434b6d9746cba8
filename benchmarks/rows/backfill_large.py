"""What a backfill costs beside its batches: with 10,000 ranges, at a distance, when it goes on.

*Status* is `Migration.backfills()` over a backfill of 10,000 ranges, beside the server, so more
than the server's time. *First batch* is from the start of a process of `manticore backfill run`, on
a half-done backfill of so many ranges, until the server shows one more batch. *Memory* is what
`manticore migrate` held at most while it ran a backfill, less what `manticore status` holds. *At 20
ms* a proxy adds that much to each round trip, for one worker and for two, after one another, twice,
the quicker of each: enough rows that the time is that of batches, and not of the start.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from manticore_cockroachdb import Database, Migration

from ..bench import Bench
from ..clock import Command, run
from ..findings import Bar, Section, Table, megabytes, seconds
from ..servers import SHORT, Place, Server, server
from .backfill import FILE, fill, settle

ROWS = 1_000_000
FAR = {"postgresql": 3_000_000, "cockroachdb": 500_000}
RANGES = 10_000
DELAY = 20.0


def measure(bench: Bench) -> Section:
    """Measure each engine."""
    bars: list[Bar] = []
    rows: list[tuple[str, str, str]] = []
    for engine in bench.engines:
        count = ROWS // (10 if bench.quick else 1)
        short = SHORT[engine]
        with server(engine) as here:
            with here.database() as place:
                fill(place, engine, count)
                status, first = _ranges(bench, place)
                memory = _memory(bench, place)
            distant = FAR[engine] // (10 if bench.quick else 1)
            with here.database() as place:
                fill(place, engine, distant)
                took: dict[int, list[float]] = {1: [], 2: []}
                for workers in (1, 2, 2, 1):
                    settle(place, engine, distant)
                    took[workers].append(_far(bench, here, place, workers))
                far = [min(took[1]), min(took[2])]
        bars += [
            Bar(f"status of {RANGES:,} ranges on {short}", status, 0.1, "s"),
            Bar(f"first batch after the start on {short}", first, 1.0, "s"),
            Bar(f"memory over {count:,} rows on {short}", memory, 60e6, "bytes"),
            Bar(f"2 workers at {DELAY:.0f} ms on {short}", far[0] / far[1], 1.5, "times", True),
        ]
        rows += [
            (f"status of {RANGES:,} ranges", short, seconds(status)),
            ("from the start of a process to its first batch", short, seconds(first)),
            (f"memory above that of `status`, {count:,} rows", short, megabytes(memory)),
            (f"{distant:,} rows at {DELAY:.0f} ms, 1 worker", short, seconds(far[0])),
            (f"{distant:,} rows at {DELAY:.0f} ms, 2 workers", short, seconds(far[1])),
        ]
    table = Table(("", "on", ""), tuple(rows))
    title = "A backfill with many ranges, far away, and going on"
    return Section("backfill_large", title, f"{__doc__}", tuple(bars), (table,))


def _directory(bench: Bench, workers: int = 1, *, background: bool = False) -> Path:
    directory = bench.space / f"large-{time.monotonic_ns()}"
    directory.mkdir(parents=True)
    text = ("-- @background\n" if background else "") + FILE.format(batch=f"workers {workers}")
    (directory / f"{time.monotonic_ns()}_items.sql").write_text(text)
    return directory


def _command(what: tuple[str, ...], directory: Path, place: Place) -> list[str]:
    argv = [sys.executable, "-m", "manticore_cockroachdb", *what]
    return [*argv, "--dir", str(directory), "--url", place.url(sslmode="disable")]


def _ranges(bench: Bench, place: Place) -> tuple[float, float]:
    """Seconds of a status, and from the start of a process to its first batch."""
    directory = _directory(bench, background=True)
    with Database.from_url(place.url()) as db:
        migration = Migration(db, directory)
        migration.migrate()
        db.execute(
            "INSERT INTO _migrations_backfill_ranges (run, id, done, rows, batches) SELECT run, i,"
            f" true, 100, 1 FROM _migrations_backfills, generate_series(1, {RANGES - 1}) AS i"
        )
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert migration.backfills()[0].ranges == RANGES
            took.append(time.monotonic() - began)
        ask = "SELECT batches FROM _migrations_backfill_ranges WHERE id = 0"
        argv = _command(("backfill", "run", "--until-idle", "-q"), directory, place)
        began = time.monotonic()
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as worker:
            while not db.execute(ask)[0]["batches"]:
                time.sleep(0.002)
            first = time.monotonic() - began
            os.kill(worker.pid, signal.SIGKILL)
    return statistics.median(took), first


def _memory(bench: Bench, place: Place) -> float:
    """Bytes that a backfill holds more than a look at the history."""
    with place.connect() as connection:
        connection.execute(b"DROP TABLE _migrations")
    directory = _directory(bench)
    status = run(Command(tuple(_command(("status",), directory, place)), codes=(0, 3)))
    filled = run(Command(tuple(_command(("migrate", "-q"), directory, place))))
    return max(float(filled.peak - status.peak), 0.0)


def _far(bench: Bench, here: Server, place: Place, workers: int) -> float:
    """Seconds of a backfill at a distance."""
    directory = _directory(bench, workers)
    with here.proxy(DELAY) as proxy, Database.from_url(place.through(proxy).url()) as db:
        began = time.monotonic()
        Migration(db, directory, allow_missing=True).migrate()
        return time.monotonic() - began
