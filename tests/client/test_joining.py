"""Verbs inside a transaction: on what it lends, and on the database, which joins it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import QueryError, TransactionError
from manticore_cockroachdb.retry import never_wait

from .test_transactions import Collision


async def table(db: Any) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "n": "INT"})


async def ids(db: Any) -> list[int]:
    return [row["id"] for row in await db.select("t", order_by="id")]


async def every_verb(db: Any) -> None:
    """Call each verb once; leaves the rows 1, 3 and 4."""
    assert await db.insert("t", {"id": 1, "n": 1}) == {"id": 1, "n": 1}
    assert await db.upsert("t", {"id": 1, "n": 2}, "id") == {"id": 1, "n": 2}
    assert await db.update("t", {"n": 3}, {"id": 1}) == {"id": 1, "n": 3}
    assert await db.update_many("t", {"n": 4}, {"id": 1}) == [{"id": 1, "n": 4}]
    assert await db.batch_insert("t", [{"id": 2, "n": 2}, {"id": 3}]) == [
        {"id": 2, "n": 2},
        {"id": 3, "n": None},
    ]
    assert await db.batch_insert("t", [{"id": 4, "n": 4}], returning=False) == 1
    assert await db.delete("t", {"id": 2}) == 1
    assert await ids(db) == [1, 3, 4]
    assert await db.exists("t")
    await db.run_in_transaction(inserting(5))
    assert await db.delete("t", {"id": 5}) == 1


def inserting(number: int) -> Any:
    async def insert(tx: Any) -> Any:
        return await tx.insert("t", {"id": number, "n": number})

    return insert


# --- joining ---------------------------------------------------------------------------------


async def test_what_the_database_does_inside_is_rolled_back(db: Any) -> None:
    await table(db)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await every_verb(db)
            assert await ids(tx) == [1, 3, 4]
            assert await db.execute("SELECT count(*) AS n FROM t") == [{"n": 3}]
            async with db.connection() as same:
                assert same.info.backend_pid == tx.info.backend_pid
                await same.execute("INSERT INTO t VALUES (7)")
            raise ZeroDivisionError
    assert await ids(db) == []


async def test_what_is_lent_has_every_verb(db: Any) -> None:
    await table(db)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await every_verb(tx)
            raise ZeroDivisionError
    assert await ids(db) == []
    async with db.transaction() as tx:
        await every_verb(tx)
    assert await ids(db) == [1, 3, 4]


async def test_a_connection_outside_of_a_transaction_has_them_too(db: Any) -> None:
    await table(db)
    async with db.connection() as connection:
        await every_verb(connection)
        assert await ids(db) == [1, 3, 4]
        async with connection.transaction():
            await db.insert("t", {"id": 8})
            assert await ids(connection) == [1, 3, 4, 8]


async def test_tables_made_inside(db: Any, server: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.create_table("a", {"id": "INT PRIMARY KEY"})
            await db.create_table("b", {"id": "INT PRIMARY KEY"})
            raise ZeroDivisionError
    assert (await db.exists("a"), await db.exists("b")) == (False, False)


async def test_it_is_still_psycopg_s_connection(db: Any, colour: Any) -> None:
    """``execute`` returns a cursor, and functions that want a connection take it."""
    await table(db)
    kind = psycopg.Connection if colour.name == "sync" else psycopg.AsyncConnection
    async with db.transaction() as tx:
        await tx.insert("t", {"id": 1, "n": 1})
        cursor = await tx.execute("UPDATE t SET n = %s WHERE id = %s RETURNING n", (2, 1))
        assert cursor.rowcount == 1
        assert [row async for row in cursor] == [{"n": 2}]
        async with tx.cursor() as cursor:
            await cursor.execute("SELECT n FROM t")
            assert await cursor.fetchone() == {"n": 2}
        assert isinstance(getattr(tx, "_plain", tx), kind)
        with pytest.raises(psycopg.ProgrammingError):
            await tx.commit()


async def test_the_verbs_outside_are_outside_again(db: Any) -> None:
    await table(db)
    async with db.transaction() as tx:
        await tx.insert("t", {"id": 1})
    await db.insert("t", {"id": 2})
    assert await ids(db) == [1, 2]


async def test_another_database_does_not_join(db: Any, colour: Any, url: str) -> None:
    await table(db)
    other = colour.database(url)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await other.insert("t", {"id": 1})
            async with other.transaction():
                await other.insert("t", {"id": 2})
                await db.insert("t", {"id": 3})
            raise ZeroDivisionError
    assert await ids(db) == [1, 2]


# --- nesting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["database", "connection", "function"])
async def test_nested_ones_are_savepoints(db: Any, way: str) -> None:
    await table(db)

    async def fail(inner: Any) -> None:
        await inner.insert("t", {"id": 2})
        await db.insert("t", {"id": 3})
        raise ZeroDivisionError

    async def succeed(inner: Any) -> None:
        await inner.insert("t", {"id": 4})
        await (await inner.execute("SELECT 1 AS n")).fetchall()

    async with db.transaction() as tx:
        await db.insert("t", {"id": 1})
        for body in (fail, succeed):
            try:
                if way == "function":
                    await db.run_in_transaction(body)
                else:
                    async with (db if way == "database" else tx).transaction() as inner:
                        await body(inner)
            except ZeroDivisionError:
                pass
    assert await ids(db) == [1, 4]


async def test_a_nested_transaction_of_a_connection_is_psycopg_s(db: Any) -> None:
    await table(db)
    async with db.transaction() as tx:
        async with tx.transaction() as nested:
            await nested.insert("t", {"id": 1})
            await nested.batch_insert("t", [{"id": 2}])
            assert nested.savepoint_name
            async with nested.transaction("mine", force_rollback=True) as deeper:
                await deeper.insert("t", {"id": 3})
            raise psycopg.Rollback(getattr(nested, "_plain", nested))
        assert await ids(tx) == []
        await tx.insert("t", {"id": 4})
    assert await ids(db) == [4]


@pytest.mark.parametrize("inner", ["database", "connection", "in place"])
async def test_only_the_outermost_is_tried_again(db: Any, inner: str) -> None:
    """The server aborted all of it, so a part cannot be tried alone."""
    await table(db)
    outer_calls, inner_calls = 0, 0

    async def part(tx: Any) -> None:
        nonlocal inner_calls
        inner_calls += 1
        await tx.insert("t", {"id": inner_calls})
        if inner_calls < 3:
            raise Collision

    async def whole(tx: Any) -> None:
        nonlocal outer_calls
        outer_calls += 1
        if inner == "in place":
            async for attempt in db.retrying():
                async with attempt:
                    await part(tx)
        else:
            await (db if inner == "database" else tx).run_in_transaction(part)

    with never_wait():
        await db.run_in_transaction(whole)
    assert (outer_calls, inner_calls) == (3, 3)
    assert await ids(db) == [3]


# --- what is refused -------------------------------------------------------------------------


async def test_what_no_transaction_can_hold(db: Any, colour: Any, tmp_path: Any) -> None:
    await table(db)
    (tmp_path / "1_a.sql").write_text("CREATE TABLE a (id INT PRIMARY KEY);")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    async with db.transaction():
        await db.insert("t", {"id": 1})
        assert await migration.get_current_version() is None
        for refused in (
            lambda: db.create_database("x"),
            lambda: db.drop_database("x"),
            migration.migrate,
            migration.status,
        ):
            with pytest.raises(TransactionError, match=r"(?s)cannot be part.*hint: .*before"):
                await refused()
        await db.insert("t", {"id": 2})
    assert await ids(db) == [1, 2]
    assert not await db.exists("a")
    assert await migration.migrate() == 1


async def test_what_was_lent_does_nothing_after_its_end(db: Any) -> None:
    await table(db)
    async with db.transaction() as tx:
        cursor = await tx.execute("SELECT 1 AS n")
    assert await cursor.fetchall() == [{"n": 1}], "rows that have arrived can be read"
    for late in (
        lambda: tx.insert("t", {"id": 1}),
        lambda: tx.execute("INSERT INTO t VALUES (2)"),
        lambda: cursor.execute("INSERT INTO t VALUES (3)"),
    ):
        with pytest.raises(TransactionError, match="given back"):
            await late()
    with pytest.raises(TransactionError, match="given back"):
        async with tx.transaction():
            pass
    assert await ids(db) == []


async def test_a_failure_kept_inside_does_not_look_like_success(db: Any) -> None:
    await table(db)
    with pytest.raises(TransactionError, match="failed, and its error did not leave"):
        async with db.transaction():
            await db.insert("t", {"id": 1})
            with pytest.raises(psycopg.errors.UniqueViolation):
                await db.insert("t", {"id": 1})
    assert await ids(db) == []
    async with db.transaction():
        await db.insert("t", {"id": 1})
        with pytest.raises(psycopg.errors.UniqueViolation):
            async with db.transaction():
                await db.insert("t", {"id": 1})
    assert await ids(db) == [1]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
async def test_a_transaction_ended_by_a_statement(db: Any, end: str) -> None:
    await table(db)
    with pytest.raises(TransactionError, match="ended inside its block") as caught:
        async with db.transaction() as tx:
            await db.insert("t", {"id": 1})
            await tx.execute(end)
            async with tx.transaction():
                raise AssertionError("not reached")
    assert "not sent" in str(caught.value)
    with pytest.raises(TransactionError, match="ended inside its block"):
        async with db.transaction() as tx, db.transaction():
            await tx.execute(end)
    assert await ids(db) == ([1] if end == "COMMIT" else [])
    with pytest.raises(ZeroDivisionError) as error:
        async with db.transaction() as tx:
            await tx.execute(end)
            raise ZeroDivisionError
    assert "Nothing was rolled back" in error.value.__notes__[0]
    with pytest.raises(TransactionError, match="Nothing was rolled back"):
        async with db.transaction() as tx:
            await tx.execute(end)
            raise psycopg.Rollback
    async with db.transaction():
        await db.insert("t", {"id": 5})
    assert 5 in await ids(db)


async def test_pipelines_still_work(db: Any) -> None:
    await table(db)
    async with db.transaction() as tx, tx.pipeline():
        await tx.execute("INSERT INTO t VALUES (1)")
        await tx.execute("INSERT INTO t VALUES (2)")
    async with db.connection() as connection, connection.pipeline(), connection.transaction():
        await connection.execute("INSERT INTO t VALUES (3)")
    assert await ids(db) == [1, 2, 3]


async def test_arguments_are_checked_before_anything_is_sent(db: Any) -> None:
    await table(db)
    async with db.transaction() as tx:
        for narrow in (tx.delete, db.delete):
            with pytest.raises(QueryError, match="every row"):
                await narrow("t")
        await tx.insert("t", {"id": 1})
    assert await ids(db) == [1]


async def test_side_by_side_transactions_are_apart(db: Any, colour: Any) -> None:
    await table(db)

    def one(number: int) -> Any:
        async def run() -> None:
            async with db.transaction() as tx:
                await db.insert("t", {"id": number})
                await colour.sleep(0.02)
                assert await ids(tx) == [number]
                raise ZeroDivisionError

        async def quiet() -> None:
            with pytest.raises(ZeroDivisionError):
                await run()

        return quiet

    await colour.concurrently(*map(one, range(4)))
    assert await ids(db) == []
