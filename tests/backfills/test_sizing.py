"""How many rows the next batch has, and how long it may take."""

from __future__ import annotations

import threading
from contextlib import suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.backfill.sizing import FLOOR, next_size, next_time
from manticore_cockroachdb.migrations.backfill import Batching
from manticore_cockroachdb.runner.events import BackfillProgress

from .conftest import COUNT

SIZES = Batching(smallest=10, largest=5_000, time=0.05)


def test_a_batch_that_took_its_time_stays_and_a_quick_one_grows_by_a_fifth():
    assert next_size(1000, 0.05, 0.05, SIZES) == 1000
    assert next_size(1000, 0.001, 0.05, SIZES) == 1200
    assert next_size(1000, 0.0, 0.05, SIZES) == 1200
    assert next_size(1000, 10.0, 0.05, SIZES) == 500


@given(
    st.integers(1, 100_000), st.floats(0, 1e6, allow_nan=False), st.floats(0.001, 60), st.booleans()
)
def test_sizes_and_times_stay_within_what_is_asked_for(rows, took, time, waited):
    assert SIZES.smallest <= next_size(rows, took, time, SIZES) <= SIZES.largest
    asked = Batching(time=time)
    assert min(FLOOR, time) <= next_time(0.0, waited, asked) <= time


def test_whoever_waits_halves_the_time_and_it_comes_back_slowly():
    time = 0.0
    for _ in range(3):
        time = next_time(time, True, SIZES)
    assert time == FLOOR, "half, a quarter, and not below the floor"
    steps = 0
    while time < SIZES.time:
        time, steps = next_time(time, False, SIZES), steps + 1
    assert steps > 50, "somebody who comes back soon finds small batches"


def test_a_time_below_the_floor_is_taken_at_its_word():
    quick = Batching(time=0.002)
    assert next_time(0.0, True, quick) == 0.002


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
@pytest.mark.parametrize("somebody", [True, False])
async def test_batches_become_short_where_somebody_waits_for_their_rows(files, somebody):
    """Somebody changes the first row of each batch that is at work, and so has to wait for it."""
    await files.users(3_000)
    slow = COUNT.replace("n = n + 1", "n = n + 1, name = name || pg_sleep(0.0005)::TEXT")
    files.write(2, "-- @batch rows 1..400, time 1s, pause 0ms\n" + slow)
    done = threading.Event()
    thread = threading.Thread(target=follow, args=(files.db.settings.url(secrets=True), done))
    if somebody:
        thread.start()
    try:
        await files.migrator().migrate()
    finally:
        done.set()
        if somebody:
            thread.join()
    sizes = [e.size for e in files.events if isinstance(e, BackfillProgress)]
    assert min(sizes[:-2]) < 300 if somebody else min(sizes[:-2]) == 400, sizes
    assert await files.counts() == {1: 3_000}


def follow(url: str, done: threading.Event) -> None:
    """Change the row after the cursor, again and again."""
    ask = "SELECT (cursor::JSON ->> 0)::INT8 + 1 FROM _migrations_backfill_ranges WHERE NOT done"
    with psycopg.connect(url, autocommit=True) as connection:
        while not done.is_set():
            with suppress(psycopg.errors.UndefinedTable):
                for row in connection.execute(ask).fetchall():
                    connection.execute("UPDATE users SET name = 'seen' WHERE id = %s", row)
