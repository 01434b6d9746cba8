"""Which message a fault acts on."""

from __future__ import annotations

import re

import pytest

from faults import wire
from faults.proxy_rules import Answer, Armed, Cut, Delay, Fault, Seen, When, decide, seen
from faults.wire import Sender

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


def said(*records: tuple[Sender, int, str, str | None]) -> list[Seen]:
    return [
        Seen(sender, kind, number, connection, 10, 0.0, text)
        for number, (sender, connection, kind, text) in enumerate(records, 1)
    ]


RUN = said(
    (CLIENT, 1, "StartupMessage", None),
    (SERVER, 1, "ReadyForQuery", None),
    (CLIENT, 1, "Query", "begin; insert; commit"),
    (CLIENT, 2, "StartupMessage", None),
    (SERVER, 1, "CommandComplete", "BEGIN"),
    (SERVER, 1, "CommandComplete", "INSERT 0 1"),
    (CLIENT, 2, "Query", "COMMIT"),
    (SERVER, 1, "CommandComplete", "COMMIT"),
    (SERVER, 2, "CommandComplete", "COMMIT"),
)


def acted(*faults: Fault) -> list[tuple[int, Fault]]:
    armed = tuple(Armed(fault) for fault in faults)
    fired = []
    for record in RUN:
        armed, fault = decide(armed, record)
        if fault is not None:
            fired.append((record.number, fault))
    return fired


@pytest.mark.parametrize(
    ("when", "number"),
    [
        (When(), 1),
        (When(nth=4), 4),
        (When(CLIENT, nth=3), 4),
        (When(CLIENT, nth=2, connection=2), 7),
        (When(type="CommandComplete", nth=3), 8),
        (When(type="CommandComplete", connection=2), 9),
        (When(type="Query", text="COMMIT"), 3),
        (When(type="Query", text=re.compile("^COMMIT$")), 7),
        (When(SERVER, text="insert"), 6),
        (When(type="Query", nth=3), None),
        (When(sqlstate="40001"), None),
    ],
)
def test_when(when: When, number: int | None) -> None:
    fault = Fault(when, Cut())
    assert acted(fault) == ([] if number is None else [(number, fault)])


def test_times() -> None:
    when = When(SERVER, type="CommandComplete", nth=2)
    assert [number for number, _ in acted(Fault(when, Delay(1), times=2))] == [6, 8]
    assert [number for number, _ in acted(Fault(when, Delay(1), times=None))] == [6, 8, 9]


def test_the_first_armed_acts_and_both_count() -> None:
    first = Fault(When(type="Query"), Cut())
    second = Fault(When(type="Query", nth=2), Cut(forward=True))
    assert acted(first, second) == [(3, first), (7, second)]
    assert acted(second, first) == [(3, first), (7, second)]


def test_records() -> None:
    def record(sender: Sender, message: wire.Message) -> Seen:
        return seen(sender, message, number=1, connection=2, at=0.5)

    assert record(CLIENT, wire.query("SELECT 1")) == Seen(
        CLIENT, "Query", 1, 2, 14, 0.5, "SELECT 1"
    )
    assert record(SERVER, wire.error("42P01", "no table")).sqlstate == "42P01"
    assert record(SERVER, wire.command_complete("BEGIN")).text == "BEGIN"
    assert record(CLIENT, wire.build("C", b"Sx\0")).text is None


@pytest.mark.parametrize(
    ("answer", "sql"),
    [
        (Answer("40001", server="rollback"), "ROLLBACK"),
        (Answer("40001", server="rollback", status="E"), "BEGIN; SELECT 1/0"),
        (Answer("40003", server="forward"), "COMMIT"),
    ],
)
def test_what_the_server_gets_instead(answer: Answer, sql: str) -> None:
    assert answer.instead(wire.query("COMMIT")) == wire.query(sql)


def test_skipping_asks_only_for_the_status() -> None:
    assert Answer("40001", server="skip").instead(wire.query("COMMIT")) == wire.SYNC
