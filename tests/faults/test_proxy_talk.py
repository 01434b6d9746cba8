"""Which answer belongs to which request, and what counts as a round trip.

A conversation is written as type bytes: `>` what the client says, `<` what the server says.
"""

from __future__ import annotations

import pytest

from faults.proxy_talk import Request, Swallow, Talk, Trips


@pytest.mark.parametrize(
    ("conversation", "trips"),
    [
        ("", 0),
        (">Q <TDCZ", 1),
        (">Q <CZ >Q <CZ >X", 2),
        (">Q <CNSCCZ", 1),
        (">Q >Q >Q <CZ <CZ <CZ", 1),
        (">Q >Q <CZ >Q <CZ <CZ", 1),
        (">PBDES <12TDCZ", 1),
        (">PDS <1tTZ >BES <2CZ", 2),
        (">PBEH <12C >PBES <12CZ", 2),
        (">PBE >PBE >S <12C12CZ", 1),
        (">PBE >PBE >S <1E <Z >Q <CZ", 2),
        (">Q <EZ >Q <CZ", 2),
        (">Q <G >ddddc <CZ", 2),
        (">PBES <12G >dcS <CZ >Q <CZ", 3),
        (">Q <G >df <EZ >Q <CZ", 3),
        (">Q <HddcCZ", 1),
        (">X", 0),
        ("<N >Q <CZ", 1),
        (">F <VZ", 1),
        (">PBE >H <12s >E >S <CZ", 2),
    ],
)
def test_round_trips(conversation: str, trips: int) -> None:
    counter = Trips()
    for code in "ppRSKZ":
        (counter.sent if code == "p" else counter.received)(code)
    for part in conversation.split():
        for code in part[1:]:
            (counter.sent if part[0] == ">" else counter.received)(code)
    assert counter.count == trips


def test_start_up_is_no_round_trip() -> None:
    counter = Trips()
    for code in "RRE":
        counter.sent("p")
        counter.received(code)
    assert counter.count == 0


def test_answers_find_their_requests() -> None:
    talk = Talk()
    for code in "PBES":
        talk.sent(code)
    talk.sent("Q")
    found = [talk.received(code) for code in "1N2DDCZTZ"]
    codes = [None if request is None else request.code for request in found]
    assert codes == ["P", None, "B", "E", "E", "E", "S", "Q", "Q"]
    assert talk.idle


def test_an_error_skips_to_sync() -> None:
    talk = Talk()
    for code in "PBEPBES":
        talk.sent(code)
    assert talk.received("1") == Request("P")
    assert talk.received("E") == Request("B")
    assert talk.received("Z") == Request("S")
    assert talk.idle


def test_a_mark_reaches_to_the_end_of_the_batch() -> None:
    talk = Talk()
    mark = Swallow()
    for code in "PBESQ":
        talk.sent(code)
    talk.received("1")
    talk.mark(mark)
    assert [talk.received(code) for code in "2CZZ"] == [
        Request("B", mark),
        Request("E", mark),
        Request("S", mark),
        Request("Q"),
    ]
