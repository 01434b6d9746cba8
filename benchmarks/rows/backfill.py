"""All rows of a table changed: by a backfill, and by what people write instead.

``n = n + 1`` for every row. The keyset loops are bare psycopg, batches of a fixed size, in the two
shapes that people write: UPDATE … WHERE id in the next so many keys, RETURNING the last one (IN);
or the last of the next so many keys first, and then UPDATE … WHERE id is between. The latter is the
quicker; three times in turns with the backfill, in three sizes, the best median of which counts,
against that of the backfill. Neither knows where it was when it is stopped. CockroachDB commits a
single statement on one range at once, without writing intents first; a loop that also keeps, in the
same transaction, how far it is pays for those, as the backfill does (*with a checkpoint*: shown,
not compared with). The loop with OFFSET is the one that guides show; it is stopped after as long as
the backfill took, and its rows by then are told. On CockroachDB, which keeps the old versions of
each row for hours, every line has a table of its own; on PostgreSQL it is vacuumed before each. The
foreground (`benchmarks.foreground`, a process of its own) changes 200 single rows a second by key,
each at its time whatever became of the one before: alone, beside a backfill, which makes room for
it, beside one that makes none (`pause 0ms`), and beside one UPDATE. *Beside a process that spins*
is what a busy core alone does to it: that process asks no database anything. Figures of one run,
one after another.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg

from manticore_cockroachdb import Database, Migration

from ..bench import Bench
from ..findings import Bar, Section, Table, seconds
from ..foreground import foreground, percentile
from ..servers import SHORT, Place, server

ROWS = {"postgresql": 5_000_000, "cockroachdb": 1_000_000}
RATE = 200.0
"""Changes of the foreground a second."""
WARM = 0.5
"""Seconds of the foreground before what is beside it begins."""
ROUNDS = 3
SIZES = (1_000, 5_000, 20_000)
NEXT = (
    "WITH batch AS (SELECT id FROM items WHERE id > %s ORDER BY id LIMIT %s), done AS"
    " (UPDATE items SET n = n + 1 WHERE id IN (SELECT id FROM batch) RETURNING id)"
    " SELECT max(id) FROM done"
)
LAST = "SELECT max(id) FROM (SELECT id FROM items WHERE id > %s ORDER BY id LIMIT %s) AS batch"
BETWEEN = "UPDATE items SET n = n + 1 WHERE id > %s AND id <= %s"
TRAP = (
    "UPDATE items SET n = n + 1 WHERE id IN (SELECT id FROM items ORDER BY id LIMIT 1000 OFFSET %s)"
)
FILE = "-- @backfill items\n-- @batch {batch}\nUPDATE items SET n = n + 1 WHERE :batch;\n"
SPIN = "while True: pass"


def measure(bench: Bench) -> Section:
    """Measure each engine."""
    bars: list[Bar] = []
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for engine in bench.engines:
        with server(engine) as here:
            count = ROWS[engine] // (10 if bench.quick else 1)
            with here.database() as place:
                fill(place, engine, count)
                _one(bench, place, engine, count, bars, rows, notes)
    heading = ("", "on", "rows", "took", "rows a second", "foreground p99")
    return Section(
        "backfill",
        "All rows of a table changed",
        f"{__doc__}",
        tuple(bars),
        (Table(heading, tuple(rows)),),
        notes=tuple(notes),
    )


def _one(
    bench: Bench,
    place: Place,
    engine: str,
    count: int,
    bars: list[Bar],
    rows: list[tuple[str, ...]],
    notes: list[str],
) -> None:
    short = SHORT[engine]  # type: ignore[index]

    def told(what: str, took: float, done: int, p99: float | None = None) -> None:
        foreground = "" if p99 is None else seconds(p99)
        rows.append((what, short, f"{done:,}", seconds(took), f"{done / took:,.0f}", foreground))
        beside = foreground and f", foreground p99 {foreground}"
        bench.say(f"  {short}: {what}: {seconds(took)}, {done / took:,.0f} rows a second{beside}")

    def alone_told(what: str, p99: float) -> None:
        rows.append((what, short, "", "", "", seconds(p99)))
        bench.say(f"  {short}: {what}: p99 {seconds(p99)}")

    # In turns, since a server gets quicker with each of the first.
    one_worker = "backfill, 1 worker"
    ways: dict[str, Callable[[], float]] = {one_worker: lambda: _backfill(bench, place, 1)}
    for size in SIZES:
        ways[f"keyset loop (BETWEEN), batches of {size:,}"] = partial(_between, place, size)
    times: dict[str, list[float]] = {what: [] for what in ways}
    for _ in range(ROUNDS):
        for what, way in ways.items():
            settle(place, engine, count)
            times[what].append(way())
            told(what, times[what][-1], count)
    took = {1: statistics.median(times.pop(one_worker))}
    for workers in (2, 4):
        settle(place, engine, count)
        took[workers] = _backfill(bench, place, workers)
        told(f"backfill, {workers} workers", took[workers], count)
    for what, loop in (("IN)", _loop), ("BETWEEN) with a checkpoint", _kept)):
        settle(place, engine, count)
        told(f"keyset loop ({what}, batches of 5,000", loop(place, 5_000), count)
    best = min(map(statistics.median, times.values()))
    bars.append(Bar(f"backfill on {short}, times the best loop", took[1] / best, 1.15, ""))
    for workers in (2, 4):
        what = f"{workers} workers on {short}, times one"
        bars.append(Bar(what, took[workers] / took[1], 1.0, ""))
    settle(place, engine, count)
    done = _offsets(place, took[1])
    told("loop with OFFSET, stopped", took[1], done)
    alone, beside = list[float](), list[float]()
    for _ in range(ROUNDS):
        settle(place, engine, count)
        alone.append(_p99(place, count, lambda: time.sleep(10))[1])
        time_of, p99 = _p99(place, count, lambda: _backfill(bench, place, 1))
        beside.append(p99)
        told("backfill, with the foreground", time_of, count, p99)
    alone.append(_p99(place, count, lambda: time.sleep(10))[1])
    for p99 in alone:
        alone_told("the foreground alone", p99)
    alone_told("the foreground beside a process that spins", _p99(place, count, _spin)[1])
    settle(place, engine, count)
    time_of, p99 = _p99(place, count, lambda: _backfill(bench, place, 1, pause="0ms"))
    told("backfill that makes no room, with the foreground", time_of, count, p99)
    ratio = statistics.median(beside) / statistics.median(alone)
    bars.append(Bar(f"foreground's p99 on {short}, times alone", ratio, 1.5, ""))
    settle(place, engine, count)
    time_of, p99 = _p99(place, count, lambda: update(place))
    told("one UPDATE, with the foreground", time_of, count, p99)


def _spin() -> None:
    """Keep a core busy, and no server."""
    with subprocess.Popen([sys.executable, "-c", SPIN]) as process:
        time.sleep(10)
        process.kill()


def fill(place: Place, engine: str, count: int) -> None:
    """Make the table, with so many rows."""
    with place.connect() as connection:
        connection.execute(b"DROP TABLE IF EXISTS items")
        connection.execute(
            b"CREATE TABLE items (id INT8 PRIMARY KEY, name TEXT, n INT8 NOT NULL DEFAULT 0)"
        )
        for first in range(1, count + 1, 100_000):
            last = min(first + 99_999, count)
            connection.execute(
                f"INSERT INTO items (id, name) SELECT i, 'item ' || i::TEXT"
                f" FROM generate_series({first}, {last}) AS i".encode()
            )
        if engine == "postgresql":
            connection.execute(b"UPDATE items SET n = n + 1")  # from now on its file has grown
            clean(connection)
        else:
            connection.execute(b"CREATE STATISTICS s FROM items")


def settle(place: Place, engine: str, count: int) -> None:
    """Let what one measurement left behind not weigh on the next."""
    if engine == "cockroachdb":  # it keeps old versions for hours
        fill(place, engine, count)
        return
    with place.connect() as connection:
        clean(connection)


def clean(connection: psycopg.Connection) -> None:
    """PostgreSQL: take away what changed rows have left behind."""
    connection.execute(b"VACUUM (ANALYZE) items")
    connection.execute(b"CHECKPOINT")


def _backfill(bench: Bench, place: Place, workers: int, *, pause: str = "auto") -> float:
    """Seconds of a backfill, from the call to its end."""
    directory = bench.space / f"backfill-{time.monotonic_ns()}"
    directory.mkdir(parents=True)
    version = time.monotonic_ns()
    Path(directory / f"{version}_items.sql").write_text(
        FILE.format(batch=f"pause {pause}, workers {workers}")
    )
    with Database.from_url(place.url()) as db:
        began = time.monotonic()
        Migration(db, directory, allow_missing=True).migrate()
        return time.monotonic() - began


def _loop(place: Place, size: int) -> float:
    with place.connect() as connection:
        began, last = time.monotonic(), 0
        while last is not None:
            row = connection.execute(NEXT.encode(), (last, size)).fetchone()
            last = row[0] if row else None
        return time.monotonic() - began


def _between(place: Place, size: int) -> float:
    with place.connect() as connection:
        began = time.monotonic()
        for batch in _batches(connection, size):
            connection.execute(BETWEEN.encode(), batch)
        return time.monotonic() - began


def _kept(place: Place, size: int) -> float:
    """A loop that goes on where it was, since each batch says in its transaction how far it is."""
    with place.connect() as connection:
        connection.execute(b"CREATE TABLE IF NOT EXISTS progress (last INT8)")
        connection.execute(b"DELETE FROM progress")
        connection.execute(b"INSERT INTO progress VALUES (0)")
        began = time.monotonic()
        for batch in _batches(connection, size):
            both = f"{BETWEEN % batch}; UPDATE progress SET last = {batch[1]}"
            connection.execute(f"BEGIN; {both}; COMMIT".encode())
        return time.monotonic() - began


def _batches(connection: psycopg.Connection, size: int) -> Iterator[tuple[int, int]]:
    """The key before each batch, and its last one."""
    last = 0
    while (found := connection.execute(LAST.encode(), (last, size)).fetchone()) and found[0]:
        yield last, found[0]
        last = found[0]


def _offsets(place: Place, limit: float) -> int:
    with place.connect() as connection:
        began, done = time.monotonic(), 0
        while time.monotonic() - began < limit:
            if not connection.execute(TRAP.encode(), (done,)).rowcount:
                break
            done += 1000
    return done


def update(place: Place) -> None:
    """What a migration without batches does."""
    with place.connect() as connection:
        connection.execute(b"UPDATE items SET n = n + 1")


def _p99(place: Place, count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of some work, and the 99th percentile of a small change beside it."""
    with foreground(place.url(sslmode="disable"), count, RATE) as seen:
        time.sleep(WARM)
        began = time.monotonic()
        work()
        took = time.monotonic() - began
    return took, percentile([t for due, t in seen.times if WARM <= due <= WARM + took], 0.99)
