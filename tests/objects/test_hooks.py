"""Hooks: when they run, what they leave, and what is said when one fails."""

from __future__ import annotations

import pytest

from faults.proxy import Cut, Fault, Proxy, When
from manticore_cockroachdb.errors import FileError, MigrationFailed, Refused

from ..support.differences import lacks

TABLE = "CREATE TABLE IF NOT EXISTS said (n INT8 PRIMARY KEY, what TEXT);"
SAY = "INSERT INTO said SELECT coalesce(max(n), 0) + 1, '{}' FROM said;"


class Project:
    def __init__(self, colour, url, directory):
        self.colour, self.url, self.directory = colour, url, directory
        (directory / "hooks").mkdir()

    def migration(self, number, table=True):
        text = f"CREATE TABLE t{number} (a INT8 PRIMARY KEY);" if table else "SELECT nothing;"
        (self.directory / f"{number}_t.sql").write_text(text)

    def hook(self, name, text=None):
        (self.directory / f"hooks/{name}.sql").write_text(text or SAY.format(name))

    async def migrate(self, url=None, **options):
        database = self.colour.database(url or self.url)
        return await self.colour.Migration(database, self.directory, **options).migrate()


@pytest.fixture
def hooked(colour, url, tmp_path):
    project = Project(colour, url, tmp_path)
    for name in ("before_migrate", "after_migrate", "before_each", "after_each", "on_failure"):
        project.hook(name)
    return project


async def said(db):
    return [row["what"] for row in await db.execute("SELECT what FROM said ORDER BY n")]


ALL = ["before_migrate", "before_each", "after_each", "before_each", "after_each", "after_migrate"]


async def test_they_run_around_what_is_applied(db, hooked):
    await db.execute(TABLE)
    hooked.migration(1)
    hooked.migration(2)
    assert await hooked.migrate() == 2
    assert await said(db) == ALL
    assert await hooked.migrate() == 0  # nothing was applied
    assert await said(db) == ALL
    rows = await db.execute("SELECT name, detail FROM _migrations_scripts WHERE kind = 'hook'")
    assert {row["name"] for row in rows} == set(ALL)
    assert {r["detail"] for r in rows if r["name"] == "after_each"} == {'{"version": 2}'}


async def test_they_run_around_repeatable_files(db, hooked):
    await db.execute(TABLE)
    (hooked.directory / "repeatable").mkdir()
    (hooked.directory / "repeatable/v.sql").write_text("CREATE VIEW v AS SELECT n FROM said;")
    assert await hooked.migrate() == 0
    assert await said(db) == ["before_migrate", "after_migrate"]


async def test_nothing_to_do_looks_at_no_hook(url, db, hooked):
    await db.execute(TABLE)
    hooked.migration(1)
    await hooked.migrate()
    with Proxy.before(url) as proxy:
        assert await hooked.migrate(proxy.through(url)) == 0
        assert proxy.round_trips() <= 2


async def test_a_migration_that_fails(db, hooked):
    await db.execute(TABLE)
    hooked.migration(1)
    hooked.migration(2, table=False)
    with pytest.raises(MigrationFailed, match="Migration 2 failed"):
        await hooked.migrate()
    assert await said(db) == [*ALL[:4], "on_failure"]


@pytest.mark.parametrize(
    ("name", "there", "truth"),
    [
        ("before_migrate", [], "has applied no migration"),
        ("before_each", [], "has applied no migration; 1 is not applied"),
        ("after_each", [1], "has applied 1; that stays"),
        ("after_migrate", [1, 2], "has applied 1, 2; that stays"),
    ],
)
async def test_a_hook_that_fails_says_what_is_applied(db, hooked, name, there, truth):
    await db.execute(TABLE)
    hooked.migration(1)
    hooked.migration(2)
    hooked.hook(name, "INSERT INTO said VALUES (99, 'x');\nINSERT INTO said VALUES (nothing);")
    with pytest.raises(MigrationFailed, match=f"The hook {name}.sql failed") as caught:
        await hooked.migrate()
    assert truth in (caught.value.hint or "")
    assert caught.value.line == 2
    assert "x" not in await said(db)  # all of a hook or nothing
    assert (await said(db))[-1] == "on_failure"
    rows = await db.execute("SELECT version FROM _migrations ORDER BY version")
    assert [row["version"] for row in rows] == there


async def test_a_failure_of_the_hook_for_failures_does_not_hide_the_first(db, hooked):
    await db.execute(TABLE)
    hooked.migration(1, table=False)
    hooked.hook("on_failure", "SELECT something_else;")
    with pytest.raises(MigrationFailed, match="Migration 1 failed") as caught:
        await hooked.migrate()
    assert "The hook on_failure.sql failed" in (caught.value.hint or "")


async def test_a_lost_answer_runs_no_hook_twice(url, db, hooked):
    await db.execute(TABLE)
    hooked.migration(1)
    with Proxy.before(url) as proxy:
        proxy.arm(Fault(When(text="'before_migrate' FROM"), Cut(forward=True, server="finish")))
        assert await hooked.migrate(proxy.through(url)) == 1
    assert await said(db) == [*ALL[:3], "after_migrate"]


async def test_what_no_transaction_covers_is_refused_before_anything_runs(db, hooked, server):
    await db.execute(TABLE)
    hooked.migration(1)
    hooked.hook("after_migrate", "CREATE INDEX CONCURRENTLY i ON said (what);")
    if lacks(server, "CONCURRENTLY"):  # there it is a step of its own
        assert await hooked.migrate() == 1
        return
    with pytest.raises(Refused, match="CONCURRENTLY"):
        await hooked.migrate()
    assert not await db.exists("t1")


async def test_a_hook_of_another_name_is_an_error(hooked):
    hooked.migration(1)
    hooked.hook("before_migrat")
    with pytest.raises(FileError, match="no hook 'before_migrat'") as caught:
        await hooked.migrate()
    assert "before_migrate.sql" in (caught.value.hint or "")


async def test_environments_limit_them(db, hooked):
    await db.execute(TABLE)
    hooked.migration(1)
    for name in set(ALL):
        hooked.hook(name, "-- @environments test\n" + SAY.format(name))
    assert await hooked.migrate() == 1
    assert await said(db) == []
    hooked.migration(2)
    assert await hooked.migrate(environment="test") == 1
    assert await said(db) == [*ALL[:3], "after_migrate"]
