"""transaction, run_in_transaction and retrying."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from faults.proxy import Cut, Fault, Proxy, When
from manticore_cockroachdb.retry import RetryPolicy, never_wait


class Collision(psycopg.errors.SerializationFailure):
    """What a server says with 40001, here without one."""


async def counter(db: Any) -> None:
    await db.create_table("counter", {"id": "INT PRIMARY KEY", "n": "INT"})
    await db.insert("counter", {"id": 1, "n": 0})


async def count(db: Any) -> int:
    return int((await db.select("counter"))[0]["n"])


async def test_a_transaction_commits(db: Any) -> None:
    await counter(db)
    async with db.transaction() as conn:
        await conn.execute("UPDATE counter SET n = n + 1")
        assert conn.info.transaction_status.name == "INTRANS"
    assert await count(db) == 1


async def test_an_error_rolls_back_and_goes_through(db: Any) -> None:
    await counter(db)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as conn:
            await conn.execute("UPDATE counter SET n = n + 1")
            raise ZeroDivisionError
    assert await count(db) == 0


async def test_the_connection_has_psycopg_s_methods(db: Any) -> None:
    await counter(db)
    async with db.transaction() as conn:
        async with conn.cursor() as cur:
            await cur.execute("SELECT id, n FROM counter WHERE id = %s", (1,))
            assert await cur.fetchone() == {"id": 1, "n": 0}
            assert [column.name for column in cur.description] == ["id", "n"]
        cur = await conn.execute("SELECT n FROM counter")
        assert [row async for row in cur] == [{"n": 0}]


async def test_nested_blocks_are_savepoints(db: Any) -> None:
    await counter(db)
    async with db.transaction() as conn:
        await conn.execute("UPDATE counter SET n = 1")
        with pytest.raises(ZeroDivisionError):
            async with conn.transaction():
                await conn.execute("UPDATE counter SET n = 2")
                raise ZeroDivisionError
    assert await count(db) == 1


async def test_run_in_transaction_returns_what_the_function_returns(db: Any) -> None:
    await counter(db)

    async def increment(conn: Any) -> int:
        cur = await conn.execute("UPDATE counter SET n = n + 1 RETURNING n")
        return int((await cur.fetchone())["n"])

    assert await db.run_in_transaction(increment) == 1
    assert await db.run_in_transaction(increment) == 2


async def test_a_collision_runs_all_of_it_again(db: Any) -> None:
    await counter(db)
    attempts = 0

    async def increment(conn: Any) -> str:
        nonlocal attempts
        attempts += 1
        await conn.execute("UPDATE counter SET n = n + 1")
        if attempts < 4:
            raise Collision
        return "done"

    with never_wait():
        assert await db.run_in_transaction(increment) == "done"
    assert (attempts, await count(db)) == (4, 1)


async def test_retries_are_bounded(db: Any) -> None:
    attempts = 0

    async def collide(conn: Any) -> None:
        nonlocal attempts
        attempts += 1
        raise Collision

    with never_wait():
        with pytest.raises(Collision) as caught:
            await db.run_in_transaction(collide, max_retries=2)
        assert attempts == 3
        assert caught.value.__notes__ == ["given up after 3 attempts"]
        db.retry_policy = RetryPolicy(max_retries=0)
        with pytest.raises(Collision):
            await db.run_in_transaction(collide)
        assert attempts == 4


@pytest.mark.parametrize("error", [ValueError, psycopg.errors.StatementCompletionUnknown])
async def test_other_errors_are_not_tried_again(db: Any, error: type[Exception]) -> None:
    attempts = 0

    async def fail(conn: Any) -> None:
        nonlocal attempts
        attempts += 1
        raise error("once")

    with pytest.raises(error):
        await db.run_in_transaction(fail)
    assert attempts == 1


async def test_retrying_in_place(db: Any) -> None:
    await counter(db)
    numbers = []
    with never_wait():
        async for attempt in db.retrying():
            async with attempt, db.transaction() as conn:
                numbers.append(attempt.number)
                await conn.execute("UPDATE counter SET n = n + 1")
                if attempt.number < 3:
                    raise Collision
    assert (numbers, await count(db)) == ([1, 2, 3], 1)


async def test_retrying_gives_up(db: Any) -> None:
    numbers = []
    with never_wait(), pytest.raises(Collision):
        async for attempt in db.retrying(max_retries=1):
            async with attempt:
                numbers.append(attempt.number)
                raise Collision
    assert numbers == [1, 2]


async def test_two_serializable_transactions_both_get_through(db: Any, colour: Any) -> None:
    """Each reads the sum of all rows and adds one: a write skew, refused to one of the two."""
    await db.create_table("t", {"id": "INT PRIMARY KEY", "total": "INT"})
    arrived: list[int] = []

    def adding(number: int) -> Any:
        async def add(conn: Any) -> None:
            await conn.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            row = await (await conn.execute("SELECT count(*) AS n FROM t")).fetchone()
            arrived.append(number)
            for _ in range(200):
                if len(set(arrived)) == 2:
                    break
                await colour.sleep(0.01)
            await conn.execute("INSERT INTO t VALUES (%s, %s)", (number, row["n"]))

        async def run() -> None:
            await db.run_in_transaction(add)

        return run

    await colour.concurrently(adding(1), adding(2))
    assert len(arrived) >= 3, "one of them met the other and ran again"
    assert sorted(row["total"] for row in await db.select("t")) == [0, 1]


async def test_what_is_lost_with_begin_is_tried_again(url: str, colour: Any) -> None:
    """Nothing was done yet, so all of it can run on another connection; a lost COMMIT is not."""
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url), max_size=2)
        await counter(db)

        async def work(tx: Any) -> None:
            await tx.execute("UPDATE counter SET n = n + 1 WHERE id = 1")

        proxy.arm(Fault(When(text="BEGIN"), Cut()))
        await db.run_in_transaction(work)
        assert proxy.fired and await count(db) == 1
        proxy.arm(Fault(When(text="COMMIT"), Cut()))
        with pytest.raises(psycopg.OperationalError) as caught:
            await db.run_in_transaction(work)
        assert any("is not known" in note for note in caught.value.__notes__)
