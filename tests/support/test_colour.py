"""The adapter that lets one test body run against both halves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database

from .colour import Awaited, Colour, SyncColour, run_plain, twin_of, unwrap, wrap


def test_twins() -> None:
    import psycopg

    assert twin_of(Database) is AsyncDatabase
    assert twin_of(psycopg.Connection) is psycopg.AsyncConnection
    assert twin_of(psycopg.Cursor) is psycopg.AsyncCursor
    assert twin_of(dict) is None


def test_what_has_no_twin_stays_itself() -> None:
    for value in (None, 1, "x", [1], {"a": 1}, print):
        assert wrap(value) is value
        assert unwrap(value) is value


async def test_the_adapter_awaits_what_its_twin_awaits(db: Any, colour: Colour) -> None:
    assert isinstance(db, Awaited) == isinstance(colour, SyncColour)
    pending = db.execute("SELECT 1 AS n")
    assert await pending == [{"n": 1}]
    assert db.settings.display() in repr(db)
    async with db.connection() as conn:
        assert not conn.closed
        async with conn.cursor() as cur:
            await cur.execute("SELECT 1 AS n")
            assert await cur.fetchone() == {"n": 1}


async def test_callbacks_are_turned_into_plain_ones(db: Any) -> None:
    async def callback(conn: Any) -> Any:
        return await (await conn.execute("SELECT 1 AS n")).fetchall()

    assert await db.run_in_transaction(callback) == [{"n": 1}]


async def test_calls_at_the_same_time(colour: Colour) -> None:
    event = colour.event()

    async def wait() -> bool:
        return bool(await event.wait(5))

    async def release() -> str:
        event.set()
        return "released"

    assert await colour.concurrently(wait, release) == [True, "released"]


def test_waiting_for_a_loop_in_the_synchronous_half_is_an_error() -> None:
    async def wrong() -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match=r"colour\.sleep"):
        run_plain(wrong())
