"""What a run costs in round trips, counted on the wire: seconds depend on the machine, these not.

The server is behind `faults.proxy`, which counts each time a client waited for an answer after
connecting, on all connections together. `python -m benchmarks` measures the same for the peers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.proxy import Proxy
from manticore_cockroachdb import Database


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy before the test's database."""
    with Proxy.before(url) as proxy:
        yield proxy


@pytest.fixture
def migrator(url: str, proxy: Proxy, colour: Any, tmp_path: Path) -> Any:
    """Returns new migrators of the colour under test, each with connections of its own."""

    def make() -> Any:
        return colour.Migration(colour.database(proxy.through(url)), tmp_path)

    return make


def write(directory: Path, count: int, *, start: int = 1) -> None:
    """Migrations of several statements each, that one transaction covers on either engine."""
    for i in range(start, start + count):
        (directory / f"{i}_t{i}.sql").write_text(
            f"CREATE TABLE t{i} (id INT8 PRIMARY KEY, name TEXT);\n"
            f"CREATE TABLE u{i} (id INT8 PRIMARY KEY, name TEXT);\n"
            f"CREATE INDEX t{i}_name ON t{i} (name);\n"
            f"-- @UNDO\nDROP TABLE u{i};\nDROP TABLE t{i};\n"
        )


@pytest.mark.parametrize("count", [1, 25])
async def test_n_migrations_take_at_most_n_and_ten(migrator, proxy, tmp_path, count):
    """Our own tables, lease and history included, on a database that has nothing yet."""
    write(tmp_path, count)
    assert await migrator().migrate() == count
    assert proxy.round_trips() <= count + 10, _said(proxy)


async def test_further_migrations_take_fewer(migrator, proxy, tmp_path):
    """Where our tables exist, the look, the lease and its release are all there is beside N."""
    write(tmp_path, 1)
    await migrator().migrate()
    write(tmp_path, 10, start=2)
    proxy.reset()
    assert await migrator().migrate() == 10
    assert proxy.round_trips() <= 10 + 4, _said(proxy)


def write_steps(directory: Path, count: int, *, start: int = 1) -> None:
    """Migrations of one or two statements that no transaction covers, on either engine."""
    for i in range(start, start + count):
        two = f"CREATE INDEX CONCURRENTLY t1_{i}b ON t1 (id, name);" if i % 5 == 0 else ""
        undo = f"DROP INDEX CONCURRENTLY t1_{i}b;" if two else ""
        (directory / f"{i}_s{i}.sql").write_text(
            f"CREATE INDEX CONCURRENTLY t1_{i} ON t1 (name, id);\n{two}\n"
            f"-- @UNDO\n{undo}\nDROP INDEX CONCURRENTLY t1_{i};\n"
        )


async def test_a_step_that_no_transaction_covers_takes_two(migrator, proxy, tmp_path):
    """The statement, and the transaction in which it is recorded and the next one begins."""
    write(tmp_path, 1)
    await migrator().migrate()
    write_steps(tmp_path, 10, start=2)
    proxy.reset()
    assert await migrator().migrate() == 10
    assert _of_the_run(proxy) <= 2 * 12 + 5, _said(proxy)
    proxy.reset()
    assert await migrator().rollback(10) == 10
    assert _of_the_run(proxy) <= 2 * 12 + 6, _said(proxy)


@pytest.mark.parametrize("count", [1, 20])
async def test_nothing_to_do_takes_at_most_two(migrator, proxy, tmp_path, count):
    write(tmp_path, count)
    await migrator().migrate()
    proxy.reset()
    assert await migrator().migrate() == 0
    assert proxy.round_trips() <= 2, _said(proxy)
    assert len(proxy.connections) == 1


async def test_nothing_to_do_after_a_rollback_left_none_applied(migrator, proxy, tmp_path):
    """An empty history is not the same as none."""
    write(tmp_path, 1)
    await migrator().migrate()
    await migrator().rollback()
    (tmp_path / "1_t1.sql").unlink()
    proxy.reset()
    assert await migrator().migrate() == 0
    assert proxy.round_trips() <= 2, _said(proxy)


@pytest.mark.engine("postgresql", because="schema changes in a transaction")
async def test_rolling_back_n_takes_at_most_n_and_ten(migrator, proxy, tmp_path):
    """There one transaction covers it; CockroachDB drops a table in a step of its own."""
    write(tmp_path, 8)
    await migrator().migrate()
    proxy.reset()
    assert await migrator().rollback(8) == 8
    assert proxy.round_trips() <= 8 + 10, _said(proxy)


def test_the_command_adds_none(url, proxy, tmp_path):
    """`manticore migrate` is what pods run: the whole process, with nothing to do."""
    write(tmp_path, 3)
    argv = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--dir", str(tmp_path)]
    argv += ["--url", proxy.through(url)]
    subprocess.run(argv, check=True, capture_output=True)
    assert proxy.round_trips() <= 3 + 10, _said(proxy)
    proxy.reset()
    subprocess.run(argv, check=True, capture_output=True)
    assert proxy.round_trips() <= 2, _said(proxy)


async def test_looking_for_another_tools_history_takes_none(db, migrator, proxy, tmp_path):
    """It is asked in a message that is sent anyway, and only where there is no history of ours."""
    write(tmp_path, 1)
    await db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    proxy.reset()
    assert await migrator().migrate() == 1
    first = [m.text for m in proxy.trace if m.text is not None and "alembic_version" in m.text]
    assert len(first) == 1
    assert "set_config" in first[0] or "statement_timeout" in first[0]  # the session's own setup
    assert proxy.round_trips() <= 7, _said(proxy)  # what it took before there was the question
    proxy.reset()
    assert await migrator().migrate() == 0
    assert not [m for m in proxy.trace if m.text is not None and "alembic_version" in m.text]
    assert proxy.round_trips() <= 2, _said(proxy)


def _of_the_run(proxy: Proxy) -> int:
    """How many messages the run's own connection sent; another one looks at what takes long."""
    queries = [m.connection for m in proxy.trace if m.type == "Query"]
    return queries.count(min(queries))


async def test_a_backfill_of_n_batches_takes_at_most_n_and_ten(migrator, proxy, tmp_path, url):
    """Its tables, registration, lease and history included, where there is a history already."""
    write(tmp_path, 1)
    await migrator().migrate()
    with Database.from_url(url) as db:
        db.execute("INSERT INTO t1 (id) SELECT i FROM generate_series(1, 300) AS i")
    text = "-- @backfill t1\n-- @batch rows 10..10\nUPDATE t1 SET name = 'x' WHERE :batch;\n"
    (tmp_path / "2_fill.sql").write_text(text)
    proxy.reset()
    assert await migrator().migrate() == 1
    assert proxy.round_trips() <= 30 + 10, _said(proxy)


def _said(proxy: Proxy) -> str:
    """What was sent, for a failure to show."""
    lines = [f"{m.connection}: {m.text[:150]}" for m in proxy.trace if m.text is not None]
    return "\n".join(["round trips:", *lines])
