"""What makes workers wait for others: replicas, vacuums, dead rows, and the priority they ask for.

A superuser may put views of its own in the place of PostgreSQL's in one database. So a server says
that a replica is behind that has none; dead rows and what a user may not see are real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from manticore_cockroachdb.backfill.brakes import LAG, questions, verdict
from manticore_cockroachdb.backfill.job import manners
from manticore_cockroachdb.dialect import capabilities, server_of
from manticore_cockroachdb.runner.events import BackfillProgress

from .conftest import COUNT

pytestmark = pytest.mark.engine("postgresql", because="PostgreSQL's rules")
SMALL = "-- @batch rows 10..10, pause 20ms\n"


@pytest.fixture
def imitate(url: str) -> Iterator[Callable[[str, str], None]]:
    """Let a statistics view say what a table of the same columns says, and put a row into that."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET allow_system_table_mods = on")
        before: dict[str, str] = {}

        def imitate(view: str, row: str) -> None:
            ask = "SELECT pg_get_viewdef(%s::REGCLASS)"
            (before[view],) = connection.execute(ask, (f"pg_catalog.{view}",)).fetchone() or ("",)
            for text in (
                f"CREATE TABLE fake_{view} AS SELECT * FROM pg_catalog.{view}",
                f"CREATE OR REPLACE VIEW pg_catalog.{view} AS SELECT * FROM fake_{view}",
                row,
            ):
                connection.execute(text.encode())

        yield imitate
        for view, text in before.items():
            connection.execute(f"CREATE OR REPLACE VIEW pg_catalog.{view} AS {text}".encode())


def waits(files: Any) -> list[str]:
    """What was waited for."""
    return [e.waits_for for e in files.events if isinstance(e, BackfillProgress) and e.waits_for]


async def run(files: Any, url: str, *texts: str) -> list[str]:
    """Run the backfill; do something once it waits. What it waited for."""
    files.write(2, SMALL + COUNT)
    done: list[str] = []

    def hear(event: Any) -> None:
        files.events.append(event)
        if isinstance(event, BackfillProgress) and event.waits_for and not done:
            done.append(event.waits_for)
            with psycopg.connect(url, autocommit=True) as connection:
                for text in texts:
                    connection.execute(text.encode())

    migrator = files.colour.Migration(files.db, files.directory, on_event=hear)
    assert await migrator.migrate() == 1
    assert await files.counts() == {1: 100}
    return waits(files)


async def test_it_holds_while_a_replica_is_behind(files, url, imitate):
    await files.users(100)
    behind = (
        "INSERT INTO fake_pg_stat_replication (pid, application_name, state, replay_lag)"
        " VALUES (1, 'standby', 'streaming', INTERVAL '42 seconds')"
    )
    imitate("pg_stat_replication", behind)
    caught_up = "UPDATE fake_pg_stat_replication SET replay_lag = INTERVAL '10 ms'"
    found = await run(files, url, caught_up)
    assert found[0] == "a replica is 42 s behind"


async def test_a_base_backup_is_no_replica(files, url, imitate):
    await files.users(100)
    backup = (
        "INSERT INTO fake_pg_stat_replication (pid, application_name, state, replay_lag)"
        " VALUES (1, 'pg_basebackup', 'backup', INTERVAL '1 hour')"
    )
    imitate("pg_stat_replication", backup)
    assert await run(files, url) == []


async def test_it_slows_down_while_the_table_is_vacuumed(files, url, imitate):
    await files.users(100)
    vacuum = (
        "INSERT INTO fake_pg_stat_progress_vacuum (pid, relid, phase)"
        " VALUES (1, 'users'::REGCLASS, 'scanning heap')"
    )
    imitate("pg_stat_progress_vacuum", vacuum)
    assert (await run(files, url))[0] == "the table is being vacuumed"


