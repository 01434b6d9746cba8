"""Spans and metrics of the client's verbs, by the stable database conventions."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from manticore_cockroachdb.async_pooled import AsyncPooledConnection
from manticore_cockroachdb.pooled import PooledConnection
from manticore_cockroachdb.telemetry.handle import BUCKETS
from tests.client.test_transactions import Collision

from .conftest import Told


async def table(db: Any, told: Told) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT"})
    told.clear()


async def test_a_verb_is_one_span_by_the_conventions(db: Any, told: Told, server: Any) -> None:
    await table(db, told)
    await db.insert("t", {"id": 1, "name": "hush"})
    span = told.one("INSERT t")
    assert span.kind is SpanKind.CLIENT and span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes or {})
    settings = db.settings
    assert attributes["db.system.name"] == server.engine
    assert attributes["db.namespace"] == settings.database
    assert attributes["db.query.summary"] == "INSERT t"
    assert attributes["db.operation.name"] == "INSERT"
    assert attributes["db.collection.name"] == "t"
    assert (
        attributes["db.query.text"] == 'INSERT INTO "t" ("id", "name") VALUES (%s, %s) RETURNING *'
    )
    assert attributes["server.address"] == settings.hosts[0]
    usual = {"postgresql": 5432, "cockroachdb": 26257}[server.engine]
    expected = None if settings.ports[0] == usual else settings.ports[0]
    assert attributes.get("server.port") == expected
    assert attributes["network.peer.address"]
    assert "hush" not in told.everything()


async def test_an_error_is_its_sqlstate_and_class_never_its_words(db: Any, told: Told) -> None:
    await table(db, told)
    await db.insert("t", {"id": 424242})
    told.clear()
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.insert("t", {"id": 424242, "name": "hush"})
    span = told.one("INSERT t")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "UniqueViolation"
    assert (span.attributes or {})["error.type"] == "23505"
    assert (span.attributes or {})["db.response.status_code"] == "23505"
    assert "hush" not in told.everything() and "424242" not in told.everything()


async def test_statements_of_a_transaction_stand_below_it(db: Any, told: Told) -> None:
    await table(db, told)
    async with db.transaction() as tx:
        await db.insert("t", {"id": 1})
        await tx.execute("SELECT name FROM t WHERE id = 424242")
        async with tx.transaction():
            await tx.insert("t", {"id": 2})
    assert told.names == ["transaction", "INSERT t", "SELECT t", "INSERT t", "COMMIT"]
    assert {told.parent(span) for span in told.spans[1:]} == {"transaction"}
    assert told.spans[0].kind is SpanKind.INTERNAL


async def test_a_transaction_that_fails_says_so(db: Any, told: Told) -> None:
    await table(db, told)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            raise ZeroDivisionError("hush")
    span = told.one("transaction")
    assert span.status.description == "ZeroDivisionError"
    assert dict(span.attributes or {})["error.type"] == "ZeroDivisionError"
    assert "hush" not in told.everything()
    # nothing is left current, and what follows is no child of it
    await db.count("t")
    assert told.one("SELECT t").parent is None


async def test_retries_are_events(db: Any, told: Told) -> None:
    await table(db, told)
    left = [Collision(), Collision()]

    async def work(tx: Any) -> None:
        await tx.insert("t", {"id": 1})
        if left:
            raise left.pop()

    await db.run_in_transaction(work)
    span = told.one("run_in_transaction")
    events = [(e.name, dict(e.attributes or {})) for e in span.events]
    assert [(n, a["manticore.retry.attempt"], a["error.type"]) for n, a in events] == [
        ("retry", 1, "40001"),
        ("retry", 2, "40001"),
    ]
    assert [s.name for s in told.spans if told.parent(s) == "run_in_transaction"] == [
        "transaction"
    ] * 3


async def test_a_verb_that_is_sent_again_is_one_span(
    db: Any, told: Told, colour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await table(db, told)
    kind = AsyncPooledConnection if colour.name == "async" else PooledConnection
    sent, left = kind._rows, [Collision()]

    def first_fails(self: Any, *args: Any) -> Any:
        if left:
            raise left.pop()
        return sent(self, *args)

    monkeypatch.setattr(kind, "_rows", first_fails)
    assert await db.count("t") == 0
    span = told.one("SELECT t")
    assert [event.name for event in span.events] == ["retry"]
    assert span.status.status_code is StatusCode.UNSET


async def test_once_batches_streams_and_copies(db: Any, told: Told, server: Any) -> None:
    await table(db, told)

    async def work(tx: Any) -> int:
        await tx.insert("t", {"id": 1})
        return 7

    assert await db.once("key", work) == 7
    assert {told.parent(s) for s in told.spans if s.name == "INSERT t"} == {"once"}
    told.clear()
    assert await db.batch_insert("t", [{"id": n} for n in range(10, 20)], returning=False) == 10
    assert "COPY t" in told.names or "INSERT t" in told.names
    told.clear()
    async with db.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany("INSERT INTO t (id) VALUES (%s)", [(n,) for n in range(30, 33)])
    assert (told.one("BATCH INSERT t").attributes or {})["db.operation.batch.size"] == 3
    told.clear()
    assert len([row async for row in db.stream("SELECT id FROM t")]) == 14
    assert told.names == ["SELECT t"]
    told.clear()
    async with db.transaction():
        assert len([row async for row in db.stream("SELECT id FROM t")]) == 14
    assert told.names == ["transaction", "SELECT t", "COMMIT"]


async def test_a_message_of_several_statements_is_a_batch(db: Any, told: Told) -> None:
    await db.execute("SELECT 1; SELECT 2; SELECT 'hush'")
    span = told.one("BATCH SELECT")
    assert (span.attributes or {})["db.operation.batch.size"] == 3
    assert "hush" not in told.everything()


async def test_spans_of_the_program_are_parents(db: Any, told: Told, colour: Any) -> None:
    await table(db, told)
    tracer = trace.get_tracer("program", tracer_provider=told.tracers)
    with tracer.start_as_current_span("request"):
        await db.count("t")

        async def beside() -> None:
            await db.select("t")

        await colour.spawn(beside).join(10)  # a task, or a thread of _acompat
    assert {told.parent(span) for span in told.spans if span.name == "SELECT t"} == {"request"}


async def test_durations_have_the_advised_buckets_and_few_attributes(
    db: Any, told: Told, server: Any
) -> None:
    await table(db, told)
    for n in range(3):
        await db.insert("t", {"id": n})
    with pytest.raises(psycopg.errors.UniqueViolation):
        await db.insert("t", {"id": 0})
    metric = told.metrics()["db.client.operation.duration"]
    assert metric.unit == "s"
    points = {
        dict(p.attributes).get("error.type"): p
        for p in metric.data.data_points
        if dict(p.attributes)["db.query.summary"] == "INSERT t"
    }
    assert points[None].count == 3 and points["23505"].count == 1
    assert tuple(points[None].explicit_bounds) == BUCKETS
    assert 0 < points[None].sum < 60
    attributes = dict(points[None].attributes)
    assert attributes["db.system.name"] == server.engine
    assert "db.query.text" not in attributes and "network.peer.address" not in attributes


async def test_the_pool_is_counted(db: Any, told: Told) -> None:
    async with db.connection():
        metrics = told.metrics()
        states = {
            dict(p.attributes)["db.client.connection.state"]: p.value
            for p in metrics["db.client.connection.count"].data.data_points
        }
        assert states["used"] == 1
        (most,) = metrics["db.client.connection.max"].data.data_points
        assert most.value == db.settings.max_size
    metrics = told.metrics()
    (made,) = metrics["db.client.connection.create_time"].data.data_points
    assert made.count >= 1 and made.sum > 0
    (asked,) = metrics["manticore.pool.requests"].data.data_points
    assert asked.value >= 1
    (used,) = metrics["manticore.pool.use_time"].data.data_points
    assert 0 <= used.value < 60
    await db.close()


async def test_one_database_may_tell_and_another_not(url: str, colour: Any, told: Told) -> None:
    quiet = colour.database(url)
    await quiet.execute("SELECT 1")
    assert quiet.telemetry is None and not told.spans


async def test_a_stream_that_is_left_early_is_over(db: Any, told: Told, colour: Any) -> None:
    rows = db.stream("SELECT generate_series(1, 100000) AS n")
    async for _ in rows:
        break
    await (rows.aclose() if colour.name == "async" else _closed(rows))
    span = told.one("SELECT")
    assert span.status.status_code is StatusCode.UNSET


async def _closed(rows: Any) -> None:
    rows.close()
