"""What a statement is called, and that no literal of it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb import sql
from manticore_cockroachdb.telemetry.summary import READ, describe

# The first are the examples of the conventions' page.
SUMMARIES = {
    "SELECT * FROM wuser_table WHERE username = 'x'": "SELECT wuser_table",
    "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE"
    " order_id = 7": "INSERT shipping_details SELECT orders",
    "SELECT * FROM songs, artists WHERE songs.artist_id = artists.id": "SELECT songs artists",
    "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id ="
    " c.customer_id) x": "SELECT SELECT orders customers",
    'SELECT * FROM "song list"': 'SELECT "song list"',
    "with a as (select 1 from t) select * from a join b using (x)": "select t select b",
    "SELECT extract(year FROM at), a FROM t WHERE x IS DISTINCT FROM y FOR UPDATE": "SELECT t",
    "UPDATE t SET a = 1 FROM u WHERE t.id = u.id": "UPDATE t u",
    "DELETE FROM t USING u WHERE t.id = $1": "DELETE t u",
    "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2": "INSERT t",
    "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1": "MERGE t s",
    "CREATE TABLE IF NOT EXISTS public.users (id INT)": "CREATE TABLE public.users",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON users (a)": "CREATE INDEX i",
    "CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql": (
        "CREATE FUNCTION f"
    ),
    "ALTER TABLE users ADD COLUMN a INT": "ALTER TABLE users",
    "TRUNCATE users": "TRUNCATE users",
    "COPY t (a) FROM STDIN": "COPY t",
    "SET application_name = 'x'": "SET",
    "EXPLAIN ANALYZE SELECT * FROM t": "EXPLAIN SELECT t",
    "BEGIN; INSERT INTO t VALUES (1); COMMIT": "INSERT t",
    "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)": "BATCH INSERT t",
    "SELECT 1; UPDATE t SET a = 1": "BATCH",
    "BEGIN; CREATE TABLE t (a INT); INSERT INTO public._migrations VALUES (1); COMMIT": (
        "CREATE TABLE t"
    ),
    "": "",
    "/* only */ -- comments": "",
}


@pytest.mark.parametrize("text", SUMMARIES)
def test_a_summary_says_operations_and_targets(text: str) -> None:
    assert describe(text).summary == SUMMARIES[text]
    assert describe(text.encode()).summary == SUMMARIES[text]


def test_only_a_verb_knows_its_table_for_sure() -> None:
    found = describe(sql.select("public.users", (), '"a" = %s', "", False, False))
    assert (found.summary, found.operation, found.collection) == (
        "SELECT public.users",
        "SELECT",
        "public.users",
    )
    raw = describe("SELECT * FROM public.users")
    assert (raw.operation, raw.collection) == (None, None)


SECRETS = (
    "SELECT 'hush', 'it''s hush', E'a\\'hush', U&'hush', x'68757368' FROM t",
    "SELECT $$hush$$, $a$ hush $a$ FROM t",
    "SELECT 424242, 4.24242, 424242e10, .424242, 0x424242 FROM t",
    "ALTER USER u WITH PASSWORD 'hush'",
    "SELECT 1 -- hush\n FROM t /* hush /* hush */ */",
    "SELECT 'hush",
    "SELECT $q$ hush",
    "SELECT 1 /* hush",
    "INSERT INTO t VALUES ('hush', 424242); INSERT INTO u VALUES ('hush')",
    "DO $$ BEGIN PERFORM 'hush'; END $$",
    "CREATE TABLE t (a TEXT DEFAULT 'hush', b INT DEFAULT 424242)",
)


@pytest.mark.parametrize("text", SECRETS)
def test_no_literal_and_no_comment_is_told(text: str) -> None:
    found = describe(text)
    for said in (found.summary, found.text):
        assert "hush" not in said
        assert "424242" not in said and "68757368" not in said


@given(st.text(st.characters(exclude_characters="'\\\0"), max_size=30), st.integers(0, 9))
def test_whatever_a_string_holds_is_not_told(value: str, where: int) -> None:
    told = describe(f"SELECT {'a, ' * where}'~~{value}~~' FROM t").text
    assert "~~" not in told


def test_a_long_statement_is_cut_and_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "SELECT * FROM t WHERE a IN (" + "'hush', " * 100_000 + "'hush')"
    found = describe(long)
    assert found.summary == "SELECT t"
    assert len(found.text) < READ and found.text.endswith("…") and "hush" not in found.text
    # cut within a literal, wherever that is
    for length in range(READ - 12, READ + 12):
        assert "hush" not in describe(f"SELECT {' ' * (length - 20)}'hush hush hush'").text


def test_names_of_any_length_make_a_summary_of_255_characters_at_most() -> None:
    tables = ", ".join(f"table_with_a_rather_long_name_{n}" for n in range(40))
    found = describe(f"SELECT * FROM {tables}").summary
    assert 200 < len(found) <= 255 and found.split(" ")[-1].startswith("table_with_a_rather")
