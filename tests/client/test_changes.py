"""changes: the table's changefeed as an iterator.

No server of the tests sends one, so what one would send comes from a table of PostgreSQL that
holds the lines of CockroachDB's documentation; the statement itself is looked at as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from faults.imitate import Imitation
from faults.proxy import Proxy
from manticore_cockroachdb import QueryError, async_changes, changes
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
async def test_what_the_server_says_goes_through(db: Any) -> None:
    """A build without the feed, or a cluster without rangefeeds, says so itself."""
    with pytest.raises(psycopg.Error):
        async for _ in db.changes("nowhere"):
            pass