async def test_it_slows_down_while_a_part_of_the_table_is_vacuumed(files, url, imitate):
    parted = (
        "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT, n INT8 NOT NULL DEFAULT 0)"
        " PARTITION BY RANGE (id);\n"
        "CREATE TABLE users_all PARTITION OF users DEFAULT;\n"
    )
    await files.users(100, table=parted)
    vacuum = (
        "INSERT INTO fake_pg_stat_progress_vacuum (pid, relid, phase)"
        " VALUES (1, 'users_all'::REGCLASS, 'scanning heap')"
    )
    imitate("pg_stat_progress_vacuum", vacuum)
    assert (await run(files, url))[0] == "the table is being vacuumed"


async def test_another_tables_vacuum_is_none_of_its_business(files, url, imitate):
    await files.users(100)
    vacuum = (
        "INSERT INTO fake_pg_stat_progress_vacuum (pid, relid, phase)"
        " VALUES (1, '_migrations'::REGCLASS, 'scanning heap')"
    )
    imitate("pg_stat_progress_vacuum", vacuum)
    assert await run(files, url) == []


async def test_it_slows_down_while_dead_rows_wait_for_a_vacuum(files, url):
    await files.users(100)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users SET (autovacuum_enabled = false)")
        connection.execute("INSERT INTO users (id) SELECT i FROM generate_series(101, 110000) i")
        connection.execute("DELETE FROM users WHERE id > 100")
        connection.execute("SELECT pg_stat_force_next_flush()")
    found = await run(files, url, "VACUUM users")
    assert found[0].endswith("dead rows wait for a vacuum")


async def test_what_a_user_may_not_see_counts_as_slow(files, url, imitate):
    """Of a replica's state and lag, only some users are told."""
    await files.users(100)
    unseen = "INSERT INTO fake_pg_stat_replication (pid, application_name) VALUES (1, 'standby')"
    imitate("pg_stat_replication", unseen)
    assert (await run(files, url))[0] == "how far replicas are behind cannot be seen"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((None, 0, 0, 0, 1000), 0.0),
        ((LAG, 0, 0, 0, 1000), 0.0),
        ((LAG + 0.1, 0, 1, 0, 1000), 1.0),
        ((None, 1, 0, 0, 1000), 0.3),
        ((None, 0, 1, 0, 1000), 0.3),
        ((None, 0, 0, 100_000, 10), 0.0),
        ((None, 0, 0, 100_001, 10), 1.2),
        ((None, 0, 0, 100_001, 200_000), 0.0),
        ((None, 0, 0, None, None), 0.0),
    ],
)
def test_how_long_a_batch_of_300_ms_waits(seen, expected):
    assert verdict([[seen]], 0.3, cockroachdb=False)[0] == pytest.approx(expected)


def test_cockroachdb_is_asked_nothing_and_told_once():
    """From 22.1 on its transactions come after everybody else's; the session is as it was later."""
    assert questions("users", None, cockroachdb=True) == []
    asked = "SET default_transaction_quality_of_service = background"
    old, new = (
        manners(capabilities(server_of(f"CockroachDB CCL v{v}", 0)), 30.0)
        for v in ("20.2.19", "22.1.0")
    )
    assert asked in new.session and asked not in old.session
    assert len(new.session) == len(new.reset) and len(old.session) == len(old.reset)
    assert new.reset[-1].endswith("= regular")
    assert new.behind and not old.behind, "others are put first by itself"


async def test_a_migration_after_it_has_the_session_as_it_was(colour, db, tmp_path):
    """Its limits are the backfill's own."""
    (tmp_path / "1_t.sql").write_text(
        "CREATE TABLE t (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0);\n"
        "CREATE TABLE settings (name TEXT, value TEXT);\n"
    )
    (tmp_path / "2_t.sql").write_text(COUNT.replace("users", "t"))
    names = ("statement_timeout", "lock_timeout", "row_security")
    (tmp_path / "3_s.sql").write_text(
        "".join(f"INSERT INTO settings SELECT '{n}', current_setting('{n}');\n" for n in names)
    )
    await colour.Migration(db, tmp_path).migrate()
    rows = await db.execute("SELECT name, value FROM settings")
    assert {row["name"]: row["value"] for row in rows} == {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "row_security": "on",
    }
