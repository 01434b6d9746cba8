"""What ``execute`` returns, on either engine and in either colour."""

from __future__ import annotations

from typing import Any


async def test_rows_are_dicts(db: Any) -> None:
    assert await db.execute("SELECT 1 AS one, 'x' AS letter") == [{"one": 1, "letter": "x"}]


async def test_a_statement_without_rows_gives_an_empty_list(db: Any) -> None:
    assert await db.execute("CREATE TABLE t (a INT)") == []
    assert await db.execute("INSERT INTO t VALUES (1)") == []
    async with db.transaction() as conn:
        cur = await conn.execute("SELECT a FROM t")
        assert [row async for row in cur] == [{"a": 1}]
