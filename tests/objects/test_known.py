"""Repeatable files and hooks are known wherever migrations are: status, plan and its script, drift,
diff, dump, verify."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import MigrationError, Refused
from manticore_cockroachdb.parser.split import split

FILES = {
    "1_users.sql": "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT);\n"
    "-- @UNDO\nDROP TABLE users;",
    "2_age.sql": "ALTER TABLE users ADD COLUMN age INT8;\n"
    "-- @UNDO\nALTER TABLE users DROP COLUMN age;",
    "repeatable/names.sql": "CREATE OR REPLACE VIEW names AS SELECT name FROM users;",
    "hooks/before_migrate.sql": "CREATE TABLE IF NOT EXISTS runs (n INT8 PRIMARY KEY, what TEXT);",
    "hooks/after_each.sql": "INSERT INTO runs SELECT coalesce(max(n), 0) + 1, 'each' FROM runs;",
    "hooks/after_migrate.sql": "INSERT INTO runs SELECT count(*) + 100, 'all' FROM names;",
    "hooks/on_failure.sql": "INSERT INTO runs VALUES (0, 'failed');",
}


@pytest.fixture
def project(colour, url, tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def at(other=None, **options):
        return colour.Migration(colour.database(other or url), tmp_path, **options)

    at.directory = tmp_path
    return at


ORDER = ["before_migrate", "after_each", "after_migrate", "on_failure"]


async def test_status_says_when_hooks_run_and_ran(db, project):
    before = (await project().status()).hooks
    assert [(one.name, one.ran_at, one.version) for one in before] == [
        (name, None, None) for name in ORDER
    ]
    await project().migrate()
    after = {one.name: one for one in (await project().status()).hooks}
    assert after["on_failure"].ran_at is None
    assert after["before_migrate"].ran_at is not None
    assert after["after_each"].version == 2


async def test_plan_says_how_often_they_would_run(db, project):
    plan = await project().plan()
    assert [(one.name, one.runs, one.mode) for one in plan.hooks[1:]] == [
        ("after_each", 2, "transaction"),
        ("after_migrate", 1, "transaction"),
        ("on_failure", 0, "transaction"),
    ]  # fmt: skip
    assert plan.hooks[0].runs == 1
    await project().migrate()
    assert (await project().plan()).hooks == ()  # nothing would run
    (project.directory / "repeatable/names.sql").write_text(
        "CREATE VIEW names AS SELECT id FROM users;"
    )
    plan = await project().plan()
    assert [(one.name, one.runs) for one in plan.hooks] == [
        ("before_migrate", 1), ("after_each", 0), ("after_migrate", 1), ("on_failure", 0),
    ]  # fmt: skip
    assert (await project().plan(rollback=True)).hooks == ()


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
async def test_plan_says_that_one_would_be_refused(db, project):
    (project.directory / "hooks/after_each.sql").write_text("SELECT 1;\nVACUUM users;")
    plan = await project().plan()
    (hook,) = plan.refused_hooks
    assert (hook.name, hook.line) == ("after_each", 2)
    with pytest.raises(Refused, match="hook after_each would be refused"):
        plan.sql()
    with pytest.raises(Refused):
        await project().migrate()


async def test_the_script_does_what_migrate_does(db, server, colour, project):
    script = (await project().plan()).sql()
    async with await db.dedicated() as connection:
        for start, end in split(script):
            await connection.execute(script[start:end].encode())
    assert (await project().status()).clean
    with server.fresh_database() as other:
        await project(other).migrate()
        assert not await project().diff(other)
        query = "SELECT n, what FROM runs ORDER BY n"
        assert await db.execute(query) == await colour.database(other).execute(query)
        query = "SELECT kind, name, detail FROM _migrations_scripts ORDER BY kind, name"
        assert await db.execute(query) == await colour.database(other).execute(query)


async def test_what_a_hook_makes_is_no_drift(db, project):
    await project().migrate()
    assert not (await project().drift()).differs
    (project.directory / "hooks/before_migrate.sql").unlink()
    (project.directory / "hooks/after_each.sql").unlink()
    (project.directory / "hooks/after_migrate.sql").unlink()
    drift = await project().drift()
    assert [change.path for change in drift.changes] == ["public.runs"]


async def test_diff_and_dump_know_them(db, project):
    await project().migrate()
    assert not await project().diff(project.directory)
    dump = await project().dump()
    assert "CREATE VIEW" in dump and "names" in dump
    (project.directory / "repeatable/names.sql").unlink()
    (project.directory / "hooks/after_migrate.sql").unlink()
    assert [change.path for change in await project().diff(project.directory)] == ["public.names"]


async def test_verify_runs_hooks_where_they_belong(db, project):
    found = await project().verify()
    assert found.ok, found
    (project.directory / "hooks/after_migrate.sql").write_text("INSERT INTO nowhere VALUES (1);")
    found = await project().verify(newest=0)
    assert not found.ok
    (failing,) = found.failures
    assert failing.stage == "hook"
    assert "nowhere" in failing.message and "after_migrate.sql:1" in failing.message
    (project.directory / "hooks/before_migrate.sql").write_text("SELECT nothing;")
    found = await project().verify(newest=0)
    assert [one.stage for one in found.failures] == ["hook"] and found.migrations == ()


async def test_a_rollback_that_something_stands_in_the_way_of_names_it(db, project):
    await project().migrate()
    (project.directory / "2_age.sql").unlink()  # so that one step back is the table itself
    migrator = project(allow_missing=True)
    assert await migrator.rollback() == 1
    with pytest.raises(MigrationError) as caught:
        await migrator.rollback()
    assert "names" in str(caught.value)  # the view, by the server's own words
    assert caught.value.path.endswith("1_users.sql") and caught.value.line == 3
    assert [row["version"] for row in await migrator.get_applied_migrations()] == [1]
    assert await db.count("users") == 0
    (project.directory / "repeatable/names.sql").write_text("-- @drop view names")
    (project.directory / "hooks/after_migrate.sql").unlink()
    await migrator.migrate()
    assert await migrator.rollback() == 1


async def test_what_an_undo_part_drops_along_stays_away_and_is_told(db, project):
    """A rollback takes no repeatable file back and runs none; drift says what that left."""
    path = project.directory / "2_age.sql"
    path.write_text(
        "ALTER TABLE users ADD COLUMN age INT8;\n"
        "-- @UNDO\nDROP VIEW names CASCADE;\nALTER TABLE users DROP COLUMN age;"
    )
    await project().migrate()
    await project().rollback()
    assert all(one.state == "applied" for one in (await project().status()).repeatable)
    (project.directory / "hooks/after_migrate.sql").unlink()
    await project().migrate()
    assert [change.path for change in (await project().drift()).changes] == ["public.names"]
