"""The server behind the proxy, and clients that go through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from faults.proxy import Proxy
from tests.support.servers import Server

Connect = Callable[[], psycopg.Connection]


class Client:
    """A connection through the imitation, the notices it got, and what it saw of answers."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        self.notices: list[str] = []
        self.connection.add_notice_handler(
            lambda diagnostic: self.notices.append(diagnostic.message_primary or "")
        )

    def __call__(self, sql: str) -> list[Any]:
        """The rows, or the tag, of each statement of a message."""
        cursor = self.connection.execute(sql.encode())
        found: list[Any] = []
        while True:
            found.append(cursor.fetchall() if cursor.description else cursor.statusmessage)
            if not cursor.nextset():
                return found

    def fails(self, sql: str) -> str | None:
        """The SQLSTATE that a message ends with."""
        try:
            self(sql)
        except psycopg.Error as error:
            return error.sqlstate
        return "no error"

    @property
    def status(self) -> TransactionStatus:
        return self.connection.info.transaction_status


@pytest.fixture(scope="module")
def server_url(server: Server) -> Iterator[str]:
    """A database that the tests of a module share."""
    with server.fresh_database() as url:
        yield url


@pytest.fixture(scope="module")
def direct(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection past the proxy, and the table the tests write to."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS proxied")
        connection.execute("CREATE TABLE proxied (a int)")
        yield connection
        connection.execute("DROP TABLE proxied")


@pytest.fixture
def proxy(server_url: str, direct: psycopg.Connection) -> Iterator[Proxy]:
    """A proxy without faults, before an empty table."""
    direct.execute("TRUNCATE proxied")
    with Proxy.before(server_url) as proxy:
        yield proxy


@pytest.fixture
def connect(proxy: Proxy, server_url: str) -> Iterator[Connect]:
    """Opens connections through the proxy."""
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        url = proxy.through(server_url)
        opened.append(psycopg.connect(url, autocommit=True, prepare_threshold=None))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def rows(direct: psycopg.Connection, expected: int | None = None) -> int:
    """How many rows were committed; with ``expected``, once there are so many or 5 s later."""
    end = time.monotonic() + 5
    while True:
        with direct.transaction():
            direct.execute("SET LOCAL lock_timeout = '5s'")
            direct.execute("LOCK TABLE proxied IN ACCESS EXCLUSIVE MODE")
            row = direct.execute("SELECT count(*) FROM proxied").fetchone()
        assert row is not None
        if expected in (None, row[0]) or time.monotonic() > end:
            return int(row[0])
        time.sleep(0.02)
