"""A rolling restart of three nodes under load: ours beside bare psycopg_pool and SQLAlchemy's pool.

    python -m benchmarks.restart [--rate 200] [--only ours,psycopg_pool,sqlalchemy] [--minutes 20]

Starts a cluster of three nodes from a `cockroach` binary and gives each pool, one after another,
the same load: so many statements a second, a third of them reads, writes of one statement, and
transactions of two; while nodes are drained (SIGTERM), waited for and started again, one after the
other. Times are from when a statement was due, so one that had to wait for others counts as
waiting. What a caller sees: how many raised, what, and how long it took, before the restart and
during it. Each write adds 1 to a counter, so what happened and was said not to have is seen.

psycopg_pool has a check of each connection that is lent, SQLAlchemy's pool `pre_ping`: without
these, they would hand out what has died. Neither tries anything again, which is the point.
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from faults.harness_cluster import Nodes, replicated
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.local import cluster

SIZE = 12
ROWS = 1000
CALM = 8.0
"""Seconds of load before the first node goes, and after the last one is back."""
READ = "SELECT n FROM counters WHERE id = %s"
WRITE = "UPDATE counters SET n = n + 1 WHERE id = %s"

Work = Callable[[int], object]
Pool = Mapping[str, Work]


@contextmanager
def ours(url: str) -> Iterator[Pool]:
    """The client."""
    with Database.from_url(url, max_size=SIZE, min_size=SIZE) as db:

        def transaction(key: int) -> object:
            def work(tx: Any) -> None:
                tx.execute(READ, (key,))
                tx.execute(WRITE, (key,))

            return db.run_in_transaction(work)

        yield {
            "read": lambda key: db.select("counters", where={"id": key}),
            "write": lambda key: db.execute(WRITE, (key,)),
            "transaction": transaction,
        }


@contextmanager
def psycopg_pool(url: str) -> Iterator[Pool]:
    """What psycopg's users write."""
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}
    check = ConnectionPool.check_connection
    with ConnectionPool(
        url, min_size=SIZE, max_size=SIZE, kwargs=options, check=check, open=True
    ) as pool:

        def one(text: str) -> Work:
            def call(key: int) -> object:
                with pool.connection() as connection:
                    return connection.execute(text.encode(), (key,))

            return call

        def transaction(key: int) -> None:
            with pool.connection() as connection, connection.transaction():
                connection.execute(READ, (key,))
                connection.execute(WRITE, (key,))

        yield {"read": one(READ), "write": one(WRITE), "transaction": transaction}


@contextmanager
def sqlalchemy(url: str) -> Iterator[Pool]:
    """SQLAlchemy's pool with psycopg's connections; its dialect for CockroachDB is not needed."""
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
    from sqlalchemy.pool import QueuePool

    def connect() -> Any:
        return psycopg.connect(url, prepare_threshold=None)

    dialect: Any = PGDialect_psycopg(dbapi=psycopg)  # type: ignore[no-untyped-call]
    pool = QueuePool(connect, pool_size=SIZE, max_overflow=0, pre_ping=True, dialect=dialect)

    def run(*texts: str) -> Work:
        def call(key: int) -> None:
            connection = pool.connect()
            try:
                cursor = connection.cursor()
                for text in texts:
                    cursor.execute(text, (key,))
                connection.commit()
            except psycopg.OperationalError as error:
                connection.invalidate(error)
                raise
            finally:
                connection.close()

        return call

    yield {"read": run(READ), "write": run(WRITE), "transaction": run(READ, WRITE)}
    pool.dispose()


POOLS = {"ours": ours, "psycopg_pool": psycopg_pool, "sqlalchemy": sqlalchemy}


