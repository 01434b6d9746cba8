"""Tokens: a table of what each is, and the two roads to the same ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manticore_cockroachdb.parser.lex import Token, Unterminated, fold, keys, spans, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \t\r\n\x0c\x0b ", []),
        ("SELECT a$b _c É\xa0", ["word select", "word a$b", "word _c", "word É\xa0"]),
        ('"a""B" U&"c"', ['quoted a"B', "quoted c"]),
        ("'it''s'", ["string it's"]),
        ("'\\'", ["string \\"]),
        ("E'a\\n\\'\\x41\\u00e9\\U0001F600\\101\\q'", ["string a\n'Aé😀Aq"]),
        ("e'it''s'", ["string it's"]),
        (
            "b'\\'' B'01' X'0f' N'n' U&'\\0061'",
            ["string '", "string 01", "string 0f", "string n", "string \\0061"],
        ),
        ("'a' -- c\n 'b'", ["string ab"]),
        ("E'a'\n'\\'b'", ["string a'b"]),
        ("'a' 'b'", ["string a", "string b"]),
        ("date'\\' x'0'", ["word date", "string \\", "string 0"]),
        ("u&b", ["word u", "op &", "word b"]),
        ("$$a$b$$ $t$ $$ $t$", ["dollar a$b", "dollar  $$ "]),
        ("$1 $23,$", ["param $1", "param $23", "punct ,", "punct $"]),
        (
            "1 1.5 .5 1. 1e10 1.5E-3 0xFF 0b01 1_000",
            [
                "number 1",
                "number 1.5",
                "number .5",
                "number 1.",
                "number 1e10",
                "number 1.5E-3",
                "number 0xFF",
                "number 0b01",
                "number 1_000",
            ],
        ),
        ("a.b 1..2", ["word a", "punct .", "word b", "number 1", "punct .", "number .2"]),
        (
            "a::b:::c :=d :e",
            [
                "word a",
                "punct ::",
                "word b",
                "punct :::",
                "word c",
                "punct :=",
                "word d",
                "punct :",
                "word e",
            ],
        ),
        ("a<>b->>'c'", ["word a", "op <>", "word b", "op ->>", "string c"]),
        ("a=-1", ["word a", "op =", "op -", "number 1"]),
        ("a@-1", ["word a", "op @-", "number 1"]),
        ("a+-/*c*/-b", ["word a", "op +", "op -", "op -", "word b"]),
        ("a*--c\nb", ["word a", "op *", "word b"]),
        ("a@--it's\nb", ["word a", "op @", "word b"]),
        ("u&/*it's*/b", ["word u", "op &", "word b"]),
        ("5*/*/*/*/*/*x*/*/*/*/*/3", ["number 5", "op *", "number 3"]),
        (
            "(a)[1];{}",
            [
                "punct (",
                "word a",
                "punct )",
                "punct [",
                "number 1",
                "punct ]",
                "punct ;",
                "punct {",
                "punct }",
            ],
        ),
        ("\\", ["punct \\"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert [f"{token.kind} {token.value}" for token in tokens(text)] == expected


def test_comments_on_demand() -> None:
    text = "a -- b\n/* c */ /* /* /* /* /* d */ */ */ */ */ e"
    assert [token.kind for token in tokens(text)] == ["word", "word"]
    found = tokens(text, comments=True)
    assert [token.kind for token in found] == ["word", "comment", "comment", "comment", "word"]
    assert found[1].value == "-- b"


def test_part_of_a_text() -> None:
    text = "SELECT 'a' FROM t"
    assert tokens(text, 7, 10) == [Token("string", "a", 7, 10)]
    assert tokens(text, 11)[0] == Token("word", "from", 11, 15)


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("a 'b", "string", 2),
        ("a E'b\\'", "string", 3),
        ('a "b""', "quoted identifier", 2),
        ("a $$b$", "dollar quote", 2),
        ("a $x$b$$", "dollar quote", 2),
        ("a /* /* */", "comment", 2),
    ],
)
def test_unterminated(text: str, kind: str, offset: int) -> None:
    for read in (tokens, keys):
        with pytest.raises(Unterminated) as caught:
            read(text)
        assert (caught.value.kind, caught.value.offset) == (kind, offset)


def test_a_token_beyond_the_end_is_unterminated() -> None:
    with pytest.raises(Unterminated):
        tokens("a $x$ b $x$", 0, 6)


def test_groups_as_one_token() -> None:
    found = list(spans("f(a, (')'), $$($$) AND (b", 0, 25, closed=True))
    assert [(kind, end - start) for kind, start, end in found][:3] == [
        ("word", 1),
        ("group", 17),
        ("word", 3),
    ]
    assert found[3][0] == "punct"


@pytest.mark.parametrize(
    ("word", "folded"), [("SELECT", "select"), ("É", "É"), ("ÀB", "Àb"), ("ı", "ı"), ("İ", "İ")]
)
def test_fold(word: str, folded: str) -> None:
    assert fold(word) == folded


pieces = st.lists(
    st.sampled_from(
        [
            *["select", "É", "e", "b", "U&", "a$b", "1", "1.5e3", "0x1F", ".", "$1", "''", "'a;'"],
            *[r"E'\'' ", '"a""b"', "$$x$$", "$t$'$t$", "--c'\n", "/*'*/", "/*/*/*/*/**/*/*/*/*/"],
            *[" ", "\n", "(", ")", ";", ",", "::", ":", "=", "<>", "-", "+", "*", "/", "@", "\\"],
        ]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=500)
@given(pieces)
@example("''--c'\n''")  # a comment in the middle of a constant is no comment
@example("''/*'*/\n''")  # and a block comment cannot be in the middle
@example("''/**//**/\n''")
def test_both_roads_lead_to_the_same_tokens(text: str) -> None:
    try:
        slow = tokens(text)
    except Unterminated as error:
        with pytest.raises(Unterminated) as caught:
            keys(text)
        assert caught.value.kind == error.kind
        return
    fast, ends = keys(text)
    assert ends == [token.end for token in slow]
    assert fast == [fold(text[token.start : token.end]) for token in slow]


@settings(max_examples=500)
@given(pieces)
def test_nothing_is_lost_between_tokens(text: str) -> None:
    try:
        found = tokens(text, comments=True)
    except Unterminated:
        return
    last = 0
    for token in found:
        assert text[last : token.start].strip(" \t\n\r\f\v") == ""
        last = token.end
    assert text[last:].strip(" \t\n\r\f\v") == ""


@pytest.mark.parametrize("piece", ["+", "'", "a ", "/*", "$a", "--\n", "E'a'\n", "1.", " "])
@pytest.mark.clock
def test_time_grows_with_length(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            try:
                tokens(text)
                keys(text)
            except Unterminated:
                pass
            best = min(best, time.process_time() - began)
        return best

    small = seconds(10_000)
    assert seconds(40_000) < 4 * small * 2.5 + 0.05
