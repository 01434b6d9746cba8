"""What telemetry costs: off, on and sampled away, on and kept; and what of it is OpenTelemetry's.

    python -m benchmarks.telemetry [URL] [--quick]

`select` of one row by its key, in both colours, and a run of migrations. The ways alternate, a
call each, and what is reported is the median of single calls: how long one took, and what the
process spent of its processor, which others who use the machine disturb less. Beside each is how
much that is more than the way it is built on:

    bare      without the seam: the verb as it would be if telemetry did not exist
    off       as it is for everybody who does not ask for it
    idle sdk  bare, between a start and an end of the same span, with a value of the same histogram:
              what OpenTelemetry's SDK takes by itself. The sampler keeps nothing
    idle      on, by the same providers
    sdk       as idle sdk, and kept: every span goes to a batch processor, whose exporter drops it
    on        on, by such providers
    psycopg   psycopg's pool and cursor, without us
    peer      the same under opentelemetry-instrumentation-psycopg, where that is installed: a span
              of fewer attributes, and no histogram

`on` less `sdk` is our own share. Without a URL it is the embedded PostgreSQL, on this machine: no
statement is quicker, so no percentage is larger. What a span costs is the same for a statement of
10 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import SpanKind
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from manticore_cockroachdb import local, telemetry
from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.migration import Migration
from manticore_cockroachdb.telemetry.summary import describe

MIGRATIONS = 100
BESIDE = {
    "off": "bare",
    "idle sdk": "bare",
    "idle": "bare",
    "sdk": "bare",
    "on": "bare",
    "peer": "psycopg",
}
"""The way that each is built on."""
SQL = b'SELECT * FROM "items" WHERE "id" = %s'
OPTIONS: dict[str, Any] = {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None}
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


class SdkDatabase(Database):
    """Without the seam, between what the SDK is told with it."""

    told: Any

    def _rows(self, sql: Any, params: Any, row: Any = None, *, reads: bool = False) -> Any:
        start, record, name, attributes, measured = self.told
        span, began = start(name, None, SpanKind.CLIENT, attributes), time.perf_counter()
        try:
            return self._tried(sql, params, row, reads)
        finally:
            span.end()
            record(time.perf_counter() - began, measured)


class SdkAsyncDatabase(AsyncDatabase):
    """Without the seam, between what the SDK is told with it."""

    told: Any

    async def _rows(self, sql: Any, params: Any, row: Any = None, *, reads: bool = False) -> Any:
        start, record, name, attributes, measured = self.told
        span, began = start(name, None, SpanKind.CLIENT, attributes), time.perf_counter()
        try:
            return await self._tried(sql, params, row, reads)
        finally:
            span.end()
            record(time.perf_counter() - began, measured)


def providers(sampler: Sampler) -> tuple[TracerProvider, MeterProvider]:
    """What a program that exports would have, but for the exporter."""
    tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(Dropping()))
    return tracers, MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)


def handles() -> Mapping[str, Any]:
    """What a database is given for each way."""
    found: dict[str, Any] = {"bare": False, "off": False}
    for name, sampler in (("idle", ALWAYS_OFF), ("on", ALWAYS_ON)):
        found[name] = telemetry.enable(*providers(sampler))
    telemetry.disable()
    return found


def told_by(url: str, handle: Any) -> Any:
    """What the SDK is told of each call, and how."""
    with Database.from_url(url, telemetry=handle) as db:
        db.select("items", where={"id": 7})
        target: Any = db.target
    return handle.tracer.start_span, handle.duration.record, *target.ready(describe(SQL))


@contextmanager
def instrumented() -> Iterator[bool]:
    """Let psycopg's connections be the peer's meanwhile; False where it is not installed."""
    try:
        # Not among [dev]: whoever wants to see the peer installs it.
        from opentelemetry.instrumentation.psycopg import (  # type: ignore[import-not-found]
            PsycopgInstrumentor,
        )
    except ImportError:
        yield False
        return
    kinds = psycopg.Connection, psycopg.AsyncConnection
    before = [vars(kind)["connect"] for kind in kinds]
    PsycopgInstrumentor().instrument(tracer_provider=providers(ALWAYS_ON)[0], skip_dep_check=True)
    try:
        yield True
    finally:  # its own way back leaves a `connect` that does not know subclasses
        PsycopgInstrumentor().uninstrument()
        for kind, connect in zip(kinds, before, strict=True):
            setattr(kind, "connect", connect)  # noqa: B010 - a method of a class


def shuffled(ways: Iterable[str]) -> list[str]:
    """The ways in a random order: whoever comes twice in a row finds everything warm."""
    return random.sample(order := list(ways), len(order))


def sync_calls(url: str, rounds: int) -> dict[str, list[Took]]:
    """Seconds of each call, by way."""
    ways: dict[str, Callable[[], object]] = {}

    def by(name: str, db: Database) -> None:
        ways[name] = lambda: db.select("items", where={"id": 7})

    def bare(name: str) -> None:
        pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            url, min_size=1, max_size=1, kwargs=OPTIONS, open=True
        )
        pool.wait()

        def call() -> object:
            with pool.connection() as connection:
                return connection.execute(SQL, (7,)).fetchall()

        ways[name] = call

    for name, handle in handles().items():
        by(name, (BareDatabase if name == "bare" else Database).from_url(url, telemetry=handle))
        if handle:
            db = SdkDatabase.from_url(url, telemetry=False)
            db.told = told_by(url, handle)
            by("sdk" if name == "on" else f"{name} sdk", db)
    bare("psycopg")
    with instrumented() as there_is:
        if there_is:
            bare("peer")
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

    def by(name: str, db: AsyncDatabase) -> None:
        ways[name] = lambda: db.select("items", where={"id": 7})

    async def bare(name: str) -> None:
        pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            url, min_size=1, max_size=1, kwargs=OPTIONS, open=False
        )
        await pool.open(wait=True)

        async def call() -> object:
            async with pool.connection() as connection:
                return await (await connection.execute(SQL, (7,))).fetchall()

        ways[name] = call

    for name, handle in handles().items():
        kind = BareAsyncDatabase if name == "bare" else AsyncDatabase
        by(name, kind.from_url(url, telemetry=handle))
        if handle:
            db = SdkAsyncDatabase.from_url(url, telemetry=False)
            db.told = told_by(url, handle)
            by("sdk" if name == "on" else f"{name} sdk", db)
    await bare("psycopg")
    with instrumented() as there_is:
        if there_is:
            await bare("peer")
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
    """Print the medians, and how much each is beyond what it is built on."""
    print(title)
    medians = {
        name: [statistics.median(one[index] for one in found) * unit for index in (0, 1)]
        for name, found in times.items()
    }
    for name, found in medians.items():
        base = medians.get(BESIDE.get(name, name), next(iter(medians.values())))
        parts = [
            f"{what} {mine:7.1f} {word} ({mine - beside:+.1f}, {(mine / beside - 1) * 100:+.1f} %)"
            for what, mine, beside in zip(("took", "processor"), found, base, strict=True)
        ]
        print(f"  {name:9}{'   '.join(parts)}")
    for name, floor in (("on", "sdk"), ("idle", "idle sdk")):
        if floor in medians:
            mine, sdk = medians[name][1], medians[floor][1]
            base_cpu, took = medians["bare"][1], medians["bare"][0]
            print(
                f"  {name}: OpenTelemetry's SDK takes {sdk - base_cpu:.1f} {word} of the processor,"
                f" 2 % of a call of {(sdk - base_cpu) * 50 / 1000:.1f} ms; our share beyond it is"
                f" {mine - sdk:+.1f} {word}, {(mine - sdk) / took * 100:+.1f} % of this call"
            )
    print(end="", flush=True)


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