@dataclass
class Seen:
    """What callers saw, by kind of statement and phase."""

    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrote: int = 0
    unsure: int = 0
    given: int = 0
    seconds: float = 0.0
    late: float = 0.0
    """Calls that were asked for, in how long, and how late the latest of them was."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, phase: str, seconds: float, error: Exception | None) -> None:
        """Note a call."""
        with self.lock:
            self.times.setdefault((kind, phase), []).append(seconds)
            if error is not None:
                said = [type(error).__name__, getattr(error, "sqlstate", None) or ""]
                said += getattr(error, "__notes__", ())
                self.errors[kind, ", ".join(filter(None, said))] += 1
                self.unsure += kind != "read"
            elif kind != "read":
                self.wrote += 1


def restart(nodes: Nodes, over: threading.Event) -> None:
    """Drain each node and start it again."""
    for number in (1, 2, 3):
        nodes.signal(number, "TERM")
        nodes.gone(number)
        nodes.start()
        over.wait(5)


def drive(pool: Pool, nodes: Nodes, rate: float) -> Seen:
    """Load a pool, restart the nodes, and return what callers saw."""
    seen, stop, over = Seen(), threading.Event(), threading.Event()
    phase = ["calm"]
    chance = random.Random(1)

    def call(kind: str, key: int, due: float, when: str) -> None:
        error = None
        try:
            pool[kind](key)
        except Exception as raised:  # noqa: BLE001 - whatever a caller gets
            error = raised
        seen.add(kind, when, time.perf_counter() - due, error)

    def load() -> None:
        began = due = time.perf_counter()
        with ThreadPoolExecutor(SIZE * 4) as workers:
            while not stop.is_set():
                due += 1 / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                seen.given += 1
                seen.seconds = time.perf_counter() - began
                seen.late = max(seen.late, time.perf_counter() - due)
                kind = chance.choice(list(pool))
                workers.submit(call, kind, chance.randrange(1, ROWS + 1), due, phase[0])

    thread = threading.Thread(target=load)
    thread.start()
    try:
        time.sleep(CALM)
        phase[0] = "restart"
        restart(nodes, over)
        time.sleep(CALM)
    finally:
        stop.set()
        thread.join()
    return seen


def told(name: str, seen: Seen, counted: int) -> None:
    """Print what callers of a pool saw."""
    calls = sum(map(len, seen.times.values()))
    print(
        f"{name}: {calls:,} calls, {seen.errors.total()} raised; {seen.given / seen.seconds:.0f} a"
        f" second were asked for, at most {seen.late * 1e3:.0f} ms late"
    )
    for (kind, phase), times in sorted(seen.times.items()):
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        said = (
            f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.0f} ms, longest {max(times):.1f} s"
        )
        print(f"  {kind}, {phase}: {len(times):,}, {said}")
    for (kind, error), many in sorted(seen.errors.items()):
        print(f"  {kind}: {many} times {error}")
    lost, more = max(0, seen.wrote - counted), max(0, counted - seen.wrote - seen.unsure)
    happened = counted - seen.wrote
    print(f"  writes: {lost} lost, {more} done twice, {happened} of those that raised happened")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--rate", type=float, default=200.0, metavar="N", help="statements a second"
    )
    parser.add_argument("--only", default=",".join(POOLS), help="of " + ", ".join(POOLS))
    parser.add_argument("--minutes", type=float, default=20.0, help="begin no pool after so many")
    given = parser.parse_args()
    for name in ("psycopg", "sqlalchemy"):  # they tell of each connection that breaks
        logging.getLogger(name).setLevel(logging.CRITICAL)
    end = time.monotonic() + given.minutes * 60
    with tempfile.TemporaryDirectory(prefix="manticore-restart-") as root:
        nodes = Nodes(Path(root) / "cluster")
        try:
            for name in given.only.split(","):
                if time.monotonic() > end:
                    print(f"{name}: time is up")
                    continue
                found = cluster.start(nodes.home)
                hosts = ",".join(f"127.0.0.1:{node.port}" for node in found.nodes)
                url = f"postgresql://root@{hosts}/defaultdb?sslmode=disable"
                with Database.from_url(url) as db:
                    db.drop_table("counters")
                    db.create_table("counters", {"id": "INT8 PRIMARY KEY", "n": "INT8 NOT NULL"})
                    rows = [{"id": n, "n": 0} for n in range(1, ROWS + 1)]
                    db.batch_insert("counters", rows, returning=False)
                    replicated(url)
                    with POOLS[name](url) as pool:
                        seen = drive(pool, nodes, given.rate)
                    told(name, seen, int(db.value("SELECT sum(n) FROM counters")))
        finally:
            cluster.destroy(nodes.home)


if __name__ == "__main__":
    main()
