"""Who is in a transaction and who is not: tasks, threads and generators."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from manticore_cockroachdb import AsyncDatabase, Database, TransactionError

from .test_joining import ids, inserting, table


async def tasks(url: str) -> AsyncDatabase:
    db = AsyncDatabase.from_url(url)
    await table(db)
    return db


async def test_a_task_started_inside_is_refused(url: str) -> None:
    async with await tasks(url) as db, db.transaction() as tx:
        for call in (
            db.insert("t", {"id": 1}),
            db.run_in_transaction(inserting(1)),
            asyncio.wait_for(asyncio.ensure_future(db.select("t")), 5),
        ):
            with pytest.raises(TransactionError, match=r"(?s)started this one.*hint: Pass"):
                await asyncio.ensure_future(call)
        assert await asyncio.gather(tx.insert("t", {"id": 2}), tx.insert("t", {"id": 3}))
        async with asyncio.timeout(5):
            await db.insert("t", {"id": 4})
        assert await ids(db) == [2, 3, 4]


async def test_a_task_with_a_context_of_its_own_is_outside(url: str) -> None:
    async with await tasks(url) as db:
        with pytest.raises(ZeroDivisionError):
            async with db.transaction():
                await asyncio.create_task(
                    db.insert("t", {"id": 1}),
                    context=contextvars.Context(),
                )
                raise ZeroDivisionError
        assert await ids(db) == [1]


async def test_a_task_that_outlives_the_transaction_is_free(url: str) -> None:
    async with await tasks(url) as db:
        done = asyncio.Event()

        async def later() -> None:
            await done.wait()
            await db.insert("t", {"id": 1})

        async with db.transaction():
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
        done.set()
        await task
        assert await ids(db) == [1]


async def test_a_cancelled_task_rolls_back(url: str) -> None:
    async with await tasks(url) as db:
        inside = asyncio.Event()

        async def wait() -> None:
            async with db.transaction():
                await db.insert("t", {"id": 1})
                inside.set()
                await db.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(wait())
        await inside.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ids(db) == []
        await db.insert("t", {"id": 2})
        assert await ids(db) == [2]


async def test_an_abandoned_generator_rolls_back_and_lets_go(url: str) -> None:
    """Its end comes in another task, whose context is not the one it began in."""
    async with await tasks(url) as db:

        async def rows() -> AsyncIterator[int]:
            async with db.transaction():
                await db.insert("t", {"id": 1})
                yield 1
                yield 2

        async for _ in rows():
            break
        gc.collect()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if await ids(db) == []:  # not inside any more: there the first row is seen
                break
        await db.insert("t", {"id": 3})
        assert await ids(db) == [3]


def threads(url: str) -> Database:
    db = Database.from_url(url)
    db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})
    return db


def in_thread(function: Any) -> Any:
    """Return what a function returns or raises in a plain thread."""
    found: list[Any] = []

    def call() -> None:
        try:
            found.append(function())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_with_a_copied_context_is_refused(url: str) -> None:
    with threads(url) as db, db.transaction() as tx:
        context = contextvars.copy_context()
        error = in_thread(lambda: context.run(db.insert, "t", {"id": 1}))
        assert isinstance(error, TransactionError)
        assert "hint" in str(error)
        db.insert("t", {"id": 2})
        assert in_thread(lambda: tx.select("t")) == [{"id": 2, "n": None}]


def test_a_plain_thread_is_outside(url: str) -> None:
    with threads(url) as db:
        with pytest.raises(ZeroDivisionError), db.transaction():
            assert in_thread(lambda: db.insert("t", {"id": 1})) == {"id": 1, "n": None}
            raise ZeroDivisionError
        assert [row["id"] for row in db.select("t")] == [1]


async def test_the_synchronous_half_in_two_tasks_of_one_thread(url: str) -> None:
    """The thread is the same: what tells them apart is the task."""
    with threads(url) as db:
        inside, done = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            with db.transaction():
                db.insert("t", {"id": 1})
                inside.set()
                await done.wait()
                raise ZeroDivisionError

        async def second() -> None:
            await inside.wait()
            db.insert("t", {"id": 2})
            done.set()

        results = await asyncio.gather(first(), second(), return_exceptions=True)
        assert isinstance(results[0], ZeroDivisionError)
        assert results[1] is None
        assert [row["id"] for row in db.select("t")] == [2]

        with db.transaction(), pytest.raises(TransactionError):
            await asyncio.create_task(second())


def test_a_generator_keeps_its_transaction_open_for_its_caller(url: str) -> None:
    with threads(url) as db:

        def rows() -> Iterator[int]:
            with db.transaction():
                yield 1
                yield 2

        for _ in rows():
            db.insert("t", {"id": len(db.select("t")) + 1})
        assert len(db.select("t")) == 2
        kept = rows()
        next(kept)
        db.insert("t", {"id": 3})
        kept.close()
        assert len(db.select("t")) == 2, "closed early: rolled back, with what had joined"
        db.insert("t", {"id": 4})
        with Database.from_url(url) as other:
            assert {"id": 4, "n": None} in other.select("t"), "no transaction is open any more"
