"""changes: the table's changefeed as an iterator.

A real one where there is CockroachDB; elsewhere its lines come from a table of PostgreSQL, and the
statement is looked at as text.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from faults.imitate import Imitation
from faults.proxy import Proxy
from manticore_cockroachdb import AsyncDatabase, Database, QueryError, async_changes, changes
from manticore_cockroachdb.feed import Change, Resolved, moment, statement

LINES: list[tuple[str | None, bytes | None, bytes]] = [
    ("users", b'[1, "a"]', b'{"after": {"id": 1, "name": "Ann"}, "updated": "17.0000000001"}'),
    (None, None, b'{"resolved": "18.0000000000"}'),
    ("users", b"[2]", b'{"after": null, "updated": "19.0000000000"}'),
]


@dataclass
class User:
    id: int
    name: str


def test_the_statement() -> None:
    assert statement("s.t", None, 0.5, modern=True) == (
        b'CREATE CHANGEFEED FOR TABLE "s"."t" WITH updated, resolved = \'500ms\''
    )
    assert statement('"a%.b"', "17.0000000001", 1, modern=False) == (
        b"EXPERIMENTAL CHANGEFEED FOR \"a%.b\" WITH updated, resolved = '1000ms', "
        b"cursor = '17.0000000001'"
    )
    assert moment("17.0000000010") > moment("17.0000000009") > moment("9.5")
    for cursor in ("", "now", "1' OR", 5):
        with pytest.raises(QueryError, match="not a cursor"):
            statement("t", cursor, 1, modern=True)  # type: ignore[arg-type]
    for resolved in (0, -1, True, "1s"):
        with pytest.raises(QueryError, match="number of seconds"):
            statement("t", None, resolved, modern=True)  # type: ignore[arg-type]


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[str]:
    """The URL of an imitated cluster, where the lines of a table stand in for the feed."""

    def lines(*_: Any, **__: Any) -> bytes:
        return b"SELECT tab, key, value FROM lines ORDER BY number"

    with psycopg.connect(url, autocommit=True) as direct:
        direct.execute("CREATE TABLE lines (number SERIAL, tab TEXT, key BYTEA, value BYTEA)")
        direct.cursor().executemany(
            "INSERT INTO lines (tab, key, value) VALUES (%s, %s, %s)", LINES
        )
    for module in (changes, async_changes):
        monkeypatch.setattr(module, "statement", lines)
    with Proxy.before(url, imitation=Imitation("v25.4.3")) as proxy:
        yield proxy.through(url)


@pytest.mark.engine("postgresql", because="imitated")
async def test_changes_and_marks(colour: Any, feed: str) -> None:
    db = colour.database(feed)
    found = [event async for event in db.changes("users")]
    assert found == [
        Change("users", (1, "a"), {"id": 1, "name": "Ann"}, "17.0000000001"),
        Resolved("18.0000000000"),
        Change("users", (2,), None, "19.0000000000"),
    ]
    first = None
    async for event in db.changes("users", "17.0000000000", row=User):
        first = event
        break
    assert first is not None
    assert first.row == User(1, "Ann")
    assert await db.value("SELECT 5") == 5


@pytest.mark.engine("postgresql", because="one engine")
async def test_postgresql_has_none_and_says_what_there_is(db: Any) -> None:
    with pytest.raises(QueryError, match=r"(?s)no changefeed.*hint: .*replication slot"):
        async for _ in db.changes("t"):
            pass
    with pytest.raises(QueryError, match="not a cursor"):
        async for _ in db.changes("t", "yesterday"):
            pass


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_a_feed_of_a_server(db: Any) -> None:
    """All rows, what changes, and from a mark on what came after it, each in order."""
    await db.execute("SET CLUSTER SETTING kv.rangefeed.enabled = true")
    await db.execute("CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT)")
    await db.execute("INSERT INTO users VALUES (1, 'Ann'), (2, 'Bo')")
    seen: list[Any] = []
    async for event in db.changes("users", resolved=0.2, row=User):
        seen.append(event)
        if len(seen) == 3:
            await db.execute("UPDATE users SET name = 'Ada' WHERE id = 1")
            await db.execute("DELETE FROM users WHERE id = 2")
        if len(seen) > 4 and isinstance(event, Resolved):
            break
    changes_seen = [one for one in seen if isinstance(one, Change)]
    assert [(one.key, one.row) for one in changes_seen] == [
        ((1,), User(1, "Ann")),
        ((2,), User(2, "Bo")),
        ((1,), User(1, "Ada")),
        ((2,), None),
    ]
    assert {one.table for one in changes_seen} == {"users"}
    first, last = seen[2], seen[-1]
    assert moment(changes_seen[0].updated) <= moment(first.cursor)
    assert moment(first.cursor) < moment(changes_seen[2].updated) <= moment(last.cursor)
    await db.execute("INSERT INTO users VALUES (3, 'Cy')")
    async for event in db.changes("users", last.cursor, resolved=0.2):
        if isinstance(event, Change):
            assert (event.key, event.row) == ((3,), {"id": 3, "name": "Cy"})
            break


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_a_task_that_reads_a_feed_can_be_cancelled(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is waited for, and psycopg warns of nothing."""
    db = AsyncDatabase.from_url(url)
    await db.execute("SET CLUSTER SETTING kv.rangefeed.enabled = true")
    await db.execute("CREATE TABLE users (id INT8 PRIMARY KEY)")
    marked = asyncio.Event()

    async def read() -> None:
        async for event in db.changes("users", resolved=60):
            assert isinstance(event, Resolved)
            marked.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(marked.wait(), 30)
    await asyncio.sleep(0.1)  # until it waits for what is next
    began = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(reading, 30)
    assert time.monotonic() - began < 4
    assert [one for one in caplog.records if one.name == "psycopg"] == []
    assert await db.value("SELECT 5") == 5
    await db.close()


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
def test_a_program_that_reads_a_feed_can_be_interrupted(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with Database.from_url(url) as db:
        db.execute("SET CLUSTER SETTING kv.rangefeed.enabled = true")
        db.execute("CREATE TABLE users (id INT8 PRIMARY KEY)")
        before = signal.signal(signal.SIGALRM, interrupt)
        began = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                for event in db.changes("users", resolved=60):
                    assert isinstance(event, Resolved)
                    began = time.monotonic()
                    signal.setitimer(signal.ITIMER_REAL, 0.5)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - began < 4
        assert [one for one in caplog.records if one.name == "psycopg"] == []
        assert db.value("SELECT 5") == 5


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_what_the_server_says_goes_through(db: Any) -> None:
    """A build without the feed, or a cluster without rangefeeds, says so itself."""
    with pytest.raises(psycopg.Error):
        async for _ in db.changes("nowhere"):
            pass
