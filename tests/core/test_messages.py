"""Messages of a transaction, and the way back from a server's complaint to a place in the file."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.parser.split import split
from manticore_cockroachdb.runner.messages import Message, messages, place, together

TEXT = "-- a comment\nSELECT 1;\n\nSELECT\n  two;\nSELECT 'three';\n"
SPANS = list(split(TEXT))
WORDS = [TEXT[a:b] for a, b in SPANS]


def cut(text=TEXT, spans=SPANS, first=0, last=None, limit=10**6):
    last = len(spans) if last is None else last
    return list(
        messages(text, spans, first, last, begin="BEGIN", after=("FENCE", "COMMIT"), limit=limit)
    )


def test_one_transaction_is_one_message():
    (one,) = cut()
    body = TEXT[SPANS[0][0] : SPANS[-1][1]]
    assert one.sql == f"BEGIN;\n{body};\nFENCE;\nCOMMIT"
    assert (one.before, one.first, one.last, one.statements) == (1, 0, 3, 3)
    assert one.sql[one.offset :].startswith(WORDS[0])


def test_a_part_of_a_script_is_a_message_of_that_part():
    (one,) = cut(first=1, last=2)
    assert one.sql == f"BEGIN;\n{WORDS[1]};\nFENCE;\nCOMMIT"
    assert (one.first, one.last, one.statements) == (1, 2, 1)


def test_a_transaction_without_statements_still_says_what_comes_after():
    for spans, first in ((SPANS, 1), (SPANS, 0), ([(9, 9), *SPANS], 1)):
        (one,) = cut(spans=spans, first=first, last=first)
        assert one.sql == "BEGIN;\nFENCE;\nCOMMIT"
        assert (one.statements, one.before) == (0, 1)


@pytest.mark.parametrize(
    ("limit", "parts"),
    [
        (len(TEXT), [(0, 3)]),
        (SPANS[2][1] - SPANS[0][0], [(0, 3)]),
        (SPANS[2][1] - SPANS[0][0] - 1, [(0, 2), (2, 3)]),
        (SPANS[1][1] - SPANS[0][0], [(0, 2), (2, 3)]),
        (SPANS[1][1] - SPANS[0][0] - 1, [(0, 1), (1, 2), (2, 3)]),
        (0, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_a_long_script_travels_in_several_messages_of_one_transaction(limit, parts):
    found = cut(limit=limit)
    assert [(m.first, m.last) for m in found] == parts
    assert [m.before for m in found] == [1] + [0] * (len(parts) - 1)
    assert [m.offset for m in found] == [len("BEGIN;\n")] + [0] * (len(parts) - 1)
    assert sum(m.sql.count("BEGIN") for m in found) == 1
    assert [m.sql.endswith("FENCE;\nCOMMIT") for m in found] == [m is found[-1] for m in found]
    for message in found:
        assert message.sql[message.offset :].startswith(WORDS[message.first])


def test_several_transactions_in_one_message():
    other, third = "CREATE TABLE t (id INT8)", "SELECT 3"
    sql, places = together(
        [
            (TEXT, SPANS, ("F1", "COMMIT")),
            (other, [(0, len(other))], ("F2", "COMMIT")),
            (third, [(0, len(third))], ("F3", "COMMIT")),
        ],
        begin="BEGIN",
    )
    body = TEXT[SPANS[0][0] : SPANS[-1][1]]
    assert sql == (
        f"BEGIN;\n{body};\nF1;\nCOMMIT;\nBEGIN;\n{other};\nF2;\nCOMMIT;\n"
        f"BEGIN;\n{third};\nF3;\nCOMMIT"
    )
    assert [(p.before, p.first, p.last) for p in places] == [(1, 0, 3), (1, 0, 1), (1, 0, 1)]
    for placed, words in zip(places, (WORDS[0], other, third), strict=True):
        assert sql[placed.offset :].startswith(words)


@pytest.mark.parametrize("limit", [10**6, 0])
def test_a_position_leads_back_to_the_character(limit):
    for message in cut(limit=limit):
        for at in range(SPANS[message.first][0], SPANS[message.last - 1][1] + 1):
            position = message.offset + at - SPANS[message.first][0] + 1
            found = place(TEXT, SPANS, message, done=0, position=position, detail=None)
            assert found == at


@pytest.mark.parametrize("position", [0, -1])
def test_a_position_that_is_none_says_nothing(position):
    (one,) = cut()
    found = place(TEXT, SPANS, one, done=2, position=position, detail=None)
    assert found == SPANS[1][0]  # BEGIN and one statement were done


def test_a_position_in_what_is_ours_is_no_place_in_the_file():
    (one,) = cut()
    for position in (1, one.offset, one.offset + SPANS[-1][1] - SPANS[0][0] + 2, len(one.sql)):
        assert place(TEXT, SPANS, one, done=1, position=position, detail=None) is None


def quoted(text, line, column):
    """What CockroachDB says in DETAIL: the text up to the line, and a caret under the place."""
    lines = text.split("\n")[: line + 1]
    return "source SQL:\n" + "\n".join(lines) + "\n" + " " * column + "^\n"


def test_a_quotation_leads_back_to_the_character():
    (one,) = cut()
    found = place(TEXT, SPANS, one, done=0, position=None, detail=quoted(WORDS[1], 1, 2))
    assert found == TEXT.index("two")
    found = place(TEXT, SPANS, one, done=0, position=None, detail=quoted(WORDS[0], 0, 7))
    assert found == TEXT.index("1;")
    far = place(TEXT, SPANS, one, done=0, position=None, detail=quoted(WORDS[2], 0, 99))
    assert far == SPANS[-1][1]


def test_a_quotation_of_something_else_is_left_alone():
    (one,) = cut()
    for detail in (quoted("SELECT 9", 0, 3), "source SQL:\nSELECT 1", "no such column"):
        found = place(TEXT, SPANS, one, done=3, position=None, detail=detail)
        assert found == SPANS[2][0]
    # only in the part that this message carries
    part = Message("", 1, 1, 2, 7)
    detail = quoted(WORDS[0], 0, 7)
    assert place(TEXT, SPANS, part, done=1, position=None, detail=detail) == SPANS[1][0]


def test_otherwise_the_statements_are_counted():
    (one,) = cut()
    found = [place(TEXT, SPANS, one, done=n, position=None, detail=None) for n in range(6)]
    assert found == [None, SPANS[0][0], SPANS[1][0], SPANS[2][0], None, None]
    later = cut(limit=0)[1]
    assert place(TEXT, SPANS, later, done=0, position=None, detail=None) == SPANS[1][0]
    assert place(TEXT, SPANS, later, done=1, position=None, detail=None) is None


def test_a_message_without_statements_has_no_place_in_the_file():
    (one,) = cut(first=1, last=1)
    for done in range(3):
        assert place(TEXT, SPANS, one, done=done, position=9, detail=None) is None
