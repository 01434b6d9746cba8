"""Faults on a real server: what arrives, what does not, and what the client is told."""

from __future__ import annotations

import time
from typing import LiteralString

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from faults.proxy import Answer, Call, Cut, Delay, Fault, Proxy, Seen, Sender, When

from .conftest import Connect, rows

pytestmark = pytest.mark.engine("postgresql", because="one engine")

WHOLE: LiteralString = "BEGIN; INSERT INTO proxied VALUES (1); COMMIT"
COMMIT = When(Sender.CLIENT, type="Query", text="COMMIT")
IDLE, FAILED = TransactionStatus.IDLE, TransactionStatus.INERROR


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
        connect().execute("SELECT pg_sleep(2); INSERT INTO proxied VALUES (1)")
    assert time.monotonic() - began < 2
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
    assert time.monotonic() - began >= 0.2


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
