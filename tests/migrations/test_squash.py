"""Squash: what it writes and refuses, and what a database that has the old files, some or none of
them, does with the new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.errors import UndefinedTable

from faults.proxy import Proxy
from manticore_cockroachdb.errors import (
    BackfillIncomplete,
    ChangedFile,
    ConfigError,
    FileError,
    HistoryError,
    NoUndo,
    SchemaError,
    UnknownVersion,
)
from manticore_cockroachdb.migrations.directory import load

FILES = {
    "1_users.sql": "CREATE TABLE users (id INT8 PRIMARY KEY, email TEXT NOT NULL UNIQUE);\n"
    "-- @UNDO\nDROP TABLE users;\n",
    "2_orders.sql": "CREATE TABLE orders (id INT8 PRIMARY KEY, user_id INT8 NOT NULL REFERENCES"
    " users (id));\nCREATE INDEX orders_user ON orders (user_id);\n-- @UNDO\nDROP TABLE orders;\n",
    "3_total.sql": "ALTER TABLE orders ADD COLUMN total INT8 DEFAULT 0;\n"
    "-- @UNDO\nALTER TABLE orders DROP COLUMN total;\n",
    "4_state.sql": "ALTER TABLE orders ADD COLUMN state TEXT;\n"
    "-- @UNDO\nALTER TABLE orders DROP COLUMN state;\n",
}


class Project:
    def __init__(self, colour, url, directory):
        self.colour, self.url, self.directory = colour, url, directory
        self.write(FILES)

    def write(self, files):
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def at(self, url=None, directory=None, **options):
        database = self.colour.database(url or self.url)
        return self.colour.Migration(database, directory or self.directory, **options)

    def names(self):
        return sorted(
            path.relative_to(self.directory).as_posix()
            for path in self.directory.rglob("*")
            if path.is_file()
        )


@pytest.fixture
def project(colour, url, tmp_path):
    return Project(colour, url, tmp_path)


async def test_a_new_database_gets_what_the_old_files_made(db, server, project):
    with server.fresh_database() as other:
        await project.at(other).migrate()
        found = await project.at().squash(3)
        assert found.versions == (1, 2, 3)
        assert project.names() == [
            "3_squashed.sql",
            "4_state.sql",
            *(f"squashed/3/{name}" for name in sorted(FILES)[:3]),
        ]
        assert await project.at().migrate() == 2
        assert not await project.at().diff(other)
        assert [row["version"] for row in await project.at().get_applied_migrations()] == [3, 4]
        status = await project.at().status()
        assert status.clean
        assert [(one.version, one.state) for one in status.squashes] == [(3, "applied")]


async def test_a_database_that_has_them_all_has_it(db, project):
    await project.at().migrate()
    before = await project.at().get_applied_migrations()
    await project.at().squash(3)
    with Proxy.before(project.url) as proxy:
        assert await project.at(proxy.through(project.url)).migrate() == 0
        assert proxy.round_trips() <= 2
    # Its rows are the record, so that a program of the release before goes on.
    assert await project.at().get_applied_migrations() == before
    status = await project.at().status()
    assert status.clean
    assert [(one.state, one.versions) for one in status.squashes] == [("by its parts", (1, 2, 3))]
    assert not (await project.at().drift()).differs
    assert (await project.at().plan()).migrations == ()
    project.write({"5_more.sql": "ALTER TABLE orders ADD COLUMN more TEXT;"})
    assert await project.at().migrate() == 1


async def test_a_database_that_has_some_says_how_to_go_on(db, project):
    await project.at().migrate(2)
    await project.at().squash(3)
    with pytest.raises(HistoryError, match=r"only a part: 3 \(total\) not applied") as caught:
        await project.at().migrate()
    folder = project.directory / "squashed/3"
    assert f"manticore migrate --dir {folder.as_posix()}`" in str(caught.value)
    (problem,) = (await project.at().status()).problems
    assert problem.message == caught.value.message
    with pytest.raises(HistoryError, match="only a part"):
        await project.at().rollback()
    assert await project.at(directory=folder).migrate() == 1  # as the hint says
    assert await project.at().migrate() == 1
    assert (await project.at().status()).clean


async def test_a_person_can_say_that_a_database_has_it_all(db, project):
    await project.at().migrate(3)
    await db.execute("DELETE FROM _migrations WHERE version = 2")
    await project.at().squash(3)
    with pytest.raises(HistoryError, match="only a part"):
        await project.at().migrate()
    with pytest.raises(HistoryError, match="part of the squashed migration 3"):
        await project.at().repair(1)
    await project.at().repair(3)
    assert await project.at().migrate() == 1


async def test_what_was_applied_from_another_text_stands_out(db, project):
    await project.at().migrate()
    await db.execute(f"UPDATE _migrations SET checksum = '{'0' * 64}' WHERE version = 2")
    await project.at().squash(3)
    with pytest.raises(ChangedFile, match=r"squashes 2 \(orders\), which was applied from another"):
        await project.at().migrate()
    assert await project.at(allow_changed=True).migrate() == 0
    await project.at().repair(3)
    assert await project.at().migrate() == 0


async def test_a_squash_of_a_squash(db, server, project):
    with server.fresh_database() as with_old, server.fresh_database() as with_first:
        await project.at(with_old).migrate()
        await project.at().squash(2)
        await project.at(with_first).migrate()
        await project.at().squash(4)
        assert [path for path in project.names() if "/" not in path] == ["4_squashed.sql"]
        for url in (with_old, with_first):
            assert await project.at(url).migrate() == 0
            assert not (await project.at(url).drift()).differs
        assert await project.at().migrate() == 1
        assert not await project.at().diff(with_old)
        assert not await project.at().diff(with_first)


async def test_going_back_takes_the_whole_or_nothing(db, project):
    await project.at().migrate()
    await project.at().squash(3)
    assert await project.at().rollback() == 1
    with pytest.raises(NoUndo, match="stands for all that it squashes"):
        await project.at().rollback()
    with pytest.raises(UnknownVersion, match="Version 2 is a part of the squashed migration 3"):
        await project.at().rollback(target_version=2)
    assert len(await project.at().get_applied_migrations()) == 3
    assert await project.at().migrate() == 1


async def test_going_back_with_an_undo_part(db, server, project):
    await project.at().migrate()
    await project.at().squash(3, undo=True)
    with server.fresh_database() as other:
        assert await project.at(other).migrate() == 2
        assert await project.at(other).rollback(2) == 2
        assert await project.at(other).migrate() == 2
    assert await project.at().rollback(2) == 2  # and with it the rows of all that it stands for
    assert await project.at().get_applied_migrations() == []
    assert await project.at().migrate() == 2


async def test_a_target_within_it(db, project):
    await project.at().squash(3)
    with pytest.raises(UnknownVersion, match="Version 2 is a part of the squashed migration 3"):
        await project.at().migrate(2)
    assert await project.at().migrate(3) == 1


async def test_a_migration_that_requires_one_within_it(db, server, project):
    project.write(
        {
            "5_fill.sql": "-- @backfill users\nUPDATE users SET email = email WHERE :batch;",
            "6_after.sql": "-- @requires 5\nALTER TABLE users ADD COLUMN a INT8;",
        }
    )
    with server.fresh_database() as other:
        await project.at(other).migrate()
        await project.at().squash(5)
        assert await project.at().migrate() == 2
        assert not await project.at().diff(other)


async def test_a_backfill_that_is_not_done_here(db, project):
    project.write(
        {
            "5_fill.sql": "-- @backfill users\n-- @background\n"
            "UPDATE users SET email = email WHERE :batch;"
        }
    )
    await project.at().migrate(4)
    await db.execute("INSERT INTO users (id, email) VALUES (1, 'a')")
    await project.at().migrate()
    with pytest.raises(BackfillIncomplete):
        await project.at().squash(5)
    await project.at().run_backfills()
    assert (await project.at().squash(5)).written


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("SELECT 1;\nINSERT INTO users VALUES (1, 'a');", 2, "The old files leave 1 row in users"),
        ("-- @environments test\nCREATE TABLE t (a INT8 PRIMARY KEY);", 1, "for some environments"),
        ("CREATE TABLE t (a INT8 PRIMARY KEY);\nCREATE ROLE nobody_at_all;", 2, "is the server's"),
        ("CREATE TABLE t (a INT8);\n\nCREATE SEKWENS s;", 3, "could not be read"),
    ],
)
async def test_what_cannot_be_squashed(db, project, text, line, message):
    project.write({"3_total.sql": text})
    before = project.names()
    with pytest.raises(FileError, match=message) as caught:
        await project.at().squash(3)
    assert (Path(caught.value.path).name, caught.value.line) == ("3_total.sql", line)
    assert caught.value.hint
    assert project.names() == before


async def test_rows_that_a_repeatable_file_makes_too(db, server, project):
    seed = "INSERT INTO users (id, email) VALUES (1, 'a') ON CONFLICT DO NOTHING;"
    project.write({"3_total.sql": seed})
    with pytest.raises(FileError, match="leave 1 row in users") as caught:
        await project.at().squash(3)
    assert "repeatable" in caught.value.hint
    project.write({"repeatable/seed.sql": seed.replace("'a'", "'b'")})
    with pytest.raises(FileError, match="leave 1 row in users"):
        await project.at().squash(3)
    project.write({"repeatable/seed.sql": seed})
    assert (await project.at().squash(3)).written
    await project.at().migrate()
    assert await db.count("users") == 1


async def test_rows_that_came_and_went(db, project):
    project.write(
        {"3_total.sql": "INSERT INTO users VALUES (1, 'a'); UPDATE users SET email = 'b';"
         " DELETE FROM users WHERE id = 1;"}
    )  # fmt: skip
    assert (await project.at().squash(3)).written


async def test_privileges_are_carried_over_and_compared(db, project):
    project.write({"3_total.sql": "GRANT SELECT ON orders TO PUBLIC;"})
    found = await project.at().squash(3)
    assert "-- From 3_total.sql:1, as it was written.\nGRANT SELECT ON orders TO PUBLIC;" in (
        found.text
    )
    await project.at().migrate()
    rows = await db.execute(
        "SELECT 1 FROM information_schema.table_privileges WHERE table_name = 'orders'"
        " AND lower(grantee) = 'public' AND privilege_type = 'SELECT'"
    )
    assert rows


async def test_a_grant_on_what_is_renamed_later(db, project):
    project.write({"3_total.sql": "GRANT SELECT ON orders TO PUBLIC;"})
    project.write({"4_state.sql": "ALTER TABLE orders RENAME TO sales;"})
    before = project.names()
    with pytest.raises(SchemaError, match="orders") as caught:
        await project.at().squash(4)
    assert "carried over as written" in caught.value.hint
    assert project.names() == before


async def test_a_sequence_that_was_moved(db, project):
    project.write({"3_total.sql": "CREATE SEQUENCE s; SELECT setval('s', 41);"})
    with pytest.raises(SchemaError, match="the sequence s at another value"):
        await project.at().squash(3)


async def test_nothing_to_squash(db, project):
    with pytest.raises(FileError, match="nothing to squash"):
        await project.at().squash(1)
    with pytest.raises(UnknownVersion, match="No migration has version 7"):
        await project.at().squash(7)
    with pytest.raises(ConfigError):
        await project.at().squash("x")


async def test_old_files_that_do_not_replay(db, project):
    project.write({"2_orders.sql": "ALTER TABLE nothing ADD COLUMN a INT8;"})
    before = project.names()
    with pytest.raises(SchemaError, match="cannot be replayed"):
        await project.at().squash(3)
    assert project.names() == before


async def test_a_trial_writes_nothing(db, project):
    before = project.names()
    found = await project.at().squash(3, dry_run=True)
    assert not found.written
    assert "CREATE TABLE" in found.text
    assert project.names() == before


# --- the disk ---------------------------------------------------------------------------------


class Killed(BaseException):
    """As if the process had ended here."""


async def test_a_kill_in_the_middle_loses_nothing(db, project, monkeypatch):
    texts = {name: (project.directory / name).read_text() for name in FILES}
    rename = Path.rename
    for kill_at in range(20):
        left = kill_at

        def dying(path, target):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", dying)
        try:
            await project.at().squash(4)
        except Killed:
            pass
        else:
            break
        finally:
            monkeypatch.setattr(Path, "rename", rename)
        there = {Path(name).name for name in project.names() if not name.startswith(".")}
        assert set(FILES) <= there
        if kill_at:  # the new file is there, and the old ones: nobody works with that
            with pytest.raises(FileError, match="both are there") as caught:
                load(project.directory)
            assert "manticore squash --to 4" in caught.value.hint
            with pytest.raises(FileError, match="both are there"):
                await project.at().migrate()
        else:
            assert len(load(project.directory)) == 4
    else:
        pytest.fail("it never came to an end")
    assert kill_at == 3  # each of the last calls went on where the one before had stopped
    assert project.names() == ["4_squashed.sql", *(f"squashed/4/{name}" for name in sorted(FILES))]
    assert {n: (project.directory / "squashed/4" / n).read_text() for n in FILES} == texts
    assert await project.at().migrate() == 1


async def test_a_file_that_came_back_from_a_branch(db, project):
    await project.at().squash(3)
    project.write({"2_orders.sql": FILES["2_orders.sql"] + "-- once more\n"})
    with pytest.raises(FileError, match="both are there") as caught:
        load(project.directory)
    assert "manticore squash --to 3" in caught.value.hint  # only its undo part is another
    project.write({"2_orders.sql": "CREATE TABLE other (a INT8 PRIMARY KEY);"})
    with pytest.raises(FileError, match="both are there") as caught:
        load(project.directory)
    assert "a version of its own" in caught.value.hint


async def test_lint_reads_no_old_file_and_wants_no_undo_part(db, project):
    await project.at().squash(3)
    found = await project.at().lint(target="postgresql")
    assert {Path(one.path).name for one in found} <= {"3_squashed.sql", "4_state.sql"}
    assert [one for one in found if one.rule == "no-undo"] == []


async def test_verify_takes_it_like_any_other(db, project):
    await project.at().squash(3, undo=True)
    found = await project.at().verify(newest=0)
    assert found.ok
    assert found.irreversible == ()


async def test_the_script_of_a_rollback_forgets_them_all(db, project):
    await project.at().migrate(3)
    await project.at().squash(3, undo=True)
    sql = (await project.at().plan(rollback=True)).sql()
    assert "WHERE version IN (3, 1, 2)" in sql


async def test_a_program_that_waits_knows_it(db, server, project):
    await project.at().migrate()
    await project.at().squash(3)
    with server.fresh_database() as other:
        for url in (project.url, other):  # by its parts, and by itself
            await project.at(url).migrate()
            assert (await project.at(url).readiness(requires=[2, 3])).ready
            await project.at(url).require_complete(2, 3)
            assert (await project.at(url).wait(timeout=5)).ready


async def test_python_is_refused_where_it_would_be_squashed(db, project):
    project.write({"2_more.py": "def migrate(connection):\n    pass\n"})
    (project.directory / "2_orders.sql").unlink()
    (project.directory / "3_total.sql").unlink()
    (project.directory / "4_state.sql").unlink()
    project.write({"3_b.sql": "ALTER TABLE users ADD COLUMN b INT8;"})
    with pytest.raises(FileError, match=r"2_more.py is Python") as caught:
        await project.at().squash(3)
    assert Path(caught.value.path).name == "2_more.py"
    project.write({"4_more.py": "def migrate(connection):\n    pass\n"})
    (project.directory / "2_more.py").unlink()
    assert (await project.at().squash(3)).written
    assert await project.at().migrate() == 2


async def test_variables_are_refused_where_they_would_be_squashed(db, project):
    project.write({"3_total.sql": "-- @variables size\nSELECT ${size};"})
    with pytest.raises(FileError, match="values from outside") as caught:
        await project.at(variables={"size": "1"}).squash(3)
    assert (Path(caught.value.path).name, caught.value.line) == ("3_total.sql", 1)


async def test_it_runs_in_whichever_schema_the_old_files_did(db, server, project):
    """Files that name no schema make their tables where the search path says, as for tenants."""
    project.write({"3_total.sql": "CREATE VIEW totals AS SELECT id FROM orders;"})
    found = await project.at().squash(3)
    assert "public" not in found.text
    await db.execute("CREATE SCHEMA tenant")
    assert await project.at(settings={"search_path": "tenant"}).migrate() == 2
    for name in ("users", "orders", "totals"):
        assert await db.execute(f"SELECT id FROM tenant.{name}") == []
        with pytest.raises(UndefinedTable):
            await db.execute(f"SELECT id FROM public.{name}")


async def test_files_that_name_public_keep_it(db, project):
    project.write({"3_total.sql": "CREATE VIEW public.totals AS SELECT id FROM orders;"})
    assert "CREATE TABLE public.users" in (await project.at().squash(3)).text


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_an_undo_part_that_would_leave_something(db, project):
    project.write({"3_total.sql": "CREATE PUBLICATION changes FOR TABLE orders;"})
    before = project.names()
    with pytest.raises(SchemaError, match=r"would leave\n\+ .*publication.*changes"):
        await project.at().squash(3, undo=True)
    assert project.names() == before
    found = await project.at().squash(3)
    assert "-- From 3_total.sql:1, as it was written.\nCREATE PUBLICATION" in found.text
    await project.at().migrate()
    assert not (await project.at().drift()).differs
    await db.execute("DROP PUBLICATION changes")  # emptied databases keep theirs


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_what_a_dump_does_not_hold_is_carried_over(db, project):
    text = (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;\n"
        "CREATE TABLE more (id INT8 PRIMARY KEY);\n"
        "ALTER TABLE more REPLICA IDENTITY FULL;\n"
        "ALTER TABLE more ALTER id SET STATISTICS 500;\n"
        "DO $$ BEGIN CREATE TYPE mood AS ENUM ('x'); END $$;"
    )
    project.write({"1_a.sql": text})
    (project.directory / "1_users.sql").rename(project.directory / "5_users.sql")
    (project.directory / "2_orders.sql").write_text("CREATE TABLE last (id INT8 PRIMARY KEY);")
    found = await project.at().squash(2)
    assert found.text.index("ALTER DEFAULT PRIVILEGES") < found.text.index("CREATE TABLE")
    assert found.text.index("REPLICA IDENTITY FULL") > found.text.index("CREATE TABLE")
    assert any("1_a.sql:5" in note for note in found.notes)  # the DO block, looked at from outside
    assert "CREATE TYPE mood" in found.text
