"""Names and texts as SQL: read back by the servers, and quoted where they would need it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import manticore_cockroachdb
from manticore_cockroachdb.parser.quoting import literal, quote, reserved_at
from tests.support.differences import lacks

NAMES = ["a", "a_1", "A", "select", "position", "größe", "Größe", "a-b", 'a"b', "1a", "a$b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_plain_only_where_that_is_safe(name):
    assert (quote(name) == name) is (name in ("a", "a_1", "größe", "a$b"))


def test_the_words_that_the_server_reserves_are_quoted(server, url):
    from manticore_cockroachdb.database import Database

    with Database.from_url(url, max_size=1) as database:
        rows = database.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R','T','C')")
        words = {row["word"] for row in rows}
        assert len(words) > 100
        assert not [word for word in words if quote(word) == word]
        for name in NAMES:
            (row,) = database.execute(f"SELECT 1 AS {quote(name)}")
            assert list(row) == [name]


@pytest.mark.parametrize(
    ("before", "at", "found"),
    [
        ("CREATE TABLE ", "user (id INT)", "user"),
        ("CREATE TABLE t (id INT, ", "Order INT)", "Order"),
        ("SELECT a.", "end FROM a", "end"),
        ("SELECT ", "user", None),  # no name is expected there
        ("CREATE TABLE ", "users (id INT)", None),
        ("CREATE TABLE ", "1a (id INT)", None),
        ("ALTER PUBLICATION p ADD ", "TABLE t", None),  # the word for what is named
    ],
)
def test_a_reserved_word_is_seen_where_a_name_should_be(before, at, found):
    assert reserved_at(before + at, len(before)) == found


@pytest.mark.parametrize("text", ["a", "it's", r"C:\temp", "\\'", "a\nb", "%s", "ä"])
def test_a_text_comes_back_whatever_the_server_makes_of_backslashes(server, url, text):
    from manticore_cockroachdb.database import Database

    with Database.from_url(url, max_size=1) as database:
        (row,) = database.execute(f"SELECT {literal(text)} AS x")
        assert row == {"x": text}
        if not lacks(server, "backslashes"):
            with database.connection() as connection:
                connection.execute("SET standard_conforming_strings = off")
                assert connection.execute(f"SELECT {literal(text)} AS x").fetchone() == {"x": text}


def test_nobody_else_puts_names_or_texts_in_quotes():
    """`replace` of a quote by two of them is what a second quoter would look like."""
    found = set()
    source = Path(manticore_cockroachdb.__file__).parent
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".replace"):
                values = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if values[:2] in (['"', '""'], ["'", "''"]):
                    found.add(str(path.relative_to(source)))
    assert found == {"parser/quoting.py"}
