"""`Database` and `AsyncDatabase` against bare psycopg: the inside of the row `client`.

    python -m benchmarks.client URL [--quick]           prints one object of JSON
    python -m benchmarks.client URL --stream WAY COUNT  the same, of one way to read many rows

Runs in a process of its own. Bare psycopg is what a user would write without this package: a
`psycopg_pool` pool of the same size with the same session (autocommit, rows as dicts, nothing
prepared), no check of the connection, a cursor, and SQL written by hand. Calls alternate, ours,
bare, bare, ours; what is reported is the median of the single calls, which an interruption by
another process cannot move.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection, Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database

TABLE = (
    "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL, amount BIGINT NOT NULL,"
    " noted TEXT)"
)
INSERT = "INSERT INTO items (id, name, amount, noted) VALUES (%s, %s, %s, %s) RETURNING *"
SELECT = "SELECT * FROM items WHERE amount = %s ORDER BY id LIMIT %s"
POOL = {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None}
WARM = 20


def item(number: int) -> dict[str, object]:
    """A row."""
    return {"id": number, "name": f"item {number}", "amount": number % 100, "noted": None}


class Sync:
    """The synchronous half: how to do each verb with us and without."""

    def __init__(self, url: str) -> None:
        self.db = Database.from_url(url, max_size=4)
        self.pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
            url, min_size=1, max_size=4, kwargs=POOL, open=True
        )
        self.numbers = iter(range(10**9))

    def verbs(self) -> Mapping[str, tuple[Callable[[], object], Callable[[], object]]]:
        """Name, ours, bare."""
        db, pool, numbers = self.db, self.pool, self.numbers

        def bare_insert() -> object:
            row = item(next(numbers))
            with pool.connection() as connection:
                return connection.execute(INSERT, tuple(row.values())).fetchone()

        def bare_select() -> object:
            with pool.connection() as connection:
                return connection.execute(SELECT, (7, 20)).fetchall()

        def bare_execute() -> object:
            with pool.connection() as connection:
                return connection.execute("SELECT %s::INT8 AS a", (1,)).fetchall()

        return {
            "insert": (lambda: db.insert("items", item(next(numbers))), bare_insert),
            "select": (
                lambda: db.select("items", where={"amount": 7}, order_by="id", limit=20),
                bare_select,
            ),
            "execute": (lambda: db.execute("SELECT %s::INT8 AS a", (1,)), bare_execute),
        }

    def close(self) -> None:
        """Close both pools."""
        self.db.close()
        self.pool.close()


class Async:
    """The asynchronous half."""

    def __init__(self, url: str) -> None:
        self.db = AsyncDatabase.from_url(url, max_size=4)
        self.pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url, min_size=1, max_size=4, kwargs=POOL, open=False
        )
        self.numbers = iter(range(10**8, 10**9))

    def verbs(
        self,
    ) -> Mapping[str, tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]]:
        """Name, ours, bare."""
        db, pool, numbers = self.db, self.pool, self.numbers

        async def bare_insert() -> object:
            row = item(next(numbers))
            async with pool.connection() as connection:
                cursor = await connection.execute(INSERT, tuple(row.values()))
                return await cursor.fetchone()

        async def bare_select() -> object:
            async with pool.connection() as connection:
                return await (await connection.execute(SELECT, (7, 20))).fetchall()

        async def bare_execute() -> object:
            async with pool.connection() as connection:
                cursor = await connection.execute("SELECT %s::INT8 AS a", (1,))
                return await cursor.fetchall()

        return {
            "insert": (lambda: db.insert("items", item(next(numbers))), bare_insert),
            "select": (
                lambda: db.select("items", where={"amount": 7}, order_by="id", limit=20),
                bare_select,
            ),
            "execute": (lambda: db.execute("SELECT %s::INT8 AS a", (1,)), bare_execute),
        }


def calls_sync(half: Sync, calls: int) -> dict[str, tuple[float, float]]:
    """Seconds a call of ours and bare, for each verb."""
    found = {}
    for name, pair in half.verbs().items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM + calls):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                started = time.perf_counter()
                pair[which]()
                times[which].append(time.perf_counter() - started)
        found[name] = _medians(times)
    return found


async def calls_async(half: Async, calls: int) -> dict[str, tuple[float, float]]:
    """The same for the other half."""
    found = {}
    await half.pool.open()
    for name, pair in half.verbs().items():
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM + calls):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                started = time.perf_counter()
                await pair[which]()
                times[which].append(time.perf_counter() - started)
        found[name] = _medians(times)
    await half.db.close()
    await half.pool.close()
    return found


def _medians(times: tuple[list[float], list[float]]) -> tuple[float, float]:
    return statistics.median(times[0][WARM:]), statistics.median(times[1][WARM:])


# --- many rows ------------------------------------------------------------------------------


def copy(pool: ConnectionPool[Connection[DictRow]], rows: Iterable[dict[str, object]]) -> None:
    """psycopg's COPY, row by row."""
    with (
        pool.connection() as connection,
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy("COPY items (id, name, amount, noted) FROM STDIN") as stream,
    ):
        for row in rows:
            stream.write_row(tuple(row.values()))


def multi(
    pool: ConnectionPool[Connection[DictRow]],
    rows: list[dict[str, object]],
    *,
    returning: bool = False,
    size: int = 1000,
) -> list[DictRow]:
    """psycopg's multi-row INSERT, a thousand rows a statement."""
    found: list[DictRow] = []
    tail = " RETURNING *" if returning else ""
    with pool.connection() as connection, connection.transaction():
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            places = ", ".join(["(%s, %s, %s, %s)"] * len(chunk))
            sql = f"INSERT INTO items (id, name, amount, noted) VALUES {places}{tail}"
            values = [value for row in chunk for value in row.values()]
            cursor = connection.execute(sql.encode(), values)
            if returning:
                found += cursor.fetchall()
    return found


