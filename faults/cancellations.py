"""``python -m faults cancellations``: tasks cancelled at random moments, and what the pool is then.

Each task does one of `WORKS` on a pool of few connections, with others that wait for one, and most
are cancelled before they end. A transaction writes two rows or none; sessions are given settings
that nobody else may see. Afterwards every connection has to be there, idle and as new, and of every
transaction both rows or neither.

    python -m faults cancellations --count 10000 [--url URL] [--engine cockroachdb]

Prints how many were cancelled, before what, and how long it took; exit code 1 when anything was
lost, half done or left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from manticore_cockroachdb import local
from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.errors import ConnectionFailed

if TYPE_CHECKING:
    from manticore_cockroachdb.async_pooled import AsyncPooledConnection

SIZE = 4
"""Connections of the pool."""
AT_ONCE = 20
LONGEST = 60.0
"""Seconds that a round may take before it is said to hang."""
BETWEEN = 0.02
"""Seconds within which a task is cancelled."""


async def verb(db: AsyncDatabase, key: int) -> None:
    """A statement of its own."""
    await db.value("SELECT %s::INT8", (key,))


async def transaction(db: AsyncDatabase, key: int) -> None:
    """Two rows or none."""
    async with db.transaction() as tx:
        await tx.insert("pairs", {"key": key, "half": 1})
        await db.insert("pairs", {"key": key, "half": 2})


async def again(db: AsyncDatabase, key: int) -> None:
    """The same, tried again where it has to be."""

    async def work(tx: AsyncPooledConnection) -> None:
        await tx.insert("pairs", {"key": key, "half": 1})
        await tx.insert("pairs", {"key": key, "half": 2})

    await db.run_in_transaction(work)


async def limited(db: AsyncDatabase, key: int) -> None:
    """A transaction with settings of its own, which go with the session."""
    async with db.transaction(statement_timeout=7.0, read_only=True) as tx:
        await tx.value("SELECT %s::INT8", (key,))


async def streamed(db: AsyncDatabase, key: int) -> None:
    """Rows that are not all read."""
    async for row in db.stream("SELECT generate_series(1, 500) AS n"):
        if row["n"] > key % 500:
            break


async def done_once(db: AsyncDatabase, key: int) -> None:
    """Two rows or none, and the key that says so."""

    async def work(tx: AsyncPooledConnection) -> int:
        await tx.insert("pairs", {"key": key, "half": 1})
        await tx.insert("pairs", {"key": key, "half": 2})
        return key

    await db.once(f"key {key}", work)


async def copied(db: AsyncDatabase, key: int) -> None:
    """Both rows by COPY."""
    rows = [{"key": key, "half": half} for half in (1, 2)]
    await db.batch_insert("pairs", rows, returning=False)


WORKS: dict[str, Callable[[AsyncDatabase, int], Awaitable[None]]] = {
    "verb": verb,
    "transaction": transaction,
    "run_in_transaction": again,
    "transaction with limits": limited,
    "stream": streamed,
    "once": done_once,
    "batch_insert": copied,
}


async def strike(url: str, count: int, seed: int = 1) -> tuple[Counter[str], list[str]]:
    """Cancel until ``count`` were; return what became of tasks, and what was wrong after it."""
    chance, seen = random.Random(seed), Counter[str]()
    names, key = list(WORKS), 0
    async with AsyncDatabase.from_url(url, max_size=SIZE, timeout=30) as db:
        columns = {"key": "INT8 NOT NULL", "half": "INT8 NOT NULL"}
        await db.create_table("pairs", columns)
        await db.once("key 0", lambda tx: tx.value("SELECT 1"))  # makes its table
        before = await settings(db)
        while seen["cancelled"] < count:
            tasks = []
            for _ in range(min(AT_ONCE, count)):
                key += 1
                work = WORKS[names[key % len(names)]]
                tasks.append(asyncio.ensure_future(work(db, key)))
            for task in chance.sample(tasks, len(tasks)):
                await asyncio.sleep(chance.random() * BETWEEN / len(tasks) * 2)
                task.cancel()
            try:
                async with asyncio.timeout(LONGEST):
                    results = await asyncio.gather(*tasks, return_exceptions=True)
            except TimeoutError:
                return seen, [f"a round of tasks did not end within {LONGEST:g} s"]
            for result in results:
                cancelled = isinstance(result, asyncio.CancelledError)
                kind = "ended" if result is None else type(result).__name__
                seen["cancelled" if cancelled else kind] += 1
        return seen, await wrong(db, before)


async def settings(db: AsyncDatabase) -> list[str]:
    """What a session of the pool is like."""
    names = ("statement_timeout", "default_transaction_read_only", "transaction_isolation")
    return [str(await db.value(f"SHOW {name}")) for name in names]


async def wrong(db: AsyncDatabase, before: list[str]) -> list[str]:
    """What is not as it should be."""
    found: list[str] = []
    lent = [db.connection() for _ in range(SIZE)]
    try:
        async with asyncio.timeout(LONGEST):
            connections = [await one.__aenter__() for one in lent]
    except (TimeoutError, ConnectionFailed) as error:
        return [f"the pool has no {SIZE} connections any more: {error}"]
    for connection in connections:
        status = connection.info.transaction_status.name
        if status != "IDLE" or await connection.value("SELECT 5") != 5:
            found.append(f"a connection is {status}")
        names = ("statement_timeout", "default_transaction_read_only", "transaction_isolation")
        now = [str(await connection.value(f"SHOW {name}")) for name in names]
        if now != before:
            found.append(f"a session has {now} and not {before}")
    for one in lent:
        await one.__aexit__(None, None, None)
    halves = await db.execute("SELECT key FROM pairs GROUP BY key HAVING count(*) <> 2", ())
    if halves:
        found.append(f"{len(halves)} transactions are half there, or twice: {halves[:5]}")
    query = (
        "SELECT count(*) AS n FROM _manticore_once o WHERE o.key <> 'key 0' AND NOT EXISTS"
        " (SELECT 1 FROM pairs p WHERE o.key = 'key ' || p.key::TEXT)"
    )
    if lone := await db.value(query):
        found.append(f"{lone} keys of once are there without their work")
    return found


def run(given: list[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults cancellations")
    parser.add_argument("--count", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", help="an empty database; by default a server of its own")
    parser.add_argument("--engine", choices=["postgresql", "cockroachdb"], default="postgresql")
    options = parser.parse_args(given)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it tells of each that it closes
    with nullcontext(options.url) if options.url else local.scratch(engine=options.engine) as url:
        began = time.monotonic()
        seen, problems = asyncio.run(strike(url, options.count, options.seed))
    odd = set(seen) - {"cancelled", "ended"}
    problems += [f"{seen[name]} tasks ended with {name}" for name in sorted(odd)]
    told = ", ".join(f"{many:,} {name}" for name, many in seen.most_common())
    print(f"{told}; {time.monotonic() - began:.0f} s; {len(problems)} wrong")
    for problem in problems:
        print(f"    {problem}")
    return 1 if problems else 0
