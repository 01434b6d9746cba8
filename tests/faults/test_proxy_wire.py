"""Framing: whatever the pieces, the same messages."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults import wire
from faults.wire import Framer, Message, ProtocolError, Sender

STARTUP = Message("", struct.pack("!II", 21, 196608) + b"user\0me\0a\0b\0\0")
SSL_REQUEST = Message("", struct.pack("!II", 8, 80877103))
CONVERSATION = [
    SSL_REQUEST,
    STARTUP,
    wire.query("SELECT 'é'"),
    wire.build("P", b"name\0SELECT 1\0\0\0"),
    wire.SYNC,
    wire.build("d", b"x" * 5000),
    wire.TERMINATE,
]


@given(st.lists(st.integers(0, 5200)))
def test_messages_do_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    data = b"".join(message.raw for message in CONVERSATION)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    framer = Framer(Sender.CLIENT)
    got = [m for a, b in itertools.pairwise(edges) for m in framer.feed(data[a:b])]
    assert got == CONVERSATION


def test_names() -> None:
    assert [wire.name(Sender.CLIENT, message) for message in CONVERSATION] == [
        "SSLRequest",
        "StartupMessage",
        "Query",
        "Parse",
        "Sync",
        "CopyData",
        "Terminate",
    ]
    assert wire.name(Sender.SERVER, wire.build("E")) == "ErrorResponse"
    assert wire.name(Sender.SERVER, wire.REFUSAL) == "EncryptionRefused"
    assert wire.name(Sender.SERVER, wire.build("?")) == "?"


def test_a_length_that_cannot_be_one() -> None:
    with pytest.raises(ProtocolError):
        Framer(Sender.SERVER).feed(b"Z\0\0\0\1")
    with pytest.raises(ProtocolError):
        Framer(Sender.CLIENT).feed(b"\xff\xff\xff\xff")


def test_what_is_built_can_be_read() -> None:
    assert wire.startup_parameters(STARTUP) == {"user": "me", "a": "b"}
    assert wire.query_text(CONVERSATION[2]) == "SELECT 'é'"
    assert wire.query_text(CONVERSATION[3]) == "SELECT 1"
    assert wire.command_tag(wire.command_complete("INSERT 0 1")) == "INSERT 0 1"
    assert wire.tx_status(wire.ready("T")) == "T"
    assert wire.parameter(wire.parameter_status("a", "b c")) == ("a", "b c")
    assert wire.row_values(wire.data_row(["é", None, ""])) == ["é", None, ""]
    assert wire.fields(wire.error("40001", "again", hint="later")) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "40001",
        "M": "again",
        "H": "later",
    }
    assert wire.fields(wire.notice("25P01", "none", severity="WARNING", detail="d"))["D"] == "d"


def test_bytes_that_are_not_utf8_survive() -> None:
    message = wire.build("Q", b"SELECT '\xff'\0")
    assert wire.query(wire.query_text(message)) == message
