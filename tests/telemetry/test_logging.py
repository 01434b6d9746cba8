"""Log lines: names that can be filtered, and nothing in them that is anybody's data."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb import ConnectionFailed, MigrationFailed
from tests.client.test_transactions import Collision

PACKAGE = "manticore_cockroachdb"


@pytest.fixture
def db(url: str, colour: Any) -> Any:
    return colour.database(url)


async def test_a_run_is_logged_without_its_sql(
    db: Any, colour: Any, wrote: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, PACKAGE)
    directory = wrote(
        "CREATE TABLE t (id INT PRIMARY KEY, name TEXT DEFAULT 'hush');",
        "INSERT INTO t (id) VALUES (CAST('hush' AS INT));",
    )
    with pytest.raises(MigrationFailed):
        await colour.Migration(db, directory).migrate()
    lines = [(record.name, record.levelname) for record in caplog.records]
    assert (f"{PACKAGE}.runner", "INFO") in lines and (f"{PACKAGE}.runner", "DEBUG") in lines
    assert "migration 1 applied in" in caplog.text and "took the lease" in caplog.text
    assert "hush" not in caplog.text


async def test_a_backfill_has_a_name_of_its_own(
    db: Any, colour: Any, wrote: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT"})
    await db.insert("t", {"id": 1})
    caplog.set_level(logging.WARNING, f"{PACKAGE}.runner")
    caplog.set_level(logging.DEBUG, f"{PACKAGE}.backfill")
    text = "-- @backfill t\nUPDATE t SET name = 'hush' WHERE :batch;"
    await colour.Migration(db, wrote(text)).migrate()
    assert {record.name for record in caplog.records} == {f"{PACKAGE}.backfill"}
    assert "hush" not in caplog.text


async def test_retries_are_logged_by_class_and_sqlstate(
    db: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, PACKAGE)
    left = [Collision("hush")]

    async def work(tx: Any) -> int:
        if left:
            raise left.pop()
        return 1

    assert await db.run_in_transaction(work) == 1
    (record,) = [one for one in caplog.records if one.name == f"{PACKAGE}.retry"]
    assert record.levelname == "INFO"
    assert "attempt 1 failed with Collision (40001)" in record.getMessage()
    assert "hush" not in caplog.text


async def test_a_host_that_refuses_is_logged_by_the_pool_without_the_password(
    db: Any, colour: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from manticore_cockroachdb.config import resolve
    from tests.support.gate import gates

    url = db.settings.url(secrets=True)
    caplog.set_level(logging.INFO, f"{PACKAGE}.pool")
    with gates(url, 2) as (first, second):
        both = colour.database(first.url(url, second), min_size=2, password="hush")
        await both.connect()
        first.shut()
        second.shut()
        with pytest.raises((psycopg.Error, ConnectionFailed)):
            for _ in range(3):
                await both.execute("SELECT 1", ())
        for _ in range(100):
            if "refused a connection" in caplog.text:
                break
            await colour.sleep(0.1)
    assert "127.0.0.1" in caplog.text and "refused a connection" in caplog.text
    assert "hush" not in caplog.text and resolve(url).user is not None


async def test_nothing_is_said_unless_somebody_listens(
    db: Any, colour: Any, wrote: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    await colour.Migration(db, wrote("CREATE TABLE t (id INT);")).migrate()
    out, err = capfd.readouterr()
    assert out == "" and err == ""
