"""The script that `plan --sql` prints for a backfill, run by psql: in batches, fenced, resumed."""

from __future__ import annotations

import re

import pytest

from ..support.psql import psql
from .conftest import COUNT, UNDO

BATCH = "-- @batch rows 10..10\n"


@pytest.fixture
def run(files):
    """Run the script of what is pending, or one that is given; the answer of psql."""

    async def run(script: str | None = None):
        if script is None:
            script = (await files.migrator().plan()).sql()
        return psql(files.db.settings.url(secrets=True), script)

    return run


async def test_it_leaves_what_migrate_leaves(files, run):
    await files.users(95)
    files.write(2, BATCH + COUNT + UNDO.replace("-- @backfill", BATCH + "-- @backfill"))
    more = "ALTER TABLE users {} COLUMN more{};\n"
    files.write(3, more.format("ADD", " TEXT") + "-- @UNDO\n" + more.format("DROP", ""))
    done = await run()
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"rows \| so_far", done.stdout)) == 10, "nine batches, and what is left"
    assert await files.counts() == {1: 95}
    status = await files.migrator().status()
    assert status.clean and [one.version for one in status.applied] == [1, 2, 3]
    (one,) = await files.migrator().backfills()
    assert (one.state, one.batches, one.ranges_done) == ("complete", 10, 1)
    # And back: the newest two of them.
    back = await run((await files.migrator().plan(1, rollback=True)).sql())
    assert back.returncode == 0, back.stderr
    assert await files.counts() == {0: 95}
    assert await files.migrator().backfills() == ()
    assert await files.migrator().migrate() == 2
    assert await files.counts() == {1: 95}


async def test_twice_is_refused_before_anything(files, run):
    await files.users(20)
    files.write(2, BATCH + COUNT)
    script = (await files.migrator().plan()).sql()
    assert (await run(script)).returncode == 0
    again = await run(script)
    assert again.returncode == 3 and "division by zero" in again.stderr
    assert await files.counts() == {1: 20}


@pytest.mark.parametrize("then", ["the script", "migrate"])
async def test_stopped_in_the_middle_it_goes_on(files, run, then):
    """The row that cannot be changed stops psql; what comes next goes on at its batch."""
    await files.users(95)
    await files.db.execute("UPDATE users SET name = 'odd' WHERE id = 57")
    odd = COUNT.replace("n + 1", "n + (1 / CASE WHEN name = 'odd' THEN 0 ELSE 1 END)::INT8")
    files.write(2, BATCH + odd)
    script = (await files.migrator().plan()).sql()
    stopped = await run(script)
    assert stopped.returncode == 3 and "division by zero" in stopped.stderr
    assert await files.counts() == {0: 45, 1: 50}
    assert await files.migrator().get_current_version() == 1
    await files.db.execute("UPDATE users SET name = 'even' WHERE id = 57")
    if then == "migrate":
        assert await files.migrator().migrate() == 1
    else:
        assert (await run(script)).returncode == 0
    assert await files.counts() == {1: 95}
    assert (await files.migrator().status()).clean


async def test_what_comes_too_late_fails_at_the_fence(files, run):
    """Somebody else has taken the range meanwhile; the batches under way are of the old token."""
    await files.users(40)
    files.write(2, BATCH + COUNT)
    script = (await files.migrator().plan()).sql()
    raise_it = "UPDATE _migrations_backfill_ranges SET token = token + 1;\n"
    taken = re.search(r"^UPDATE .* \\gset$", script, re.M)
    assert taken is not None
    struck = await run(script.replace(taken[0], f"{taken[0]}\n{raise_it}"))
    assert struck.returncode == 3 and "division by zero" in struck.stderr
    assert await files.counts() == {0: 40}


async def test_ranges_of_several_workers_are_left_to_them(files, run):
    await files.users(40)
    files.write(2, BATCH + COUNT)
    script = (await files.migrator().plan()).sql()
    begun = script[: script.index("SELECT count(*) > 0 AS open")]
    assert (await run(begun)).returncode == 0
    await files.db.execute("UPDATE _migrations_backfill_ranges SET hi = '[\"20\"]'")
    refused = await run(script)
    assert refused.returncode == 3 and "no rows returned" in refused.stderr
    assert await files.counts() == {0: 40}


async def test_a_check_is_asked(files, run):
    await files.users(10)
    files.write(2, BATCH + "-- @check SELECT id FROM users WHERE n < 2\n" + COUNT)
    done = await run()
    assert done.returncode == 3 and "division by zero" in done.stderr
    assert await files.migrator().get_current_version() == 1


async def test_a_table_that_the_same_plan_makes(files, run):
    files.write(1, "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0);\n")
    files.write(2, BATCH + COUNT)
    assert (await run()).returncode == 0
    assert (await files.migrator().status()).clean


async def test_a_plan_says_what_cannot_be_walked(files):
    await files.users(1, table="CREATE TABLE users (id INT8, name TEXT, n INT8);\n")
    files.write(2, COUNT.replace("users", "users by name", 1))
    (refused,) = (await files.migrator().plan()).refused
    assert refused.version == 2 and "may be NULL" in refused.reason


async def test_what_is_half_done_is_not_undone_by_hand(files, run):
    """Only rows that are done may be undone: `manticore rollback` knows which those are."""
    await files.users(20)
    files.write(2, "-- @background\n" + BATCH + COUNT + UNDO)
    await files.migrator().migrate()
    back = (await files.migrator().plan(1, rollback=True)).sql()
    refused = await run(back)
    assert refused.returncode == 3 and "division by zero" in refused.stderr
    await files.migrator().run_backfills()
    assert (await run(back)).returncode == 0
    assert await files.counts() == {0: 20}
