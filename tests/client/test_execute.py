"""What ``execute`` returns, on either engine and in either colour."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql


async def test_rows_are_dicts(db: Any) -> None:
    assert await db.execute("SELECT 1 AS one, 'x' AS letter") == [{"one": 1, "letter": "x"}]


async def test_a_statement_without_rows_gives_an_empty_list(db: Any) -> None:
    assert await db.execute("CREATE TABLE t (a INT)") == []
    assert await db.execute("INSERT INTO t VALUES (1)") == []
    assert await db.execute("SELECT a FROM t WHERE a = 2") == []


async def test_parameters_by_position_and_by_name(db: Any) -> None:
    assert await db.execute("SELECT %s::INT + 1 AS n", (1,)) == [{"n": 2}]
    assert await db.execute("SELECT %s::INT + 1 AS n", [1]) == [{"n": 2}]
    assert await db.execute("SELECT %(x)s::INT + %(x)s::INT AS n", {"x": 2}) == [{"n": 4}]


async def test_a_percent_sign_without_parameters_is_only_that(db: Any) -> None:
    assert await db.execute("SELECT 'a%s' AS x, 5 %2 AS n") == [{"x": "a%s", "n": 1}]


async def test_other_kinds_of_text(db: Any) -> None:
    assert await db.execute(b"SELECT 1 AS n") == [{"n": 1}]
    composed = sql.SQL("SELECT {} AS {}").format(sql.Literal("x"), sql.Identifier('a"b'))
    assert await db.execute(composed) == [{'a"b': "x"}]


async def test_several_statements_give_the_last_rows(db: Any) -> None:
    rows = await db.execute(
        "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); "
        "SELECT a FROM t ORDER BY a; SELECT count(*) AS n FROM t; INSERT INTO t VALUES (3)"
    )
    assert rows == [{"n": 2}]
    assert len(await db.select("t")) == 3


async def test_the_server_s_errors_are_psycopg_s(db: Any) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        await db.execute("SELECT * FROM nowhere")
    with pytest.raises(psycopg.errors.SyntaxError):
        await db.execute("SELEC 1")
    assert await db.execute("SELECT 1 AS n") == [{"n": 1}], "the connection is still good"


async def test_each_statement_commits_alone(db: Any) -> None:
    await db.execute("CREATE TABLE t (a INT PRIMARY KEY)")
    await db.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.execute("INSERT INTO t VALUES (2), (1)")
    assert await db.select("t") == [{"a": 1}]


async def test_a_transaction_begun_by_hand_ends_with_its_statement(db: Any, colour: Any) -> None:
    await db.execute("CREATE TABLE t (a INT)")
    single = colour.database(db.settings.url(secrets=True), max_size=1)
    await single.execute("BEGIN")
    await single.execute("INSERT INTO t VALUES (1)")
    assert await db.execute("SELECT count(*) AS n FROM t") == [{"n": 1}], "committed alone"


async def test_a_table_that_changed_under_us_reads_as_it_is_now(db: Any) -> None:
    await db.create_table("t", {"a": "INT"})
    for _ in range(8):
        await db.select("t")
    await db.execute("ALTER TABLE t ADD COLUMN b INT DEFAULT 2")
    await db.insert("t", {"a": 1})
    assert await db.select("t") == [{"a": 1, "b": 2}]
