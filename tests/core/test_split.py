"""Where statements begin and end: a specification in tables, then laws."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manticore_cockroachdb.parser.split import (
    Directive,
    Unterminated,
    directives,
    excerpt,
    line_column,
    split,
)


def statements(text: str) -> list[str]:
    return [text[start:end] for start, end in split(text)]


# In each case `|` stands for the `;` that separates statements; the rest is taken literally.
WHOLE = {
    "nothing": "",
    "one": "SELECT 1",
    "two": "SELECT 1|SELECT 2",
    "semicolon in a string": "SELECT ';'|SELECT 2",
    "doubled quote": "SELECT 'it''s; fine'|SELECT 2",
    "backslash in a plain string": r"SELECT '\'|SELECT 2",
    "escape string": r"SELECT E'\';'|SELECT e'\\'|SELECT 3",
    "escape string with a doubled quote": r"SELECT E'a''\';b'|SELECT 2",
    "a word that ends in e is no prefix": r"SELECT date'\'|SELECT _e'\'|SELECT é'\'|SELECT 9",
    "nor is an identifier's end after a dollar": r"SELECT a$e'\'|SELECT 9",
    "bytes of CockroachDB": r"SELECT b'\';\\'|SELECT 2",
    "bits, hex, national, unicode": r"SELECT B'01', X'0f', N'\', U&'\', u&'d\0061t;'|SELECT 2",
    "constant in two pieces": "SELECT E'a'\n -- c;\n  '\\';'|SELECT 2",
    "no newline between, two constants": r"SELECT E'a' '\'|SELECT 2",
    "quoted identifier": 'SELECT 1 AS "a;""b--"|SELECT U&"d\\0061;"|SELECT 3',
    "apostrophe in an identifier": 'SELECT "it\'s;"|SELECT 2',
    "dollar quote": "DO $$ BEGIN; END $$|SELECT 2",
    "tagged dollar quote": "DO $a$ $b$;$$;$ a$;$A$; $a$|SELECT 2",
    "dollar quotes side by side": "SELECT $$;$$,$a$;$a$,$é$;$é$|SELECT 2",
    "single dollars in a dollar quote": "SELECT $$ $1; $a; $$|SELECT 2",
    "dollars in identifiers": "SELECT a$b$, a1$$, a$1$b$, é$$|SELECT $x$ $;$x$",
    "parameters": "SELECT $1|SELECT $2, $3|SELECT 4",
    "dollar quote after a number": "SELECT 1$$;$$|SELECT $1$a$;$a$|SELECT 1.5$b$;$b$",
    "stray dollar": "SELECT $ , $a|SELECT 2",
    "line comment": "SELECT 1 -- ; '\n, 2|SELECT 3",
    "line comment ends at CR": "SELECT 1 -- ; '\r, 2|SELECT 3",
    "block comment": "SELECT /* ; ' */ 1|SELECT 2",
    "nested comments": "SELECT /* a /* b /* c /* d /* e; */;*/ ; */ */ ' */ 1|SELECT 2",
    "stars and slashes": "SELECT /***;/*/;*/ // ;**/ 1|SELECT 2",
    "operators that hold comments": "SELECT 5*/*;*/3, 4--;\n, 7 @--;\n 8, 6+-/*;*/1|SELECT 2",
    "minus and slash": "SELECT 1 - 2 / 3 - -4|SELECT 2",
    "parentheses": "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT ')';)|SELECT 2",
    "deep parentheses": "SELECT ((((((((1;2))))))))|SELECT ((((((3))))))|SELECT 4",
    "a parenthesis too many": "SELECT 1)|SELECT 2",
    "brackets are not parentheses": "SELECT a[1]|SELECT 2",
    "no-break space is a letter": "SELECT 1\u00a0|\u00a0SELECT 2",
    "routine": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END|SELECT 3",
    "routine with CASE": (
        "create or /* ; */ replace procedure f() begin/**/atomic"
        " select case when true then case 1 when 2 then 3 end end; select t.end AS case; end|x"
    ),
    "routine with parentheses": "CREATE FUNCTION f() BEGIN ATOMIC SELECT (1); END|SELECT 3",
    "routine with decoys": (
        "CREATE FUNCTION f(atomic int) BEGIN ATOMIC SELECT 'end', $e$ end $e$, \"end\" /* end */;"
        " -- end\n SELECT /*/*/*/*/ end */*/*/*/ $$ end $$; END|SELECT 3"
    ),
    "routine in a string": "CREATE FUNCTION f() AS 'BEGIN ATOMIC'|SELECT 1|END",
    "routine in a dollar quote": "CREATE FUNCTION f() AS $f$BEGIN ATOMIC; END;$f$|SELECT 1",
    "begin atomic outside a routine": "BEGIN ATOMIC|SELECT 1|END",
    "transaction": "BEGIN|UPDATE t SET a = CASE WHEN b THEN 1 END|END",
    "a table called function": "CREATE TABLE function (a int)|CREATE functional (a)|SELECT 1",
}


@pytest.mark.parametrize("name", WHOLE)
def test_splits(name: str) -> None:
    parts = [part for part in WHOLE[name].split("|") if part]
    assert statements(";".join(parts)) == parts
    spaced = "\n ;; -- x;\n/* y; /* z */ */ ;\r\n".join(parts)
    assert statements(f"\t-- head;\n{spaced} /* tail */ ; -- tail") == parts


def test_comment_before_a_routine_is_outside() -> None:
    text = "/*/*/*/*/ deep */*/*/*/ CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; SELECT 2"
    assert statements(text) == [
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END",
        "SELECT 2",
    ]


def test_an_unclosed_parenthesis_keeps_the_rest() -> None:
    assert statements("SELECT (1; SELECT 2;") == ["SELECT (1; SELECT 2;"]


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("SELECT 1; SELECT 'abc", "string", 17),
        ("SELECT E'abc\\'", "string", 8),
        ("SELECT (((('", "string", 11),
        ('SELECT "abc""', "quoted identifier", 7),
        ("SELECT $$ $a$ $ $", "dollar quote", 7),
        ("SELECT $tag$ $$ $tagg$ $Tag$", "dollar quote", 7),
        ("SELECT /* /* */", "comment", 7),
        ("SELECT 1; /*/", "comment", 10),
        ("/*/*/*/*/*/*/**/*/*/*/*/", "comment", 0),
    ],
)
def test_unterminated(text: str, kind: str, offset: int) -> None:
    with pytest.raises(Unterminated) as caught:
        list(split(text))
    assert (caught.value.kind, caught.value.offset) == (kind, offset)


def test_is_lazy() -> None:
    spans = split("SELECT 1; SELECT 'unterminated")
    assert next(spans) == (0, 8)


# Laws

tokens = st.sampled_from(
    [
        *["SELECT", "création", "e", "E", "b", "a$b", "a1$$", "x", "$1", "$23", "1", "1.5e-3"],
        *["'a;'", "'it''s'", r"E'\';'", r"b'\''", r"'\'", '"q;""r"', 'U&"x"', "''", '""'],
        *["$$;$$", "$a$;$b$ $$'$a$", "$$$$", "(", ")", "[", "]", ",", ".", "::", "-", "/", "*"],
        *["--;'\n", "/* ; ' */", "/* /* ; */ $$ */", "<>", "@>", "||", "{", "}", "?", "\\", "#"],
        *["CREATE", "FUNCTION", "begin", "end", "case", "OR", "REPLACE", "ATOMI"],
    ]
)
blanks = st.sampled_from([" ", "\n", "\t", "\r\n", "  \n", " -- c;'\n", '/* ;"*/ '])


@st.composite
def token_lists(draw: Callable[[st.SearchStrategy[list[str]]], list[str]]) -> list[str]:
    """Tokens of one statement: balanced, with a token at each end."""
    chosen = draw(st.lists(tokens, min_size=1, max_size=12))
    depth, balanced = 0, ["x"]
    for token in chosen:
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            depth = 0
            continue
        if token.endswith("'") and balanced[-1].endswith("'"):
            balanced.append(",")  # two constants side by side could be one in two pieces
        balanced.append(token)
    return [*balanced, *[")"] * depth, "y"]


@given(st.lists(token_lists(), max_size=6), st.data())
def test_random_statements_come_back(parts: list[list[str]], data: st.DataObject) -> None:
    def join(part: list[str]) -> str:
        text = part[0]
        for token in part[1:]:
            text += data.draw(blanks) + token
        return text

    texts = [join(part) for part in parts]
    separator = data.draw(blanks) + ";" + data.draw(blanks)
    assert statements(separator.join(texts)) == texts


SKIPPED = re.compile(r"(?:[ \t\n\r\f\v;]|--[^\n\r]*|/\*.*?\*/)*", re.DOTALL)


@settings(max_examples=500)
@given(st.lists(st.one_of(tokens, blanks, st.just(";")), max_size=40).map("".join))
def test_between_spans_is_nothing_of_substance(text: str) -> None:
    try:
        spans = list(split(text))
    except Unterminated as error:
        assert 0 <= error.offset < len(text)
        return
    end = 0
    for start, stop in spans:
        assert end <= start < stop
        gap = re.sub(r"/\*((?!/\*|\*/).)*\*/", " ", text[end:start], flags=re.DOTALL)
        assert SKIPPED.fullmatch(gap)
        assert not text[start].isspace()
        assert text[stop - 1] not in " \t\n\r\f\v"
        # A statement by itself is one statement.
        assert list(split(text[start:stop])) == [(0, stop - start)]
        end = stop


@given(st.text(alphabet="abeE'\"$/*-;() \n\r\\1é", max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        spans = list(split(text))
    except Unterminated:
        return
    assert all(start < stop for start, stop in spans)
    assert spans == sorted(spans)


HOSTILE: dict[str, Callable[[int], str]] = {
    "quotes": lambda n: "'" * n,
    "quotes, odd": lambda n: "SELECT " + "'" * (n | 1),
    "escapes": lambda n: "SELECT E'" + "\\'" * (n // 2),
    "pieces of a constant": lambda n: "E'a' \n" * (n // 6),
    "opened comments": lambda n: "/*" * (n // 2),
    "nested comments": lambda n: "/*" * (n // 4) + "*/" * (n // 4),
    "comments that breathe": lambda n: "/*/*/*/*/*" + "/**/" * (n // 4),
    "near misses of a tag": lambda n: "$a$" + "$b$a" * (n // 4),
    "dollars": lambda n: "$a " * (n // 3),
    "dollars in words": lambda n: "a$" * (n // 2),
    "opened parentheses": lambda n: "(a" * (n // 2),
    "parentheses with a semicolon": lambda n: "(a;" * (n // 3),
    "closed parentheses": lambda n: ")" * n,
    "deep pairs": lambda n: "((((((((1))))))))" * (n // 17),
    "semicolons": lambda n: ";" * n,
    "dashes": lambda n: "- " * (n // 2),
    "blanks": lambda n: "SELECT 1" + " " * n,
    "comments at the end": lambda n: "SELECT 1" + "\n--" * (n // 3),
    "routine": lambda n: "CREATE FUNCTION f() BEGIN ATOMIC " + "SELECT 1;" * (n // 9),
    "routine without a body": lambda n: "CREATE FUNCTION f() AS ATOMIC" + "(;)" * (n // 3),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.clock
def test_time_grows_with_length(name: str) -> None:
    def seconds(size: int) -> float:
        text = HOSTILE[name](size)
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            try:
                for _span in split(text):
                    pass
            except Unterminated:
                pass
            best = min(best, time.process_time() - began)
        return best

    small = seconds(40_000)
    assert seconds(160_000) < 4 * small * 2.5 + 0.02


# Positions


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("", 0, (1, 1)),
        ("abc", 2, (1, 3)),
        ("a\nbc", 2, (2, 1)),
        ("a\r\nbc", 4, (2, 2)),
        ("a\rbc", 3, (2, 2)),
        ("a\n\n\r\n\rb", 6, (5, 1)),
        ("a\r\nb", 2, (1, 3)),
        ("a\n", 2, (2, 1)),
        ("\nab", 2, (2, 2)),
        ("\n\rab", 3, (3, 2)),
    ],
)
def test_line_column(text: str, offset: int, expected: tuple[int, int]) -> None:
    assert line_column(text, offset) == expected


def test_excerpt() -> None:
    assert excerpt("SELECT 1;\nSELEC 2;\nSELECT 3;", 10) == "SELEC 2;\n^"
    assert excerpt("a\r\n\tSELECT x y\r\nb", 13) == "\tSELECT x y\n\t         ^"
    assert excerpt("表 x", 2) == "表 x\n   ^"
    assert excerpt("SELECT", 6) == "SELECT\n      ^"


def test_excerpt_of_a_long_line_is_cut_around_the_caret() -> None:
    text = "x" * 500 + "!" + "y" * 500
    line, caret = excerpt(text, 500).split("\n")
    assert line[0] == line[-1] == "…"
    assert len(line) == 122
    assert line[caret.index("^")] == "!"
    for offset in (0, 1000):
        line, caret = excerpt(text, offset).split("\n")
        assert len(line) == 121
        assert line[caret.index("^")] == text[offset]


# Directives


def found(text: str) -> list[tuple[str, str, int]]:
    return [(d.name, d.value, line_column(text, d.start)[0]) for d in directives(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-- @UNDO", [("undo", "", 1)]),
        ("--@undo", [("undo", "", 1)]),
        (" \t--   @Transaction  off  \r\n", [("transaction", "off", 1)]),
        ("a;\n-- @allow drop-column: why, 'so'\nb", [("allow", "drop-column: why, 'so'", 2)]),
        ("a;\r-- @a\r\n-- @b", [("a", "", 2), ("b", "", 3)]),
        ("SELECT (\n-- @a\n1)", [("a", "", 2)]),
        ("SELECT 1 -- @a", []),
        ("/**/ -- @a", []),
        ("'\n-- @a\n'", []),
        ("E'\\'\n-- @a\n'", []),
        ('"\n-- @a\n"', []),
        ("$$\n-- @a\n$$", []),
        ("$x$\n-- @a\n$x$\n-- @b", [("b", "", 4)]),
        ("/*/*/*/*/*\n-- @a\n*/*/*/*/*/\n-- @b", [("b", "", 4)]),
        ("-- -- @a", []),
        ("-- see @a", []),
        ("-- @", []),
        ("-- @ a", []),
        ("-- @@a", []),
        ("--- @a", []),
        ("-- it's @a\n-- @b", [("b", "", 2)]),
        ("a$b\n-- @b", [("b", "", 2)]),
    ],
)
def test_directives(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert found(text) == expected
    assert found(f"{text}\n''") == expected  # where there is a string, it is read more closely


def test_a_directive_knows_its_span() -> None:
    text = "SELECT 1;\n  -- @allow a: b \nSELECT 2;"
    assert directives(text) == [Directive("allow", "a: b", 12, 27)]
    assert text[12:27] == "-- @allow a: b "


def test_directives_are_not_looked_for_in_vain() -> None:
    text = "-- a comment, a@b.c\nINSERT INTO t VALUES ('--@', '- @'), ('--', '@');\n" * 100_000
    began = time.process_time()
    assert directives(text) == []
    assert time.process_time() - began < 0.5


def test_an_unterminated_token_before_a_directive() -> None:
    with pytest.raises(Unterminated):
        directives("SELECT 'abc\n-- @UNDO")
