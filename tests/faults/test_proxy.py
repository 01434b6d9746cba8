"""The proxy between psycopg and a real server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest

from faults.proxy import Proxy, Sender, target_of
from faults.proxy_process import ProxyProcess, main

from .conftest import Connect

pytestmark = pytest.mark.engine("postgresql", because="one engine")

# --- passing through -------------------------------------------------------------------------


def test_it_changes_nothing(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    assert connection.execute("SELECT 'é', NULL").fetchone() == ("é", None)
    assert connection.execute("SELECT %s::int + 1", (41,)).fetchone() == (42,)
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM nowhere")
    with connection.cursor().copy("COPY proxied FROM STDIN") as copy:
        for number in range(5000):
            copy.write_row((number,))
    assert len(connection.execute("SELECT * FROM proxied").fetchall()) == 5000
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", (n,)) for n in range(50)]
    assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(50)]


def test_async_clients_use_it_too(proxy: Proxy, server_url: str) -> None:
    async def ask() -> object:
        url = proxy.through(server_url)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            cursor = await connection.execute("SELECT 1")
            return await cursor.fetchone()

    assert asyncio.run(ask()) == (1,)


def test_encryption_is_declined(proxy: Proxy, server_url: str) -> None:
    url = proxy.through(server_url).replace("sslmode=disable", "sslmode=prefer")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    kinds = [record.type for record in proxy.trace[:3]]
    assert kinds == ["SSLRequest", "EncryptionRefused", "StartupMessage"]


def test_a_statement_can_be_cancelled(connect: Connect) -> None:
    connection = connect()
    timer = threading.Timer(0.2, connection.cancel_safe)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(10)")
    timer.join()


def test_trace_and_connections(proxy: Proxy, connect: Connect, server_url: str) -> None:
    connect().execute("SELECT 1")
    second = connect()
    with pytest.raises(psycopg.Error):
        second.execute("SELECT * FROM nowhere")
    texts = [(record.connection, record.text) for record in proxy.trace if record.type == "Query"]
    assert texts == [(1, "SELECT 1"), (2, "SELECT * FROM nowhere")]
    assert [r.sqlstate for r in proxy.trace if r.type == "ErrorResponse"] == ["42P01"]
    numbers = [record.number for record in proxy.trace if record.sender is Sender.CLIENT]
    assert numbers == list(range(1, proxy.messages(Sender.CLIENT) + 1))
    assert [connection.number for connection in proxy.connections] == [1, 2]
    assert proxy.connections[0].user == second.info.user


def test_reset_starts_afresh(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT 1")
    proxy.reset()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert (proxy.trace, proxy.connections, proxy.round_trips()) == ([], (), 0)
    connect().execute("SELECT 1")
    assert [one.number for one in proxy.connections] == [1]


def test_a_server_that_is_not_there() -> None:
    with (
        Proxy("127.0.0.1", 1) as proxy,
        pytest.raises(psycopg.OperationalError, match="closed the connection unexpectedly"),
    ):
        psycopg.connect(proxy.url(user="me", dbname="x"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("127.0.0.1:5432", ("127.0.0.1", 5432)),
        ("/tmp/x/.s.PGSQL.5433", ("/tmp/x", 5433)),
        ("/tmp/x:5433", ("/tmp/x", 5433)),
        ("postgresql://me:secret@db:5433/x", ("db", 5433)),
        ("postgresql://me@db,other:1/x", ("db", 5432)),
        ("postgresql:///x?host=/tmp/x&port=5433", ("/tmp/x", 5433)),
        ("postgresql://me@%2Ftmp%2Fx/x", ("/tmp/x", 5432)),
        ("postgresql://[::1]:9/x", ("::1", 9)),
        ("postgresql://[::1]/x", ("::1", 5432)),
        ("cockroachdb://root@localhost/x", ("localhost", 26257)),
        ("postgresql:///x", ("localhost", 5432)),
    ],
)
def test_targets(url: str, target: tuple[str, int]) -> None:
    assert target_of(url) == target


def test_urls_that_lead_through() -> None:
    proxy = Proxy("db", 5432, listen_port=7)
    url = "postgresql://me:s%40t@db:1/x?options=-c%20a%3Db&host=/tmp&sslmode=require"
    assert proxy.through(url) == (
        "postgresql://me:s%40t@127.0.0.1:7/x?options=-c%20a%3Db&sslmode=disable"
    )
    assert proxy.url(user="a b", dbname="x/y", password="p:w") == (
        "postgresql://a%20b:p%3Aw@127.0.0.1:7/x%2Fy?sslmode=disable"
    )


# --- counting --------------------------------------------------------------------------------


def test_round_trips(proxy: Proxy, connect: Connect) -> None:
    connection = connect()
    assert proxy.round_trips() == 0

    def cost(work: Callable[[], object]) -> int:
        before = proxy.round_trips()
        work()
        return proxy.round_trips() - before

    assert cost(lambda: connection.execute("SELECT 1")) == 1
    assert cost(lambda: connection.execute("SELECT 1; SELECT 2; SELECT 3")) == 1
    assert cost(lambda: connection.execute("SELECT %s", ("x",))) == 1
    connection.prepare_threshold = 0
    assert cost(lambda: connection.execute("SELECT %s", ("x",))) == 2
    assert cost(lambda: connection.execute("SELECT %s", ("y",))) == 1
    connection.prepare_threshold = None

    def transaction() -> None:
        with connection.transaction():
            connection.execute("SELECT 1")

    def pipeline() -> None:
        with connection.pipeline():
            for number in range(100):
                connection.execute("SELECT %s", (number,))

    assert cost(transaction) == 3
    assert cost(pipeline) == 1
    other = connect()
    assert cost(lambda: other.execute("SELECT 1")) == 1
    assert proxy.round_trips(2) == 1
    other.close()
    assert proxy.round_trips(2) == 1


# --- delay -----------------------------------------------------------------------------------


@pytest.mark.clock
def test_a_delay_is_a_delay_of_each_round_trip(server_url: str) -> None:
    with Proxy.before(server_url, delay_ms=30) as proxy:
        began = time.monotonic()
        connection = psycopg.connect(proxy.through(server_url), autocommit=True)
        assert time.monotonic() - began >= 0.03
        taken = []
        for _ in range(15):
            began = time.monotonic()
            connection.execute("SELECT 1", prepare=False)
            taken.append(time.monotonic() - began)
        assert 0.03 <= min(taken) < 0.034
        began = time.monotonic()
        with connection.pipeline():
            for number in range(200):
                connection.execute("SELECT %s", (number,), prepare=False)
        assert 0.03 <= time.monotonic() - began < 3
        connection.close()


def test_a_process_of_its_own(server_url: str) -> None:
    with ProxyProcess(server_url, delay_ms=20) as proxy:
        parts = urlsplit(server_url)
        with Proxy.before(server_url) as through:
            url = through.through(server_url).replace(f":{through.port}", f":{proxy.port}")
        assert parts.scheme in url
        with psycopg.connect(url, autocommit=True) as connection:
            began = time.monotonic()
            connection.execute("SELECT 1")
            assert time.monotonic() - began >= 0.02
        assert proxy.counts() == (1, 1)
        proxy.reset()
        assert proxy.counts() == (0, 0)


@pytest.mark.parametrize(
    "arguments", [["--listen=0.0.0.0:0"], ["--imitate=25"], ["--no-such-option"]]
)
def test_a_process_refuses_what_it_cannot_do(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--target=127.0.0.1:1", *arguments])
    assert ended.value.code == 2
    assert arguments[0].partition("=")[0] in capsys.readouterr().err
