"""once: work that commits with its key."""

from __future__ import annotations

from typing import Any

import pytest

from faults.proxy import Cut, Fault, Proxy, Sender, When
from manticore_cockroachdb import QueryError, TransactionError
from manticore_cockroachdb.retry import never_wait
from tests.support.gate import gates

from .test_transactions import Collision


async def table(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})


async def test_the_second_time_the_result_is_there(db: Any) -> None:
    await table(db)
    calls = 0

    async def work(tx: Any) -> Any:
        nonlocal calls
        calls += 1
        row = await db.insert("t", {"id": calls, "n": 0})
        return {"row": row, "pair": (1, "é'%s")}

    first = await db.once("order 7'", work)
    assert first == {"row": {"id": 1, "n": 0}, "pair": [1, "é'%s"]}
    assert await db.once("order 7'", work) == first
    assert await db.once("order 8", work) != first
    assert (calls, await db.count("t")) == (2, 2)
    assert await db.once("nothing", lambda_none()) is None
    assert await db.once("nothing", work) is None


def lambda_none() -> Any:
    async def nothing(tx: Any) -> None:
        await tx.execute("SELECT 1")

    return nothing


async def test_an_error_leaves_nothing_and_the_key_is_free(db: Any) -> None:
    await table(db)

    async def fail(tx: Any) -> None:
        await tx.insert("t", {"id": 1})
        raise ZeroDivisionError

    async def unkeepable(tx: Any) -> Any:
        await tx.insert("t", {"id": 1})
        return object()

    async def succeed(tx: Any) -> str:
        async with tx.transaction():
            await tx.insert("t", {"id": 1})
        return "done"

    with pytest.raises(ZeroDivisionError):
        await db.once("k", fail)
    with pytest.raises(QueryError, match="as JSON"):
        await db.once("k", unkeepable)
    assert await db.count("t") == 0
    assert await db.once("k", succeed) == "done"
    assert await db.count("t") == 1


async def test_a_collision_runs_all_of_it_again(db: Any) -> None:
    await table(db)
    calls = 0

    async def work(tx: Any) -> int:
        nonlocal calls
        calls += 1
        await tx.insert("t", {"id": calls})
        if calls < 3:
            raise Collision
        return calls

    with never_wait():
        assert await db.once("k", work) == 3
    assert [row["id"] for row in await db.select("t")] == [3]


async def test_callers_of_one_key_at_the_same_time(db: Any, colour: Any) -> None:
    await table(db)
    await db.once("warm", lambda_none())
    calls: list[int] = []

    async def work(tx: Any) -> str:
        calls.append(1)
        await colour.sleep(0.05)
        await tx.insert("t", {"id": len(calls)})
        return "once"

    async def call() -> str:
        return str(await db.once("k", work))

    assert await colour.concurrently(call, call, call) == ["once"] * 3
    assert await db.count("t") == 1


async def test_what_is_refused(db: Any) -> None:
    for key in ("", 5, "a\0b"):
        with pytest.raises(QueryError, match="key is text"):
            await db.once(key, lambda_none())
    async with db.transaction():
        with pytest.raises(TransactionError):
            await db.once("k", lambda_none())


CUTS = {
    "as it arrives": When(Sender.CLIENT, type="Query", text="; COMMIT"),
    "as its answer leaves": When(Sender.SERVER, type="CommandComplete", text="COMMIT"),
}


@pytest.mark.parametrize("when", CUTS)
async def test_an_unknown_commit_is_tried_again_and_done_once(
    colour: Any, url: str, when: str
) -> None:
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        await table(db)
        await db.once("warm", lambda_none())
        proxy.arm(Fault(CUTS[when], Cut()))
        calls = 0

        async def work(tx: Any) -> int:
            nonlocal calls
            calls += 1
            await tx.execute("INSERT INTO t VALUES (1, 0)")
            return calls

        result = await db.once("k", work)
        assert len(proxy.fired) == 1
        assert await db.count("t") == 1
        assert (result, calls) == ((2, 2) if "arrives" in when else (1, 1))


async def test_it_costs_no_round_trip_more_than_a_transaction(colour: Any, url: str) -> None:
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        await db.once("warm", lambda_none())
        costs = []
        for call in (
            lambda: db.run_in_transaction(lambda_none()),
            lambda: db.once("k", lambda_none()),
        ):
            before = proxy.round_trips()
            await call()
            costs.append(proxy.round_trips() - before)
        assert costs == [3, 3]


async def test_a_connection_lost_on_the_way(colour: Any, url: str) -> None:
    with gates(url, 1) as (gate,):
        db = colour.database(gate.url(url), max_size=2)
        await table(db)
        calls = 0

        async def work(tx: Any) -> int:
            nonlocal calls
            calls += 1
            await tx.insert("t", {"id": calls})
            if calls == 1:
                gate.shut()
                gate.open()
            await tx.insert("t", {"id": calls + 10})
            return calls

        assert await db.once("k", work) == 2
        assert await db.count("t") == 2
