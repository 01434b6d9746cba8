"""stream, copy_in, copy_out and batch_insert: more than memory holds."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import QueryError, TransactionError
from manticore_cockroachdb.async_batch import AT_ONCE

from .test_transactions import Collision

NUMBERS = "SELECT generate_series(1, %s) AS n"


async def numbers(db: Any, count: int) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT"})
    await db.batch_insert("t", [{"id": i, "name": f"n{i}"} for i in range(count)], returning=False)


# --- stream ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_rows_come_in_order(db: Any, size: int) -> None:
    assert [r["n"] async for r in db.stream(NUMBERS, (7,), size=size)] == [1, 2, 3, 4, 5, 6, 7]
    assert [r async for r in db.stream("SELECT 1 AS n WHERE false", size=size)] == []


async def test_the_database_goes_on_meanwhile(db: Any) -> None:
    await numbers(db, 10)
    async for row in db.stream("SELECT id FROM t ORDER BY id"):
        await db.update("t", {"name": "seen"}, {"id": row["id"]})
    assert await db.count("t", {"name": "seen"}) == 10


async def test_in_a_transaction_it_sees_what_that_did(db: Any, server: Any) -> None:
    await numbers(db, 300)
    async with db.transaction() as tx:
        await db.insert("t", {"id": -1})
        ids = [row["id"] async for row in db.stream("SELECT id FROM t ORDER BY id")]
        assert ids == list(range(-1, 300))
        ids = [row["id"] async for row in tx.stream("SELECT id FROM t WHERE id < %s", (3,), size=2)]
        assert sorted(ids) == [-1, 0, 1, 2]


async def test_statements_between_the_rows_of_a_transaction(db: Any, server: Any) -> None:
    """CockroachDB before v22.1 has no cursors: there it is refused, and does not hang."""
    await numbers(db, 5)
    old = server.engine == "cockroachdb" and " v2" in server.version < "CockroachDB v22.1"

    async def mark() -> None:
        async with db.transaction():
            async for row in db.stream("SELECT id FROM t ORDER BY id", size=2):
                await db.update("t", {"name": "seen"}, {"id": row["id"]})

    if old:
        with pytest.raises(TransactionError, match="sending the rows of a stream"):
            await mark()
    else:
        await mark()
    assert await db.count("t", {"name": "seen"}) == (0 if old else 5)


async def test_a_stream_of_a_connection_refuses_what_would_wait_for_itself(db: Any) -> None:
    await numbers(db, 5)
    async with db.connection() as connection:
        with pytest.raises(TransactionError, match="sending the rows"):
            async for _ in connection.stream("SELECT id FROM t"):
                await connection.insert("t", {"id": 9})
    assert await db.count("t") == 5


async def test_a_stream_left_early_gives_its_connection_back(colour: Any, url: str) -> None:
    db = colour.database(url, max_size=1, timeout=20)
    for _ in range(3):
        rows = db.stream(NUMBERS, (1_000_000,))
        async for row in rows:
            assert row["n"] == 1
            break
        if colour.name == "async":
            await rows.aclose()
        else:
            rows.close()
        assert await db.value("SELECT 5") == 5


async def test_an_error_in_the_middle(db: Any) -> None:
    seen = 0
    with pytest.raises(psycopg.errors.DivisionByZero):
        async for _ in db.stream("SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n", size=10):
            seen += 1
    assert seen < 5000
    with pytest.raises(psycopg.errors.UndefinedTable):
        async for _ in db.stream("SELECT * FROM nowhere"):
            pass
    assert await db.value("SELECT 5") == 5
    with pytest.raises(QueryError):
        db.stream("SELECT 1", size=0)


# --- batch_insert ----------------------------------------------------------------------------


@pytest.mark.parametrize("returning", [True, False])
@pytest.mark.parametrize("kind", ["even", "uneven", "bytes"])
async def test_rows_are_taken_as_they_come(db: Any, returning: bool, kind: str) -> None:
    """More than fit at once: even ones by COPY, others as INSERT takes them."""
    await db.create_table("t", {"id": "INT PRIMARY KEY", "v": "BYTEA", "n": "INT DEFAULT 7"})
    total = AT_ONCE + 10
    ahead = most = taken = 0

    def rows() -> Any:
        nonlocal ahead, most, taken
        for i in range(total):
            taken = i
            row: dict[str, Any] = {"id": i, "n": i}
            if kind == "bytes":
                row["v"] = b"\\x\x00"
            if kind == "uneven" and i == AT_ONCE + 5:
                del row["n"]
            yield row

    found = await db.batch_insert("t", rows(), returning=returning)
    assert (len(found) if returning else found) == await db.count("t") == total
    assert taken == total - 1
    last = await db.one("SELECT * FROM t WHERE id = %s", (AT_ONCE + 5,))
    assert last["n"] == (7 if kind == "uneven" else AT_ONCE + 5)
    assert last["v"] == (b"\\x\x00" if kind == "bytes" else None)


async def test_all_or_nothing_of_a_generator(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY"})
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.batch_insert("t", ({"id": i % (AT_ONCE + 5)} for i in range(AT_ONCE + 9)))

    def failing() -> Any:
        yield from ({"id": i} for i in range(AT_ONCE + 9))
        raise ZeroDivisionError

    for returning in (True, False):
        with pytest.raises(ZeroDivisionError):
            await db.batch_insert("t", failing(), returning=returning)
    assert await db.count("t") == 0


async def test_what_cannot_be_tried_again_says_so(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY"})

    def colliding() -> Any:
        yield from ({"id": i} for i in range(AT_ONCE + 9))
        raise Collision

    with pytest.raises(Collision) as error:
        await db.batch_insert("t", colliding(), returning=False)
    assert "came one by one" in error.value.__notes__[0]


async def test_rows_of_an_asynchronous_generator(url: str) -> None:
    from manticore_cockroachdb import AsyncDatabase

    async def rows(count: int) -> AsyncIterator[dict[str, int]]:
        for i in range(count):
            yield {"id": i}

    async with AsyncDatabase.from_url(url) as db:
        await db.create_table("t", {"id": "INT PRIMARY KEY"})
        assert await db.batch_insert("t", rows(3), returning=False) == 3
        await db.delete("t", all_rows=True)
        assert await db.batch_insert("t", rows(AT_ONCE + 3), returning=False) == AT_ONCE + 3
        await db.delete("t", all_rows=True)
        assert await db.copy_in("t", rows(5)) == 5


# --- COPY ------------------------------------------------------------------------------------

TEXT = "1\tann\n2\t\\N\n"


@pytest.mark.parametrize(
    "source",
    [
        TEXT,
        TEXT.encode(),
        [b"1\tan", b"n\n2\t\\N\n"],
        io.BytesIO(TEXT.encode()),
        io.StringIO(TEXT),
        [(1, "ann"), (2, None)],
        [{"id": 1, "name": "ann"}, {"name": None, "id": 2}],
    ],
    ids=["str", "bytes", "pieces", "binary file", "text file", "rows", "mappings"],
)
async def test_copy_in_takes(db: Any, source: Any) -> None:
    if hasattr(source, "seek"):
        source.seek(0)
    await db.create_table("t", {"id": "INT8 PRIMARY KEY", "name": "TEXT"})
    assert await db.copy_in("t", source, ["id", "name"]) == 2
    assert await db.select("t", order_by="id") == [
        {"id": 1, "name": "ann"},
        {"id": 2, "name": None},
    ]


async def test_copy_in_is_all_or_nothing(db: Any) -> None:
    await numbers(db, 1)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.copy_in("t", [(i % 500, "x") for i in range(1, 1000)], ["id", "name"])
    assert await db.count("t") == 1
    assert await db.copy_in("t", []) == 0
    for wrong in ([5], [None]):
        with pytest.raises(QueryError, match="bytes or rows"):
            await db.copy_in("t", wrong)
    with pytest.raises(QueryError, match="for bytes"):
        await db.copy_in("t", [(5, "x")], format="csv")
    with pytest.raises(QueryError, match="no format"):
        await db.copy_in("t", b"5\tx\n", header=True)


@pytest.mark.engine("postgresql", because="COPY TO")
async def test_csv_and_binary_there_and_back(db: Any) -> None:
    """CockroachDB has COPY to the client since v22.2."""
    await numbers(db, 2000)
    await db.execute("CREATE TABLE copied (LIKE t)")
    for format, header in (("csv", True), ("csv", False), ("text", False), ("binary", False)):
        await db.delete("copied", all_rows=True)
        blocks = [b async for b in db.copy_out("t", ["id", "name"], format=format, header=header)]
        assert blocks[0].startswith(b"id,name\n") is header
        sent = await db.copy_in("copied", blocks, ["id", "name"], format=format, header=header)
        assert sent == await db.count("copied", {"name": ("like", "n%")}) == 2000
    query = "SELECT name FROM t WHERE id < %(top)s AND name <> '%%' ORDER BY id;"
    assert b"".join([b async for b in db.copy_out(query=query, params={"top": 2})]) == b"n0\nn1\n"
    assert [b async for b in db.copy_out(query="SELECT '50%s'")] == [b"50%s\n"]
    async for _ in db.copy_out("t"):
        break
    assert await db.value("SELECT 5") == 5
    for nothing in ({}, {"table": "t", "query": "SELECT 1"}):
        with pytest.raises(QueryError):
            db.copy_out(**nothing)


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_what_cockroachdb_copies_otherwise_is_refused(db: Any) -> None:
    """It takes the text of bytes for the bytes (v20.2), and refuses JSON."""
    await db.create_table("t", {"id": "INT PRIMARY KEY", "v": "BYTES"})
    with pytest.raises(QueryError, match="batch_insert"):
        await db.copy_in("t", [(1, b"x")], ["id", "v"])
