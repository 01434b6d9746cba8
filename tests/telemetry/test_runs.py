"""Spans of runs: run → migration → step → what is sent; backfills' batches; failures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from manticore_cockroachdb import MigrationFailed
from manticore_cockroachdb.runner import events as e
from manticore_cockroachdb.runner.traced import Trace

from .conftest import Told

TABLE = "CREATE TABLE {} (id INT PRIMARY KEY, name TEXT);\n"
INDEXES = {
    "postgresql": "CREATE INDEX CONCURRENTLY a ON t1 (name);\n"
    "CREATE INDEX CONCURRENTLY b ON t1 (id);\n",
    "cockroachdb": "CREATE INDEX a ON t1 (name);\nALTER TABLE t1 ADD COLUMN b INT;\n",
}


def path(told: Told, span: Any) -> list[str]:
    """Names from the top to a span."""
    found = [span.name]
    while span.parent is not None:
        span = next(s for s in told.spans if s.context.span_id == span.parent.span_id)
        found.insert(0, span.name)
    return found


async def test_run_migration_step_statement(
    db: Any, told: Told, colour: Any, server: Any, wrote: Callable[..., str]
) -> None:
    directory = wrote(TABLE.format("t1"), INDEXES[server.engine])
    assert await colour.Migration(db, directory).migrate() == 2
    run = told.one("migrate")
    assert run.parent is None and dict(run.attributes or {})["manticore.migrations"] == 2
    first, second = [s for s in told.spans if s.name == "migration"]
    assert dict(first.attributes or {})["manticore.migration.version"] == 1
    assert dict(second.attributes or {})["manticore.migration.description"] == "m2"
    steps = [s for s in told.spans if s.name == "step"]
    assert [dict(s.attributes or {})["manticore.step"] for s in steps] == [0, 1]
    assert {tuple(path(told, s)) for s in steps} == {("migrate", "migration", "step")}
    sent = next(s for s in told.spans if s.name == "CREATE INDEX a")
    assert path(told, sent) == ["migrate", "migration", "step", "CREATE INDEX a"]
    for span in told.spans:
        assert path(told, span)[0] == "migrate"
        assert (run.start_time or 0) <= (span.start_time or 0)
        assert (span.end_time or 0) <= (run.end_time or 0)


async def test_many_migrations_in_one_message_have_a_span_each(
    db: Any, told: Told, colour: Any, wrote: Callable[..., str]
) -> None:
    directory = wrote(*(TABLE.format(f"t{n}") for n in range(1, 13)))
    assert await colour.Migration(db, directory).migrate() == 12
    found = [s for s in told.spans if s.name == "migration"]
    versions = [dict(s.attributes or {})["manticore.migration.version"] for s in found]
    assert versions == list(range(1, 13))
    run = told.one("migrate")
    for span, after in pairwise(found):
        assert path(told, span) == ["migrate", "migration"]
        assert (span.start_time or 0) <= (span.end_time or 0) <= (run.end_time or 0)
        assert (span.start_time or 0) <= (after.start_time or 0)


async def test_a_migration_that_fails_says_so_without_the_servers_words(
    db: Any, told: Told, colour: Any, wrote: Callable[..., str]
) -> None:
    directory = wrote(TABLE.format("t1"), "INSERT INTO t1 (id) VALUES (CAST('hush' AS INT));\n")
    with pytest.raises(MigrationFailed):
        await colour.Migration(db, directory).migrate()
    for name in ("migrate", "migration"):
        span = [s for s in told.spans if s.name == name][-1]
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "MigrationFailed"
        assert dict(span.attributes or {})["db.response.status_code"] == "22P02"
    assert "hush" not in told.everything()


async def test_batches_of_a_backfill_and_its_workers(
    db: Any, told: Told, colour: Any, wrote: Callable[..., str]
) -> None:
    await db.create_table("t", {"id": "INT PRIMARY KEY", "name": "TEXT"})
    await db.batch_insert("t", [{"id": n} for n in range(3000)], returning=False)
    text = (
        "-- @backfill t\n-- @batch rows 100..500, workers 2\n"
        "UPDATE t SET name = 'hush' WHERE :batch;\n"
    )
    told.clear()
    await colour.Migration(db, wrote(text)).migrate()
    batches = [s for s in told.spans if s.name == "backfill batch"]
    assert sum(dict(s.attributes or {})["manticore.backfill.rows"] for s in batches) >= 3000
    for span in batches:
        assert path(told, span) == ["migrate", "migration", "backfill batch"]
    assert "hush" not in told.everything()


async def test_a_rollback_and_a_run_with_nothing_to_do(
    db: Any, told: Told, colour: Any, wrote: Callable[..., str]
) -> None:
    directory = wrote(TABLE.format("t1") + "-- @UNDO\nDROP TABLE t1;\n")
    await colour.Migration(db, directory).migrate()
    told.clear()
    await colour.Migration(db, directory).migrate()
    assert told.one("migrate").status.status_code is StatusCode.UNSET
    assert "migration" not in told.names
    told.clear()
    await colour.Migration(db, directory).rollback()
    (undone,) = [s for s in told.spans if s.name == "migration"]
    assert dict(undone.attributes or {})["manticore.direction"] == "down"
    assert path(told, undone)[0] == "rollback"


async def test_events_still_reach_the_listener(
    db: Any, colour: Any, wrote: Callable[..., str]
) -> None:
    heard: list[str] = []
    directory = wrote(TABLE.format("t1"))

    def listen(event: Any) -> None:
        heard.append(type(event).__name__)

    await colour.Migration(db, directory, on_event=listen).migrate()
    assert heard[-2:] == ["MigrationStarted", "MigrationFinished"]


def test_what_a_run_waits_for_is_an_event_of_its_span_and_a_job_is_told_once(told: Told) -> None:
    heard: list[object] = []
    progress = [e.JobProgress(1, job, "running", part, "…") for job in "ab" for part in (0.1, 0.9)]
    events = [e.LeaseWaiting("somebody", 3.0), e.Blocked(1, ("session 7",)), *progress]
    with Trace(told.handle, "migrate", heard.append) as trace:
        for event in events:
            trace(event)
    assert heard == events
    found = [(one.name, dict(one.attributes or {})) for one in told.one("migrate").events]
    assert found == [
        ("waiting for the lease", {"manticore.owner": "somebody", "manticore.remaining": 3.0}),
        ("blocked", {"manticore.sessions": 1}),
        ("job", {"manticore.job": "a"}),
        ("job", {"manticore.job": "b"}),
    ]
