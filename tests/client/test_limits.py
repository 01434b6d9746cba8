"""What a transaction may be asked for: a moment, a priority, limits."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import QueryError, TransactionError
from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.limits import Limits, plan
from manticore_cockroachdb.retry import never_wait

from .test_transactions import Collision

OLD, NEW = (capabilities(Server("cockroachdb", version)) for version in ((20, 2), (25, 4)))
PG = capabilities(Server("postgresql", (18, 0)))


def test_what_is_said_to_which_server() -> None:
    limits = Limits(quality="background", statement_timeout=1.5, max_rows_read=100)
    asking = plan(limits, NEW, left=0.25)
    assert asking.before == (
        "SET statement_timeout = '250ms'",
        "SET transaction_timeout = '250ms'",
        "SET default_transaction_quality_of_service = 'background'",
        "SET transaction_rows_read_err = '100'",
    )
    assert asking.after == (
        "RESET statement_timeout",
        "RESET transaction_timeout",
        "RESET default_transaction_quality_of_service",
        "RESET transaction_rows_read_err",
    )
    assert plan(Limits(quality="background"), OLD).before == ()
    assert plan(Limits(quality="background"), PG).before == ()
    moment = plan(Limits(as_of="-10s' OR"), NEW)
    assert moment.first == "SET TRANSACTION AS OF SYSTEM TIME '-10s'' OR'"
    assert plan(Limits(follower_read=True), NEW).first == (
        "SET TRANSACTION AS OF SYSTEM TIME follower_read_timestamp()"
    )
    assert plan(Limits(follower_read=True), OLD).first == (
        "SET TRANSACTION AS OF SYSTEM TIME '-4.8s'"
    )
    here = plan(Limits(follower_read=True), PG)
    assert (here.first, here.read_only, here.isolation) == (None, True, "repeatable read")


@pytest.mark.parametrize(
    ("limits", "caps"),
    [({"max_rows_read": 5}, OLD), ({"max_rows_read": 5}, PG), ({"as_of": "-10s"}, PG)],
)
def test_a_guard_that_is_not_there_is_refused(limits: Any, caps: Any) -> None:
    with pytest.raises(QueryError) as error:
        plan(Limits(**limits), caps)
    assert error.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"isolation": "chaos"},
        {"quality": "best"},
        {"statement_timeout": 0},
        {"deadline": "5"},
        {"max_rows_read": 1.5},
        {"max_rows_read": True},
        {"as_of": "-1s", "follower_read": True},
        {"reading": True},
        {"as_of": ""},
    ],
)
async def test_what_means_nothing_is_refused(db: Any, options: Any) -> None:
    with pytest.raises(QueryError):
        async with db.transaction(**options):
            raise AssertionError("not reached")
    assert await db.value("SELECT 5") == 5


async def session(db: Any) -> list[Any]:
    async with db.connection() as connection:
        return [
            await connection.value("SHOW statement_timeout"),
            await connection.value("SHOW transaction_read_only"),
            await connection.value("SHOW transaction_isolation"),
        ]


async def test_settings_do_not_outlive_the_transaction(colour: Any, url: str) -> None:
    db = colour.database(url, max_size=1)
    before = await session(db)
    async with db.transaction(statement_timeout=5, read_only=True, quality="background"):
        inside = await session(db)
        assert inside[0] in ("5s", "5000")
        assert inside[1] == "on"
    assert await session(db) == before
    with pytest.raises(ZeroDivisionError):
        async with db.transaction(isolation="serializable", statement_timeout=5):
            assert await db.value("SHOW transaction_isolation") == "serializable"
            raise ZeroDivisionError
    assert await session(db) == before
    with pytest.raises(psycopg.errors.QueryCanceled):
        async with db.transaction(statement_timeout=0.05):
            await db.execute("SELECT pg_sleep(%s)", (5,))
    assert await session(db) == before


async def test_reading_only(db: Any) -> None:
    await db.create_table("t", {"id": "INT"})
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with db.transaction(read_only=True):
            await db.insert("t", {"id": 1})
    async with db.follower_read() as tx:
        with pytest.raises(TransactionError, match="outermost"):
            async with db.transaction(read_only=True):
                raise AssertionError("not reached")
        await tx.execute("SELECT 1")


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_an_older_moment(db: Any, colour: Any) -> None:
    await db.create_table("t", {"id": "INT"})
    await db.insert("t", {"id": 1})
    moment = await db.value("SELECT cluster_logical_timestamp()")
    await colour.sleep(0.01)
    await db.insert("t", {"id": 2})
    async with db.transaction(as_of=str(moment)) as tx:
        assert await tx.count("t") == await db.count("t") == 1
    assert await db.count("t") == 2


async def test_a_deadline_is_for_all_tries(db: Any) -> None:
    started = time.monotonic()
    attempts = 0

    async def collide(tx: Any) -> None:
        nonlocal attempts
        attempts += 1
        raise Collision

    with pytest.raises(Collision) as error:
        await db.run_in_transaction(collide, 10_000, deadline=0.3)
    assert time.monotonic() - started < 3
    assert attempts >= 2
    assert "deadline is over" in error.value.__notes__[-1]

    async def sleep(tx: Any) -> None:
        await tx.execute("SELECT pg_sleep(%s)", (20,))

    with pytest.raises(psycopg.Error) as caught:
        await db.run_in_transaction(sleep, deadline=0.2)
    assert any("deadline of 0.2 s" in note for note in caught.value.__notes__)
    assert time.monotonic() - started < 6
    with never_wait():
        assert await db.run_in_transaction(nothing(), deadline=30, isolation="serializable") == 5


def nothing() -> Any:
    async def five(tx: Any) -> Any:
        return await tx.value("SELECT 5")

    return five
