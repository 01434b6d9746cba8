"""Text made fit to be shown: no control characters, no passwords, columns that line up."""

from __future__ import annotations

import io

import pytest

from manticore_cockroachdb.cli.terminal.stream import Style
from manticore_cockroachdb.cli.terminal.text import (
    columns,
    cut,
    cut_between_words,
    one_line,
    pointed,
    printable,
    redacted,
    width_of,
)
from manticore_cockroachdb.parser.split import excerpt


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h/d",
        "postgres://u:se@cret@h:1/d?x=y",
        "cockroachdb://u:s/secret@h/d",
        "postgresql://u:secret:@h,g:5/d",
        "POSTGRES://u:secret@h",
        "postgresql://h/d?password=secret&sslmode=require",
        "postgresql://h/d?user=u&sslpassword=secret",
        "host=h password=secret dbname=d",
        "host=h password = 'sec ret' dbname=d",
        "(postgresql://u:secret@h/d) unexpected",
        "CREATE USER u WITH PASSWORD 'sec ret'",
        "ALTER ROLE u ENCRYPTED PASSWORD\t'secret' VALID UNTIL 'tomorrow'",
    ],
)
def test_passwords_are_struck_out(url: str) -> None:
    assert "ret" not in redacted(f"got {url}").replace("require", "")
    assert "***" in redacted(url)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://root@/d?host=/tmp/run",
        "root@localhost:26257/d",
        "see https://example.com/x",
        "CREATE TABLE t (password TEXT NOT NULL)",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert redacted(text) == text


def test_control_characters_are_not_shown() -> None:
    assert printable("a\x1b[31mb\x07\u202ec\x9bd") == "a�[31mb��c�d"
    assert printable("a\n\tb\xa0c") == "a\n\tb c"
    assert one_line("a\n b\r\n\x1bc") == "a b �c"


def test_columns_line_up_by_what_a_terminal_shows() -> None:
    assert columns([("1", "表", "x"), ("100", "ab", "y")], limit=None) == [
        "  1    表  x",
        "  100  ab  y",
    ]
    assert columns([("1", "a long description")], limit=12) == ["  1  a long…"]
    assert columns([], limit=None) == []


def test_width_and_cut() -> None:
    assert width_of("é表e\u0301") == 4
    assert [cut("表表表", n) for n in (6, 5, 4, 1)] == ["表表表", "表表…", "表…", "…"]


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert Style.of(Terminal(), {})("x", "red") == "\x1b[31mx\x1b[0m"
    assert Style.of(Terminal(), {"NO_COLOR": "1"})("x", "red") == "x"
    assert Style.of(io.StringIO(), {})("x", "red") == "x"
    monkeypatch.setenv("TERM", "dumb")
    assert Style.of(Terminal(), {})("x", "red") == "x"


@pytest.mark.parametrize("at", [0, 5, 60, 150, 199])
@pytest.mark.parametrize("width", [40, 80, 300, None])
@pytest.mark.parametrize("line", ["x" * 200, "\t" + "ab, " * 60, "語" * 200], ids=lambda t: t[1:4])
def test_a_caret_points_at_the_same_character_however_narrow(
    line: str, at: int, width: int | None
) -> None:
    marked = line[:at] + "@" + line[at + 1 :]
    text, under = pointed(excerpt(marked, at), width, "  | ")
    if width is not None:
        assert width_of(text.expandtabs(8)) <= width
    place = width_of(under.expandtabs(8)) - 1
    shown = text.expandtabs(8)
    assert shown[next(n for n in range(len(shown)) if width_of(shown[:n]) == place)] == "@"


def test_a_cut_is_between_words_where_one_is_near() -> None:
    text = "PostgreSQL refuses it inside a transaction"
    assert cut_between_words(text, 80) == text
    assert cut_between_words(text, 35) == "PostgreSQL refuses it inside a …"
    assert cut_between_words("migrations/20230101120000_create", 20) == "migrations/20230101…"
    assert all(width_of(cut_between_words(text, width)) <= width for width in range(1, 60))


def test_a_last_column_goes_on_below_itself_where_there_is_room() -> None:
    rows = [("1", "a sentence that is too long for one line of a narrow terminal")]
    assert columns(rows, limit=40, whole=True) == [
        "  1  a sentence that is too long for one",
        "     line of a narrow terminal",
    ]
    assert columns(rows, limit=20, whole=True) == ["  1  a sentence …"]
