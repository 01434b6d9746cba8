"""The proxy between psycopg and a real server."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from faults.proxy import (
    Answer,
    Call,
    Cut,
    Delay,
    Fault,
    Proxy,
    Seen,
    Sender,
    When,
    target_of,
)
from faults.proxy_process import ProxyProcess, main

pytestmark = pytest.mark.engine("postgresql")

WHOLE: LiteralString = "BEGIN; INSERT INTO proxied VALUES (1); COMMIT"
COMMIT = When(Sender.CLIENT, type="Query", text="COMMIT")
IDLE, FAILED = TransactionStatus.IDLE, TransactionStatus.INERROR


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
    direct.execute("TRUNCATE proxied")
    with Proxy.before(server_url) as proxy:
        yield proxy


@pytest.fixture
def connect(proxy: Proxy, server_url: str) -> Iterator[Callable[[], psycopg.Connection]]:
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        url = proxy.through(server_url)
        opened.append(psycopg.connect(url, autocommit=True, prepare_threshold=None))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


Connect = Callable[[], psycopg.Connection]


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


def test_a_delay_is_a_delay_of_each_round_trip(server_url: str) -> None:
    with Proxy.before(server_url, delay_ms=30) as proxy:
        began = time.monotonic()
        connection = psycopg.connect(proxy.through(server_url), autocommit=True)
        assert time.monotonic() - began >= 0.03
        taken = []
        for _ in range(9):
            began = time.monotonic()
            connection.execute("SELECT 1", prepare=False)
            taken.append(time.monotonic() - began)
        assert min(taken) >= 0.03
        assert statistics.median(taken) < 0.04
        began = time.monotonic()
        with connection.pipeline():
            for number in range(200):
                connection.execute("SELECT %s", (number,), prepare=False)
        assert 0.03 <= time.monotonic() - began < 0.3
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


# --- cuts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        (Cut(), 0),
        (Cut(forward=True), 1),
        (Cut(forward=True, server="finish"), 1),
        (Cut(forward=False, server="finish"), 0),
    ],
)
@pytest.mark.parametrize("batch", [True, False])
def test_cut_at_commit(
    proxy: Proxy,
    connect: Connect,
    direct: psycopg.Connection,
    cut: Cut,
    kept: int,
    reset: bool,
    batch: bool,
) -> None:
    proxy.arm(Fault(COMMIT, Cut(cut.forward, cut.server, reset)))
    connection = connect()
    with pytest.raises(psycopg.OperationalError) as failure:
        if batch:
            connection.execute(WHOLE)
        else:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO proxied VALUES (1)")
            connection.execute("COMMIT")
    assert failure.value.sqlstate is None
    assert connection.broken
    assert rows(direct, kept) == kept
    assert [record.text for _, record in proxy.fired] == [WHOLE if batch else "COMMIT"]
    connect().execute(WHOLE)
    assert rows(direct) == kept + 1


@pytest.mark.parametrize("forward", [True, False])
def test_cut_at_an_answer(
    proxy: Proxy, connect: Connect, direct: psycopg.Connection, forward: bool
) -> None:
    when = When(Sender.SERVER, type="CommandComplete", text="COMMIT")
    proxy.arm(Fault(when, Cut(forward=forward)))
    with pytest.raises(psycopg.OperationalError):
        connect().execute(WHOLE)
    assert rows(direct, 1) == 1
    delivered = [r.text for r in proxy.trace if r.type == "CommandComplete"]
    assert delivered == ["BEGIN", "INSERT 0 1", "COMMIT"]


def test_the_server_may_finish_what_it_was_asked(
    proxy: Proxy, connect: Connect, direct: psycopg.Connection
) -> None:
    proxy.arm(Fault(When(text="pg_sleep"), Cut(forward=True, server="finish")))
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        connect().execute("SELECT pg_sleep(0.5); INSERT INTO proxied VALUES (1)")
    assert time.monotonic() - began < 0.4
    assert rows(direct, 1) == 1


def test_a_client_that_vanishes_without_a_word(
    proxy: Proxy, connect: Connect, direct: psycopg.Connection
) -> None:
    connection = connect()
    connection.execute("BEGIN; INSERT INTO proxied VALUES (1)")
    pid = connection.info.backend_pid
    proxy.arm(Fault(COMMIT, Cut(server="hold")))
    with pytest.raises(psycopg.OperationalError):
        connection.execute("COMMIT")
    state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    time.sleep(0.1)
    assert direct.execute(state, (pid,)).fetchone() == ("idle in transaction",)
    proxy.reset()
    assert rows(direct) == 0


def test_every_message_can_be_the_last(
    proxy: Proxy, server_url: str, direct: psycopg.Connection
) -> None:
    def run() -> None:
        url = proxy.through(server_url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(WHOLE)

    run()
    for sender in Sender:
        count = proxy.messages(sender)
        for number in range(1, count + 1):
            for forward in (False, True):
                proxy.reset()
                proxy.arm(Fault(When(sender, nth=number), Cut(forward=forward)))
                try:
                    run()
                except psycopg.OperationalError as error:
                    assert error.sqlstate is None
                assert len(proxy.fired) == 1
                count = proxy.messages(sender) if number == count else count
        proxy.reset()
        run()
        assert proxy.messages(sender) == count


# --- delays and calls ------------------------------------------------------------------------


def test_one_message_can_be_held(proxy: Proxy, connect: Connect) -> None:
    proxy.arm(Fault(When(Sender.SERVER, type="ReadyForQuery", nth=2), Delay(0.2)))
    connection = connect()
    began = time.monotonic()
    connection.execute("SELECT 1")
    connection.execute("SELECT 1")
    assert 0.2 <= time.monotonic() - began < 0.4


def test_a_function_can_be_called(proxy: Proxy, connect: Connect) -> None:
    calls: list[Seen] = []
    proxy.arm(Fault(When(type="Query", nth=2), Call(calls.append), times=2))
    connection = connect()
    statements: list[LiteralString] = ["SELECT 0", "SELECT 1", "SELECT 2", "SELECT 3"]
    for statement in statements:
        connection.execute(statement)
    assert [call.text for call in calls] == ["SELECT 1", "SELECT 2"]


def test_what_goes_wrong_inside_is_raised(server_url: str) -> None:
    def fail(_: Seen) -> None:
        raise ZeroDivisionError

    fault = Fault(When(type="Query"), Call(fail))
    proxy = Proxy.before(server_url, faults=(fault,))
    proxy.start()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.through(server_url)).execute("SELECT 1")
    with pytest.raises(ZeroDivisionError):
        proxy.close()


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kept", "status"),
    [
        (Answer("40001", server="rollback"), 0, IDLE),
        (Answer("40001", server="rollback", status="E"), 0, FAILED),
        (Answer("40003", server="forward"), 1, IDLE),
        (Answer("40003", server="rollback"), 0, IDLE),
        (Answer("40003", server="skip", status="I"), None, IDLE),
    ],
)
@pytest.mark.parametrize("batch", [True, False])
def test_answers_at_commit(
    proxy: Proxy,
    connect: Connect,
    direct: psycopg.Connection,
    answer: Answer,
    kept: int | None,
    status: TransactionStatus,
    batch: bool,
) -> None:
    proxy.arm(Fault(COMMIT, answer))
    connection = connect()
    with pytest.raises(psycopg.Error, match="injected") as failure:
        if batch:
            connection.execute(WHOLE)
        else:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO proxied VALUES (1)")
            connection.execute("COMMIT")
    assert failure.value.sqlstate == answer.sqlstate
    assert connection.info.transaction_status == status
    if kept is None:  # skipped: with a transaction open on the server, nothing is decided
        assert connection.execute("SELECT count(*) FROM proxied").fetchone() == (int(not batch),)
        return
    if status is FAILED:
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.execute("ROLLBACK")
    assert rows(direct) == kept
    connection.execute(WHOLE)
    assert rows(direct) == kept + 1


@pytest.mark.parametrize(
    "answer", [Answer("40001", server=server) for server in ("forward", "rollback", "skip")]
)
def test_answers_in_a_pipeline(
    proxy: Proxy, connect: Connect, direct: psycopg.Connection, answer: Answer
) -> None:
    connection = connect()
    proxy.arm(Fault(When(type="Parse", text="COMMIT"), answer))
    with pytest.raises(psycopg.errors.SerializationFailure), connection.pipeline():
        connection.execute("BEGIN")
        connection.execute("INSERT INTO proxied VALUES (%s)", (1,))
        connection.execute("COMMIT")
    if answer.server == "skip":
        assert connection.info.transaction_status == TransactionStatus.INTRANS
        connection.execute("ROLLBACK")
    assert connection.info.transaction_status == IDLE
    assert rows(direct) == (answer.server == "forward")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_answer_from_the_middle(
    proxy: Proxy, connect: Connect, direct: psycopg.Connection
) -> None:
    when = When(Sender.SERVER, type="CommandComplete", text="INSERT")
    proxy.arm(Fault(when, Answer("40003")))
    connection = connect()
    with pytest.raises(psycopg.errors.StatementCompletionUnknown):
        connection.execute(WHOLE)
    assert rows(direct) == 1
    assert [r.text for r in proxy.trace if r.type == "CommandComplete"] == ["BEGIN", "INSERT 0 1"]


def test_a_node_that_drains(proxy: Proxy, connect: Connect, direct: psycopg.Connection) -> None:
    drain = Answer("57P01", "server is shutting down", severity="FATAL", close=True, server="skip")
    proxy.arm(Fault(COMMIT, drain))
    connection = connect()
    with pytest.raises(psycopg.errors.AdminShutdown):
        connection.execute(WHOLE)
    assert connection.closed
    assert rows(direct) == 0
