"""The lease with a played session and a played clock: when it asks, waits, gives up, gives back."""

from __future__ import annotations

from typing import Any, ClassVar

import psycopg
import pytest

from manticore_cockroachdb.errors import ConnectionFailed, LeaseLost, LeaseTimeout
from manticore_cockroachdb.runner import async_lease as module
from manticore_cockroachdb.runner import events as e
from manticore_cockroachdb.runner.async_lease import AsyncLease
from manticore_cockroachdb.runner.bookkeeping import Tables

HELD = [[("them", 4, "s", None, 12.0)]]


class Session:
    """Answers from a list; a callable there is called, an error raised."""

    id = "own session"
    tables = Tables("public", False)

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.said: list[str] = []
        self.told: list[e.Event] = []
        self.listener = self.told.append
        self.now = 100.0
        self.slept: list[float] = []
        self.made = 0
        self.crowded = 0

    async def prepared(self, sql: str) -> Any:
        self.said.append(sql)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    fetch = prepared

    async def rollback(self) -> None:
        self.said.append("ROLLBACK")

    def stop_if_asked(self) -> None:
        """Nobody asks."""

    def farewell(self) -> list[str]:
        """It is nobody else's connection."""
        return []

    async def create_tables(self) -> None:
        self.made += 1

    async def open(self) -> None:
        self.said.append("open")

    async def close(self) -> None:
        self.said.append("close")

    async def reopen(self) -> None:
        self.said.append("reopen")
        if self.crowded:
            self.crowded -= 1
            raise ConnectionFailed("full") from psycopg.OperationalError("too many clients already")

    async def end_session(self, session: str) -> None:
        self.said.append(f"end {session}")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Task:
    """The heartbeat, that does not beat."""

    joined: ClassVar[list[float]] = []

    def __init__(self, function: object, name: str) -> None:
        self.joined.clear()

    async def join(self, seconds: float) -> None:
        self.joined.append(seconds)


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(*answers: Any, ttl: float = 30.0, wait: float = 60.0) -> tuple[AsyncLease, Session]:
        session = Session(*answers)
        monkeypatch.setattr(module, "monotonic", lambda: session.now)
        monkeypatch.setattr(module, "async_sleep", session.sleep)
        monkeypatch.setattr(module, "uniform", lambda low, high: (low + high) / 2)
        monkeypatch.setattr(module, "AsyncTask", Task)
        return AsyncLease(session, ttl=ttl, wait=wait), session  # type: ignore[arg-type]

    return made


def error(sqlstate: str) -> psycopg.Error:
    return psycopg.errors.lookup(sqlstate)("no")


async def test_a_free_lease_is_taken_in_one_message_with_what_is_read(lease: Any) -> None:
    one, session = lease([[(7, "before", "their session")], ["history"], ["journal"]])
    assert await one.acquire("READ 1", "READ 2") == [["history"], ["journal"]]
    assert (one.token, one.previous_session) == (7, "their session")
    assert session.said == [
        f"{session.tables.acquire(one.owner, session.id, 30.0)};\nREAD 1;\nREAD 2"
    ]
    assert session.told == [e.LeaseTaken(7, "before")]
    assert session.slept == []


async def test_who_waits_says_so_at_once_and_every_five_seconds(lease: Any) -> None:
    one, session = lease(*[[[]], HELD] * 80, wait=12.0)
    with pytest.raises(LeaseTimeout, match=r"them has held the lease for longer than the 12 s"):
        await one.acquire()
    told = [event for event in session.told if isinstance(event, e.LeaseWaiting)]
    assert [(event.owner, event.remaining) for event in told] == [("them", 12.0)] * 3
    assert session.slept[0] == 0.05
    assert session.slept[1] == pytest.approx(0.075)
    assert max(session.slept) == module.APART
    assert sum(session.slept) == pytest.approx(12.0, abs=0.05)
    assert one.token == 0


