"""The pool over several hosts, after restarts, and under cancellation."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import AsyncDatabase, ConnectionFailed, Database, local
from manticore_cockroachdb.config import resolve
from manticore_cockroachdb.hosts import LONGEST_PAUSE, Hosts, hosts_of
from tests.support.gate import Gate, gates

# --- what is decided -------------------------------------------------------------------------


class End:
    """A connection."""

    closed = False


def opened(hosts: Hosts, number: int, count: int = 1) -> list[End]:
    ends = [End() for _ in range(count)]
    for end in ends:
        hosts.opened(hosts.hosts[number], end)
    return ends


def order(hosts: Hosts, now: float = 0.0, *shuffled: float) -> list[int]:
    found = hosts.order(now, shuffled or [0.0] * len(hosts.hosts))
    return [list(hosts.hosts).index(host) for host in found]


def three() -> Hosts:
    return hosts_of(("a", "b", "c"), (1, 2, 3))


def test_the_emptiest_comes_first_and_chance_decides_between_equals() -> None:
    hosts = three()
    assert order(hosts, 0.0, 0.3, 0.2, 0.1) == [2, 1, 0]
    kept = [opened(hosts, 0, 2), opened(hosts, 2, 1)]
    assert order(hosts) == [1, 2, 0]
    hosts.hosts[1].connecting = 3
    assert order(hosts) == [2, 0, 1]
    for end in kept[0]:
        end.closed = True
    assert order(hosts) == [0, 2, 1]


def test_what_fails_is_left_out_for_longer_and_longer() -> None:
    hosts, now, pauses = three(), 100.0, []
    host = hosts.hosts[0]
    for _ in range(10):
        hosts.failed(host, now, OSError("no"))
        hosts.failed(host, now + 0.1, OSError("no"))  # the same failure, told once more
        assert order(hosts, now + 0.1)[-1] == 0
        pauses.append(host.until - now)
        now = host.until
        assert order(hosts, now) == [0, 1, 2], "its pause is over"
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE
    kept = opened(hosts, 0)
    hosts.failed(host, now, OSError("no"))
    assert (host.until - now, kept[0].closed) == (1.0, False)


def test_connections_move_one_at_a_time_to_who_has_few() -> None:
    hosts = three()
    kept = [opened(hosts, 0, 3), opened(hosts, 1, 3)]
    first = hosts.hosts[0]
    assert hosts.surplus(first, 10.0)
    assert not hosts.surplus(first, 10.5), "not all at once"
    hosts.failed(hosts.hosts[2], 11.0, OSError())
    assert not hosts.surplus(first, 11.5), "not to one that is left out"
    assert hosts.surplus(first, 12.6)
    kept.append(opened(hosts, 2, 2))
    assert not hosts.surplus(first, 20.0)
    assert not hosts_of((), ()).surplus(None, 1.0)


def test_addresses_belong_to_their_hosts() -> None:
    found = hosts_of(("a", "b"), (1, 2), "10.0.0.1,10.0.0.2").hosts
    assert [dict(host.keywords) for host in found] == [
        {"host": "a", "port": 1, "hostaddr": "10.0.0.1"},
        {"host": "b", "port": 2, "hostaddr": "10.0.0.2"},
    ]
    assert [dict(host.keywords) for host in hosts_of((), ()).hosts] == [{}]


# --- several hosts ---------------------------------------------------------------------------


@pytest.fixture
def three_gates(url: str) -> Iterator[list[Gate]]:
    with gates(url, 3) as found:
        yield found


def through(colour: Any, url: str, found: list[Gate], **parameters: Any) -> Any:
    return colour.database(found[0].url(url, *found[1:]), **parameters)


async def wait_for(colour: Any, true: Any) -> None:
    for _ in range(500):
        if true():
            return
        await colour.sleep(0.01)
    raise AssertionError("not within 5 s")


async def test_connections_spread_evenly(colour: Any, url: str, three_gates: list[Gate]) -> None:
    db = through(colour, url, three_gates, min_size=6, max_size=6)
    await db.connect()
    await wait_for(colour, lambda: [gate.connections for gate in three_gates] == [2, 2, 2])


async def test_a_host_that_dies_is_left_and_comes_back(
    colour: Any, url: str, three_gates: list[Gate]
) -> None:
    db = through(colour, url, three_gates, min_size=6, max_size=6)
    await db.create_table("t", {"id": "INT"})
    three_gates[0].shut()
    for _ in range(12):
        assert await db.select("t") == []
    await wait_for(colour, lambda: sum(gate.connections for gate in three_gates) == 6)
    assert three_gates[0].connections == 0
    three_gates[0].open()
    for _ in range(400):
        await db.select("t")
        if three_gates[0].connections:
            break
        await colour.sleep(0.01)
    assert three_gates[0].connections, "as connections are given back, some move"


async def test_reading_survives_a_rolling_restart(
    colour: Any, url: str, three_gates: list[Gate]
) -> None:
    """Every statement here may be sent again, or is so before it was sent."""
    db = through(colour, url, three_gates, min_size=4, max_size=4)
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})
    await db.insert("t", {"id": 1, "n": 0})
    done = colour.event()
    counted = 0

    async def ask() -> None:
        nonlocal counted
        while not done.is_set():
            assert len(await db.select("t")) == 1
            counted += await db.count("t")

    async def count(tx: Any) -> None:
        await tx.execute("UPDATE t SET n = n + 1 WHERE id = 1")
        await tx.execute("SELECT pg_sleep(0.01)")

    async def restart() -> None:
        try:
            for gate in three_gates:
                gate.shut()
                await db.run_in_transaction(count)
                await colour.sleep(0.1)
                gate.open()
                await colour.sleep(0.05)
        finally:
            done.set()

    await colour.concurrently(ask, ask, ask, restart)
    assert counted > 10


async def test_a_transaction_that_lost_its_connection_before_commit_runs_again(
    colour: Any, url: str, three_gates: list[Gate]
) -> None:
    db = through(colour, url, three_gates, max_size=2)
    await db.create_table("t", {"id": "INT PRIMARY KEY"})
    attempts = 0

    async def insert(tx: Any) -> None:
        nonlocal attempts
        attempts += 1
        await tx.insert("t", {"id": attempts})
        if attempts == 1:
            for gate in three_gates:
                gate.shut()
                gate.open()
        await tx.insert("t", {"id": attempts + 100})

    await db.run_in_transaction(insert)
    assert attempts == 2
    assert [row["id"] for row in await db.select("t", order_by="id")] == [2, 102]


async def test_a_write_whose_connection_was_lost_says_that_nobody_knows(
    colour: Any, url: str, three_gates: list[Gate]
) -> None:
    db = through(colour, url, three_gates, max_size=1)
    await db.connect()

    async def cut() -> None:
        await colour.sleep(0.2)
        for gate in three_gates:
            gate.shut()
            gate.open()

    async def write() -> None:
        with pytest.raises(psycopg.OperationalError) as error:
            await db.execute("SELECT pg_sleep(%s)", (5,))
        assert "not known" in error.value.__notes__[0]

    await colour.concurrently(write, cut)
    assert await db.value("SELECT 1") == 1


# --- after a restart -------------------------------------------------------------------------


@pytest.mark.parametrize("grown", [1, 6], ids=["that had not grown", "that was full"])
async def test_a_pool_connects_again_within_a_second(colour: Any, url: str, grown: int) -> None:
    with gates(url, 1) as (gate,):
        db = colour.database(gate.url(url), max_size=6, timeout=20)

        async def use() -> None:
            async with db.connection():
                await colour.sleep(0.1)

        await colour.concurrently(*[use] * grown)
        gate.shut()
        returned = [0.0]

        async def come_back() -> None:
            await colour.sleep(1.6)
            returned[0] = time.monotonic()
            gate.open()

        async def ask() -> float:
            assert await db.value("SELECT 1") == 1
            return time.monotonic()

        *answered, _ = await colour.concurrently(ask, ask, ask, come_back)
        waited = max(answered) - returned[0]
        assert waited < 1.5, f"{waited:.2f} s after its return"


async def test_a_timeout_says_what_was_the_matter(colour: Any, url: str) -> None:
    with gates(url, 1) as (gate,):
        db = colour.database(gate.url(url), max_size=2, timeout=0.3)
        await db.connect()
        gate.shut()
        with pytest.raises(ConnectionFailed, match="nothing listens there"):
            await db.value("SELECT 1")


# --- cancellation ----------------------------------------------------------------------------


async def test_no_connection_is_lost_to_cancellations(url: str) -> None:
    chance = random.Random(5)
    async with AsyncDatabase.from_url(url, max_size=4, timeout=20) as db:

        async def use() -> None:
            async with db.transaction() as tx:
                await tx.execute("SELECT 1")
                await db.execute("SELECT %s", (1,))

        for _ in range(60):
            tasks = [asyncio.create_task(use()) for _ in range(10)]
            await asyncio.sleep(chance.random() * 0.01)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert result is None or isinstance(result, asyncio.CancelledError)
        async with asyncio.timeout(20):
            held = [db.connection() for _ in range(4)]
            for lent in held:
                connection = await lent.__aenter__()
                assert connection.info.transaction_status.name == "IDLE"
                assert await connection.value("SELECT 5") == 5
            for lent in held:
                await lent.__aexit__(None, None, None)


# --- a primary and a standby -----------------------------------------------------------------


@pytest.fixture(scope="module")
def standby_url() -> Iterator[str]:
    """A server that takes no writes stands in for a standby."""
    with local.scratch(engine="postgresql") as found:
        with Database.from_url(found) as db:
            db.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            db.execute("SELECT pg_reload_conf()")
        yield found


@pytest.mark.engine("postgresql", because="one engine")
async def test_of_postgresql_s_hosts_the_one_that_takes_writes(
    colour: Any, url: str, standby_url: str
) -> None:
    """The standby comes first in the list."""
    other = colour.database(standby_url, options="-c default_transaction_read_only=off")
    await other.create_database(str(resolve(url).database))
    with gates(url, 1) as (primary,), gates(standby_url, 1) as (standby,):
        db = colour.database(standby.url(url, primary), min_size=3)
        await db.create_table("t", {"id": "INT"})
        await db.insert("t", {"id": 1})
        await wait_for(colour, lambda: primary.connections == 3)
        assert standby.connections == 0
        reading = colour.database(standby.url(url, primary), target_session_attrs="any", min_size=2)
        await reading.connect()
        await wait_for(colour, lambda: standby.connections == 1)
