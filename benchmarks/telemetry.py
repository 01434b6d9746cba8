"""What telemetry costs: off, on and sampled away, on and kept.

    python -m benchmarks.telemetry [URL] [--quick]

`select` of one row by its key, in both colours, and a run of migrations. The ways alternate, a
call each, and what is reported is the median of single calls: how long one took, and what the
process spent of its processor, which others who use the machine disturb less. Beside each is how
much that is more than the first column:

    bare    without the seam: the verb as it would be if telemetry did not exist
    off     as it is for everybody who does not ask for it
    idle    on, by a provider whose sampler keeps nothing
    on      on, by OpenTelemetry's SDK: every span to its batch processor, whose exporter drops it,
            and every duration to a histogram

Without a URL it is the embedded PostgreSQL, on this machine: no statement is quicker, so no
percentage is larger. What a span costs is the same for a statement of 10 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from manticore_cockroachdb import local, telemetry
from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.migration import Migration

MIGRATIONS = 100
Took: TypeAlias = tuple[float, float]
"""Seconds by the clock, and of the processor."""


class Dropping(SpanExporter):
    """Takes spans and keeps none."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class BareDatabase(Database):
    """Without the seam."""

    def _rows(self, sql: Any, params: Any, row: Any = None, *, reads: bool = False) -> Any:
        return self._tried(sql, params, row, reads)


class BareAsyncDatabase(AsyncDatabase):
    """Without the seam."""

    async def _rows(self, sql: Any, params: Any, row: Any = None, *, reads: bool = False) -> Any:
        return await self._tried(sql, params, row, reads)


def handles() -> Mapping[str, Any]:
    """What a database is given for each way."""
    found: dict[str, Any] = {"bare": False, "off": False}
    for name, sampler in (("idle", ALWAYS_OFF), ("on", ALWAYS_ON)):
        tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(Dropping()))
        meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
        found[name] = telemetry.enable(tracers, meters)
    telemetry.disable()
    return found


def shuffled(ways: Iterable[str]) -> list[str]:
    """The ways in a random order: whoever comes twice in a row finds everything warm."""
    return random.sample(order := list(ways), len(order))


def sync_calls(url: str, rounds: int) -> dict[str, list[Took]]:
    """Seconds of each call, by way."""
    ways: dict[str, Callable[[], object]] = {}
    for name, handle in handles().items():
        db = (BareDatabase if name == "bare" else Database).from_url(url, telemetry=handle)

        def call(db: Database = db) -> object:
            return db.select("items", where={"id": 7})

        ways[name] = call
    times: dict[str, list[Took]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in shuffled(ways):
            cpu, began = time.process_time(), time.perf_counter()
            ways[name]()
            if number >= 20:
                times[name].append((time.perf_counter() - began, time.process_time() - cpu))
    return times


async def async_calls(url: str, rounds: int) -> dict[str, list[Took]]:
    """Seconds of each call, by way."""
    ways: dict[str, Callable[[], Awaitable[object]]] = {}
    for name, handle in handles().items():
        kind = BareAsyncDatabase if name == "bare" else AsyncDatabase
        db = kind.from_url(url, telemetry=handle)

        def call(db: AsyncDatabase = db) -> Awaitable[object]:
            return db.select("items", where={"id": 7})

        ways[name] = call
    times: dict[str, list[Took]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in shuffled(ways):
            cpu, began = time.process_time(), time.perf_counter()
            await ways[name]()
            if number >= 20:
                times[name].append((time.perf_counter() - began, time.process_time() - cpu))
    return times


def runs(url: str, rounds: int) -> dict[str, list[Took]]:
    """Seconds of a run of `MIGRATIONS` migrations and its rollback, by way."""
    times: dict[str, list[Took]] = {"off": [], "on": []}
    given = handles()
    with tempfile.TemporaryDirectory() as directory:
        for n in range(1, MIGRATIONS + 1):
            text = f"CREATE TABLE t{n} (id INT PRIMARY KEY);\n-- @UNDO\nDROP TABLE t{n};\n"
            Path(directory, f"{n}_t{n}.sql").write_text(text, encoding="utf-8")
        for number in range(rounds + 1):
            for name in shuffled(times):
                with Database.from_url(url, telemetry=given[name]) as db:
                    migration = Migration(db, directory)
                    cpu, began = time.process_time(), time.perf_counter()
                    migration.migrate()
                    migration.rollback(MIGRATIONS)
                    took = time.perf_counter() - began, time.process_time() - cpu
                    if number:
                        times[name].append(took)
    return times


def told(title: str, times: Mapping[str, list[Took]], unit: float, word: str) -> None:
    """Print the medians beside the first way's."""
    print(title)
    for what, index in (("took", 0), ("processor", 1)):
        medians = {
            name: statistics.median(one[index] for one in found) for name, found in times.items()
        }
        base = next(iter(medians.values()))
        parts = [
            f"{name} {median * unit:.1f} ({(median - base) * unit:+.1f},"
            f" {(median / base - 1) * 100:+.1f} %)"
            for name, median in medians.items()
        ]
        print(f"  {what}, {word}: {'; '.join(parts)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What telemetry costs.")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    given = parser.parse_args()
    with nullcontext(given.url) if given.url else local.scratch(engine="postgresql") as url:
        with Database.from_url(url) as db:
            db.create_table("items", {"id": "INT PRIMARY KEY", "name": "TEXT"})
            db.batch_insert("items", [{"id": n, "name": f"n{n}"} for n in range(100)])
        rounds = 300 if given.quick else 3000
        told("select, sync", sync_calls(url, rounds), 1e6, "µs")
        told("select, async", asyncio.run(async_calls(url, rounds)), 1e6, "µs")
        times = runs(url, 1 if given.quick else 5)
        told(f"{MIGRATIONS} migrations up and down", times, 1e3, "ms")


if __name__ == "__main__":
    main()