async def test_who_waits_for_long_keeps_no_connection(lease: Any) -> None:
    """Hundreds may, and whom they wait for needs one for its heartbeat."""
    one, session = lease(*[[[]], HELD] * 80, wait=12.0)
    session.crowded = 2
    with pytest.raises(LeaseTimeout):
        await one.acquire()
    went = [what for what in session.said if what in ("close", "reopen")]
    assert went[:4] == ["close", "reopen", "reopen", "reopen"], "it is not let in at once"
    assert went[4:6] == ["close", "reopen"]
    one, session = lease(*[[[]], HELD] * 80, wait=4.0)
    session.crowded = 1000
    with pytest.raises(ConnectionFailed):
        await one.acquire()
    assert sum(session.slept) < 5


async def test_the_last_pause_is_no_longer_than_the_lease_or_the_patience(lease: Any) -> None:
    one, session = lease([[]], [[("them", 4, "s", None, 0.06)]], [[]], HELD, [[(5, None, None)]])
    session.answers[3] = [[("them", 4, "s", None, -3.0)]]
    await one.acquire()
    assert session.slept == [0.05, pytest.approx(0.05)]


async def test_a_lease_that_is_not_there_is_made(lease: Any) -> None:
    one, session = lease([[]], [[]], [[(1, None, None)]])
    await one.acquire()
    assert session.made == 1
    assert session.told[0] == e.LeaseWaiting("nobody", 0.0)


async def test_taking_it_is_tried_again_where_nothing_happened(lease: Any) -> None:
    one, session = lease(error("40001"), error("40001"), [[(3, None, None)]])
    await one.acquire()
    assert session.said.count("ROLLBACK") == 2
    assert session.slept == pytest.approx([0.02, 0.04])
    one, session = lease(*[error("40001") for _ in range(20)])
    with pytest.raises(psycopg.errors.SerializationFailure):
        await one.acquire()
    assert len(session.slept) == 19 and not session.answers
    one, session = lease(error("42501"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await one.acquire()
    assert session.slept == []


async def test_nine_tenths_of_its_time_nobody_is_asked(lease: Any) -> None:
    one, session = lease([[(7, None, None)]], [[(7,)]], [[]])
    await one.acquire()
    asked = len(session.said)
    session.now += 26.9
    await one.check()
    assert len(session.said) == asked
    session.now += 0.2
    await one.check()
    assert session.said[asked:] == [session.tables.renew(7, 30.0)]
    session.now += 26.9  # that was a renewal
    await one.check()
    assert len(session.said) == asked + 1
    session.now += 5
    with pytest.raises(LeaseLost):
        await one.check()
    with pytest.raises(LeaseLost):  # and nobody is asked any more
        await one.check()
    assert len(session.said) == asked + 2


async def test_what_is_gone_is_gone_until_it_is_taken_again(lease: Any) -> None:
    one, _ = lease([[(7, None, None)]], [[(8, None, None)]])
    await one.acquire()
    assert "nothing more was run" in str(one.gone())
    with pytest.raises(LeaseLost):
        await one.check()
    await one.acquire()
    await one.check()
    assert one.token == 8


async def test_it_is_given_back_in_one_message_with_the_last_writes(lease: Any) -> None:
    one, session = lease([[(7, None, None)]], [[], []])
    await one.acquire()
    await one.release("WRITE")
    assert session.said[1:] == ["ROLLBACK", f"WRITE;\n{session.tables.release(one.owner)}"]
    assert one.token == 0 and Task.joined == [5]
    await one.release()
    assert len(session.said) == 3  # it has been


async def test_what_was_never_asked_for_is_not_given_back(lease: Any) -> None:
    one, session = lease()
    await one.release()
    assert session.said == []


async def test_a_connection_that_is_gone_is_replaced_to_give_it_back(lease: Any) -> None:
    one, session = lease([[(7, None, None)]], psycopg.OperationalError("gone"), [[]])
    await one.acquire()
    await one.release()
    release = session.tables.release(one.owner)
    assert session.said[1:] == ["ROLLBACK", release, "open", "end own session", release]
    # a lost lease is not worth it
    one, session = lease([[(7, None, None)]], psycopg.OperationalError("gone"))
    await one.acquire()
    one.gone()
    await one.release()
    assert session.said[-1] == session.tables.release(one.owner)
    # and where nobody answers, it expires by itself
    one, session = lease([[(7, None, None)]], *[psycopg.OperationalError("gone")] * 2)
    await one.acquire()
    await one.release()