def batches(half: Sync, count: int, rounds: int) -> dict[str, float]:
    """Seconds for each way to insert many rows, into an empty table each time."""
    rows = [item(number) for number in range(count)]
    ways: dict[str, Callable[[], object]] = {
        "batch_insert(returning=False)": lambda: half.db.batch_insert(
            "items", rows, returning=False
        ),
        "psycopg COPY": lambda: copy(half.pool, rows),
        "psycopg multi-row INSERT": lambda: multi(half.pool, rows),
        "batch_insert": lambda: half.db.batch_insert("items", rows),
        "psycopg multi-row INSERT … RETURNING": lambda: multi(half.pool, rows, returning=True),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in ways if number % 2 == 0 else reversed(ways):
            half.db.execute("DROP TABLE items")
            half.db.execute(TABLE)
            gc.collect()
            started = time.perf_counter()
            ways[name]()
            took = time.perf_counter() - started
            if number:
                times[name].append(took)
            rows_there = half.db.execute("SELECT count(*) AS n FROM items")[0]["n"]
            assert rows_there == count, (name, rows_there)
    return {name: statistics.median(found) for name, found in times.items()}


# --- rows as objects ------------------------------------------------------------------------


@dataclass
class Item:
    """A row as an object."""

    id: int
    name: str
    amount: int
    noted: str | None


def shapes(half: Sync, rounds: int) -> dict[str, float]:
    """Seconds for a thousand rows as dicts and as objects."""
    times: dict[str, list[float]] = {"dicts": [], "objects": []}
    for number in range(rounds):
        for name in times if number % 2 == 0 else reversed(times):
            started = time.perf_counter()
            if name == "dicts":
                half.db.select("items", limit=1000)
            else:
                half.db.select("items", limit=1000, row=Item)
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in times.items()}


# --- more rows than memory should hold ------------------------------------------------------

MANY = (
    "SELECT n AS id, 'name of ' || n::TEXT AS name, n %% 100 AS amount"
    " FROM generate_series(1, %s) AS n"
)
WAYS = ("stream", "bare", "stream, async", "bare, async")


def stream(url: str, way: str, count: int) -> dict[str, float]:
    """Seconds, and MiB beyond what the process had before, to read so many rows one by one.

    Bare is psycopg's named cursor; where the server has none, on CockroachDB before v22.1, its
    `Cursor.stream`.
    """
    before = peak()
    started = time.perf_counter()
    if "async" in way:
        seen = asyncio.run(_stream_async(url, way, count))
    else:
        seen = _stream_sync(url, way, count)
    took = time.perf_counter() - started
    assert seen == count, seen
    return {"seconds": took, "MiB": peak() - before}


def peak() -> float:
    """MiB that the process has held at most.

    Linux counts into a process's ``ru_maxrss`` what its parent held when it was started; this not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    scale = 1 if sys.platform != "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / scale


def _stream_sync(url: str, way: str, count: int) -> int:
    if way.startswith("stream"):
        with Database.from_url(url) as db:
            return sum(1 for _ in db.stream(MANY, (count,)))
    with Connection.connect(url, row_factory=dict_row) as connection:
        if connection.pgconn.parameter_status(b"crdb_version"):
            return sum(1 for _ in connection.cursor().stream(MANY, (count,)))
        with connection.cursor("many") as cursor:
            cursor.execute(MANY, (count,))
            return sum(1 for _ in cursor)


async def _stream_async(url: str, way: str, count: int) -> int:
    seen = 0
    if way.startswith("stream"):
        async with AsyncDatabase.from_url(url) as db:
            async for _ in db.stream(MANY, (count,)):
                seen += 1
        return seen
    async with await AsyncConnection.connect(url, row_factory=dict_row) as connection:
        if connection.pgconn.parameter_status(b"crdb_version"):
            async for _ in connection.cursor().stream(MANY, (count,)):
                seen += 1
            return seen
        async with connection.cursor("many") as cursor:
            await cursor.execute(MANY, (count,))
            async for _ in cursor:
                seen += 1
    return seen


def streams(url: str, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """The fastest of each way, each in a process of its own, one after the other."""
    found: dict[str, dict[str, float]] = {}
    for number in range(rounds):
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            argv = [sys.executable, "-m", "benchmarks.client", url, "--stream", way, str(count)]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            one = json.loads(done.stdout)
            if way not in found or one["seconds"] < found[way]["seconds"]:
                found[way] = one
    return found


def main() -> None:
    """Measure and print."""
    url, quick = sys.argv[1], "--quick" in sys.argv
    if "--stream" in sys.argv:
        print(json.dumps(stream(url, sys.argv[3], int(sys.argv[4]))))
        return
    half = Sync(url)
    half.db.execute(TABLE)
    half.db.batch_insert("items", [item(n) for n in range(10**9, 10**9 + 5000)], returning=False)
    half.db.execute("CREATE INDEX items_amount ON items (amount)")
    calls = 500 if quick else 2000
    report = {
        "sync": calls_sync(half, calls),
        "async": asyncio.run(calls_async(Async(url), calls)),
        "shapes": shapes(half, 50 if quick else 300),
        "streams": streams(url, 100_000 if quick else 10_000_000, 2),
        "batch": batches(half, 10_000 if quick else 100_000, 2 if quick else 5),
    }
    half.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
