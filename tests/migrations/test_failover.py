"""A PostgreSQL primary is killed in the middle of a run, and its standby promoted."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.runner import events as e
from tests.support.colour import Colour
from tests.support.standby import Pair, pair

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a server is killed by way of /proc"),
]

MIGRATIONS = 40


@pytest.fixture
def both() -> Iterator[Pair]:
    with pair() as found:
        yield found


def write(directory: Path) -> None:
    """Migrations that leave a trace of each time they run."""
    for n in range(1, MIGRATIONS + 1):
        text = f"CREATE TABLE t{n} (id INT);\nINSERT INTO seen VALUES ({n});\n"
        undo = f"DROP TABLE t{n};\nINSERT INTO seen VALUES (-{n});\n"
        (directory / f"{n}_t.sql").write_text(f"{text}-- @UNDO\n{undo}", encoding="utf-8")


async def state(db: Any, migration: Any) -> tuple[list[int], list[int], set[str]]:
    """The history, the traces, and the tables that there are."""
    history = [row["version"] for row in await migration.get_applied_migrations()]
    seen = [row["n"] for row in await db.execute("SELECT n FROM seen ORDER BY abs(n), n DESC")]
    query = "SELECT relname FROM pg_class WHERE relname ~ '^t[0-9]+$'"
    return history, seen, {row["relname"] for row in await db.execute(query)}


class Failing:
    """Listens, and lets the primary fail once: ``cut`` off from its standby at one version,
    killed at another; the standby is promoted a second later."""

    def __init__(self, both: Pair, kill: int, cut: int | None = None) -> None:
        self.both, self.kill, self.cut = both, kill, cut
        self.events: list[e.Event] = []
        self.timer = threading.Timer(1.0, both.promote)

    def __call__(self, event: e.Event) -> None:
        self.events.append(event)
        if not isinstance(event, e.MigrationFinished):
            return
        if event.version == self.cut:
            self.cut = None
            self.both.cut()
        if event.version == self.kill:
            self.kill = 0
            self.both.kill_primary()
            self.timer.start()

    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.events if isinstance(event, e.Recovered)]


async def made(both: Pair, colour: Colour) -> Any:
    name = f"shop_{uuid.uuid4().hex[:8]}"
    both.create(name)
    db = colour.database(both.url(name))
    await db.create_table("seen", {"n": "INT"})
    return db


async def test_a_run_ends_by_itself_on_the_promoted_standby(
    both: Pair, colour: Colour, tmp_path: Path
) -> None:
    """What the standby had received is there once; what it had not is run again, and once."""
    db, failing = await made(both, colour), Failing(both, kill=15)
    write(tmp_path)
    migration = colour.Migration(db, tmp_path, on_event=failing)
    assert await migration.migrate() == MIGRATIONS
    everything = list(range(1, MIGRATIONS + 1))
    history, seen, tables = await state(db, migration)
    assert history == everything and seen == everything
    assert tables == {f"t{n}" for n in everything}
    assert failing.outcomes() and failing.kill == 0
    assert await migration.migrate() == 0


async def test_what_an_asynchronous_standby_lost_is_lost_with_its_history_and_run_again(
    both: Pair, colour: Colour, tmp_path: Path
) -> None:
    """Sixteen migrations were committed and told as done, and the standby has none of them."""
    db, failing = await made(both, colour), Failing(both, cut=10, kill=31)
    write(tmp_path)
    migration = colour.Migration(db, tmp_path, on_event=failing)
    assert await migration.migrate() == MIGRATIONS
    everything = list(range(1, MIGRATIONS + 1))
    history, seen, tables = await state(db, migration)
    assert history == everything and seen == everything
    assert tables == {f"t{n}" for n in everything}
    told = [x.version for x in failing.events if isinstance(x, e.MigrationFinished)]
    assert told.count(31) == 2 and told.count(1) == 1  # told again, since it was done again
    assert any("had lost what it had committed" in said for said in failing.outcomes())


async def test_a_rollback_is_carried_on_too(both: Pair, colour: Colour, tmp_path: Path) -> None:
    db = await made(both, colour)
    write(tmp_path)
    await colour.Migration(db, tmp_path).migrate()
    failing = Failing(both, cut=30, kill=10)
    migration = colour.Migration(db, tmp_path, on_event=failing)
    assert await migration.rollback(MIGRATIONS) == MIGRATIONS
    history, seen, tables = await state(db, migration)
    assert history == [] and tables == set()
    assert seen == [x for n in range(1, MIGRATIONS + 1) for x in (n, -n)]


async def test_the_pool_goes_to_the_promoted_standby(both: Pair, colour: Colour) -> None:
    db = await made(both, colour)
    await db.insert("seen", {"n": 1})
    both.kill_primary()
    both.promote()
    for _ in range(3):
        await db.insert("seen", {"n": 2})
    assert await db.count("seen", {"n": 2}) == 3
