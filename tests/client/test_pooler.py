"""Behind a pooler that lends a session of the server for one transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.pooler import Pooler, pooler


@pytest.fixture
def between(url: str) -> Iterator[Pooler]:
    with pooler(url) as found:
        yield found


@pytest.fixture
def db(between: Pooler, colour: Any) -> Any:
    return colour.database(between.url, max_size=8)


async def test_statements_meet_other_sessions(db: Any, between: Pooler, server: Any) -> None:
    """What the tests below are about does happen."""
    query = "SELECT pg_backend_pid()" if server.engine == "postgresql" else "SHOW session_id"
    async with db.connection() as connection:
        sessions = {await connection.value(query) for _ in range(6)}
    assert len(sessions) == 3
    async with db.transaction() as tx:
        assert len({await tx.value(query) for _ in range(6)}) == 1


async def test_the_verbs(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT"})
    assert (await db.insert("t", {"id": 1, "name": "a"}))["name"] == "a"
    assert await db.batch_insert("t", [{"id": n} for n in range(10, 40)], returning=False) == 30
    assert len(await db.batch_insert("t", [{"id": n} for n in range(50, 60)])) == 10
    assert (await db.update("t", {"name": "b"}, {"id": 1}))["name"] == "b"
    assert await db.count("t") == 41
    assert len([row async for row in db.stream("SELECT * FROM t", size=7)]) == 41
    assert await db.delete("t", {"id": 1}) == 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.insert("t", {"id": 10})
    assert await db.exists("t")


async def test_transactions_are_whole(db: Any, colour: Any) -> None:
    await db.create_table("pairs", {"key": "INT", "half": "INT"})

    def pair(key: int) -> Any:
        async def work() -> None:
            try:
                async with db.transaction() as tx:
                    await tx.insert("pairs", {"key": key, "half": 1})
                    await db.insert("pairs", {"key": key, "half": 2})
                    if key % 3 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass

        return work

    await colour.concurrently(*(pair(key) for key in range(30)))
    rows = await db.execute("SELECT key, count(*) AS n FROM pairs GROUP BY key")
    assert {row["key"]: row["n"] for row in rows} == {k: 2 for k in range(30) if k % 3}


async def test_once(db: Any, colour: Any) -> None:
    await db.create_table("t", {"id": "INT"})

    async def work(tx: Any) -> int:
        await tx.insert("t", {"id": 1})
        return 5

    async def call() -> Any:
        return await db.once("key", work)

    assert await call() == 5
    assert await colour.concurrently(*[call] * 6) == [5] * 6
    assert await db.count("t") == 1


async def test_migrations_run_once_each_whoever_runs_them(
    db: Any, colour: Any, between: Pooler, tmp_path: Any, server: Any
) -> None:
    """Two runners at a time, whose messages the pooler mixes on three sessions."""
    await db.create_table("seen", {"n": "INT"})
    concurrently = "CONCURRENTLY " if server.engine == "postgresql" else ""
    for n in range(1, 13):
        body = f"CREATE TABLE t{n} (id INT);\nINSERT INTO seen VALUES ({n});"
        if n % 4 == 0:
            body = f"CREATE INDEX {concurrently}i{n} ON t{n - 1} (id);"
        (tmp_path / f"{n}_m.sql").write_text(f"{body}\n")
    others = [colour.database(between.url) for _ in range(2)]

    def runner(other: Any) -> Any:
        async def run() -> int:
            return int(await colour.Migration(other, tmp_path, lease_wait=60).migrate())

        return run

    done = await colour.concurrently(*map(runner, others))
    assert sum(done) == 12
    migration = colour.Migration(db, tmp_path)
    rows = await migration.get_applied_migrations()
    assert [row["version"] for row in rows] == list(range(1, 13))
    seen = await db.execute("SELECT n FROM seen ORDER BY n")
    assert [row["n"] for row in seen] == [n for n in range(1, 13) if n % 4]
    assert await migration.migrate() == 0


async def test_a_backfill(db: Any, colour: Any, tmp_path: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})
    await db.batch_insert("t", [{"id": n, "n": 0} for n in range(1000)], returning=False)
    text = (
        "-- @backfill t\n-- @batch rows 50..100, workers 2\nUPDATE t SET n = n + 1 WHERE :batch;\n"
    )
    (tmp_path / "1_b.sql").write_text(text)
    assert await colour.Migration(db, tmp_path).migrate() == 1
    assert await db.count("t", {"n": 1}) == 1000
