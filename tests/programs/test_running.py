"""Python migrations on real servers: run, undone, refused, tried again; whole or not at all."""

from __future__ import annotations

import textwrap

import pytest

from faults.imitate import Imitation
from faults.proxy import Answer, Cut, Fault, Proxy, When
from manticore_cockroachdb.errors import (
    ChangedFile,
    DeadlineReached,
    MigrationFailed,
    NoUndo,
    PartialMigration,
    Refused,
)
from manticore_cockroachdb.runner.events import Notice

from ..support.differences import lacks

DIGEST = """
import hashlib


def migrate(connection):
    for user in connection.select("users", order_by="id"):
        digest = hashlib.sha256(user["name"].encode()).hexdigest()
        connection.update("users", {"digest": digest[:8]}, {"id": user["id"]})


def undo(connection):
    connection.update("users", {"digest": None}, all_rows=True)
"""
ASYNC = """
import hashlib


async def migrate(connection):
    for user in await connection.select("users", order_by="id"):
        digest = hashlib.sha256(user["name"].encode()).hexdigest()
        await connection.update("users", {"digest": digest[:8]}, {"id": user["id"]})


async def undo(connection):
    await connection.update("users", {"digest": None}, all_rows=True)
"""
USERS = """\
CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT NOT NULL, digest TEXT);
-- @UNDO
DROP TABLE users;
"""


class Project:
    def __init__(self, colour, db, directory):
        self.colour, self.db, self.directory = colour, db, directory
        self.events = []
        directory.mkdir()
        (directory / "1_users.sql").write_text(USERS)

    def write(self, name, text):
        (self.directory / name).write_text(textwrap.dedent(text))

    def migration(self, db=None, **options):
        options.setdefault("on_event", self.events.append)
        return self.colour.Migration(db or self.db, self.directory, **options)

    async def begun(self):
        """Apply the first migration, with two users."""
        await self.migration().migrate()
        await self.db.execute("INSERT INTO users VALUES (1, 'ada', NULL), (2, 'bob', NULL)")

    async def fails(self, text, kind=MigrationFailed, match=None):
        """Run a Python migration that must fail and leave nothing."""
        self.write("2_x.py", text)
        with pytest.raises(kind, match=match) as error:
            await self.migration().migrate()
        assert not await self.migration().is_applied(2)
        rows = await self.db.execute("SELECT name, digest FROM users ORDER BY id")
        assert rows == [{"name": "ada", "digest": None}, {"name": "bob", "digest": None}]
        return error.value


@pytest.fixture
def project(colour, db, tmp_path):
    return Project(colour, db, tmp_path / "migrations")


@pytest.mark.parametrize("text", [DIGEST, ASYNC], ids=["def", "async def"])
async def test_applied_and_undone_whichever_the_colour(project, db, text):
    await project.begun()
    project.write("2_digest.py", text)
    project.write("3_after.sql", "ALTER TABLE users ADD COLUMN more INT8;")
    assert await project.migration().migrate() == 2
    rows = await db.execute("SELECT digest FROM users ORDER BY id")
    assert [row["digest"] for row in rows] == ["fdee430d", "81b637d8"]
    history = await db.execute("SELECT mode, undo FROM _migrations WHERE version = 2")
    assert history == [{"mode": "python", "undo": None}]
    assert await project.migration().migrate() == 0
    assert [one.mode for one in (await project.migration().status()).applied][1] == "python"


async def test_rollback_calls_undo(project, db):
    await project.begun()
    project.write("2_digest.py", DIGEST)
    await project.migration().migrate()
    assert await project.migration().rollback() == 1
    assert [r["digest"] for r in await db.execute("SELECT digest FROM users")] == [None, None]
    assert not await project.migration().is_applied(2)
    project.write("2_digest.py", DIGEST[: DIGEST.index("def undo")])
    await project.migration(allow_changed=True).migrate()
    with pytest.raises(NoUndo):
        await project.migration().rollback()


async def test_what_is_lent_has_verbs_and_psycopgs_methods(project, db):
    await project.begun()
    project.write(
        "2_x.py",
        """
        from psycopg import sql

        def migrate(connection):
            connection.insert("users", {"id": 3, "name": "cyd"})
            with connection.transaction():
                connection.execute("UPDATE users SET name = %s WHERE id = %s", ("eve", 3))
            try:
                with connection.transaction():
                    connection.execute("UPDATE users SET name = 'nobody'")
                    raise KeyError
            except KeyError:
                pass
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO users VALUES (%s, %s)", [(4, "fay"), (5, "gil")])
                query = sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier("users"))
                assert cursor.execute(query).fetchone() == {"n": 5}
            connection.batch_insert("users", [{"id": 6, "name": "50% hal"}])
            assert connection.execute("SELECT '%'::TEXT AS p").fetchone() == {"p": "%"}
            assert connection.value("SELECT name FROM users WHERE id = %s", (3,)) == "eve"
        """,
    )
    await project.migration().migrate()
    names = [r["name"] for r in await db.execute("SELECT name FROM users ORDER BY id")]
    assert names == ["ada", "bob", "eve", "fay", "gil", "50% hal"]


async def test_a_failure_names_its_line_and_leaves_nothing(project):
    await project.begun()
    failure = await project.fails(
        """
        def migrate(connection):
            connection.update("users", {"digest": "x"}, {"id": 1})
            check(connection)

        def check(connection):
            connection.execute("SELECT not_there FROM users")
        """
    )
    assert (failure.version, failure.line, failure.sqlstate) == (2, 7, "42703")
    assert failure.path.endswith("2_x.py") and "SELECT not_there" in failure.excerpt
    failure = await project.fails(
        """
        def migrate(connection):
            connection.update("users", {"digest": "x"}, {"id": 1})
            raise ValueError("not today")
        """
    )
    assert "ValueError: not today." in failure.message and failure.line == 4
    assert isinstance(failure.__cause__, ValueError)
    attempts = await project.migration().attempts()
    assert [one.version for one in attempts] == [2, 2]


async def test_the_transaction_is_the_runs(project):
    await project.begun()
    for ending in ("commit()", "rollback()", "close()"):
        failure = await project.fails(
            f"""
            def migrate(connection):
                connection.update("users", {{"digest": "x"}}, {{"id": 1}})
                connection.{ending}
            """,
            match="belongs to the migration's run",
        )
        assert failure.line == 4
    for verb in ("COMMIT", "commit ;", "/* */ ROLLBACK", "SELECT 1; COMMIT", "BEGIN", "END"):
        await project.fails(
            f"""
            def migrate(connection):
                connection.update("users", {{"digest": "x"}}, {{"id": 1}})
                connection.execute("{verb}")
            """,
            match="was not sent",
        )
    await project.fails(
        """
        def migrate(connection):
            connection.update("users", {"digest": "x"}, {"id": 1})
            with connection:
                pass
        """,
        match="belongs to the migration's run",
    )


async def test_what_no_transaction_covers_is_not_sent(project, server):
    await project.begun()
    statement = "CREATE INDEX CONCURRENTLY later ON users (name)"
    if server.engine == "cockroachdb":
        statement = "ALTER TABLE users ADD COLUMN later INT8"
    failure = await project.fails(
        f"""
        def migrate(connection):
            connection.update("users", {{"digest": "x"}}, {{"id": 1}})
            connection.execute("{statement}")
        """,
        match="was not sent: no transaction covers it",
    )
    assert failure.line == 4 and "SQL migration" in failure.hint
    assert isinstance(failure.__cause__, Refused)
    failure = await project.fails(  # even where it is caught
        f"""
        def migrate(connection):
            connection.update("users", {{"digest": "x"}}, {{"id": 1}})
            try:
                connection.execute("{statement}")
            except Exception:
                pass
        """,
        match="was not sent",
    )


async def test_what_a_transaction_covers_is_sent(project, db):
    await project.begun()
    project.write(
        "2_x.py",
        """
        def migrate(connection):
            connection.execute("CREATE TABLE notes (id INT8 PRIMARY KEY, note TEXT)")
            connection.insert("notes", {"id": 1, "note": "x"})
        """,
    )
    await project.migration().migrate()
    assert await db.select("notes") == [{"id": 1, "note": "x"}]


async def test_an_error_that_was_caught_is_no_success(project):
    await project.begun()
    await project.fails(
        """
        def migrate(connection):
            connection.update("users", {"digest": "x"}, {"id": 1})
            try:
                connection.execute("SELECT not_there FROM users")
            except Exception:
                pass
        """,
        match="nothing of it can be committed",
    )


async def test_40001_calls_it_again(project, db, tmp_path):
    await project.begun()
    project.write(
        "2_x.py",
        f"""
        from pathlib import Path

        import psycopg

        CALLS = Path({str(tmp_path / "calls")!r})

        def migrate(connection):
            connection.update("users", {{"digest": "x"}}, {{"id": 1}})
            with CALLS.open("a") as calls:
                calls.write("x")
            count = len(CALLS.read_text())
            if count == 1:
                raise psycopg.errors.SerializationFailure("restart")
            if count == 2:
                try:
                    raise psycopg.errors.DeadlockDetected("meanwhile")
                except psycopg.Error as error:
                    raise RuntimeError("a library's own") from error
        """,
    )
    await project.migration().migrate()
    assert (tmp_path / "calls").read_text() == "xxx"
    assert await db.select("users", ["digest"], where={"id": 1}) == [{"digest": "x"}]


async def test_a_real_conflict_calls_it_again(project, db, server, url, tmp_path):
    await project.begun()
    project.write(
        "2_x.py",
        f"""
        from pathlib import Path

        import psycopg

        CALLS = Path({str(tmp_path / "calls")!r})
        URL = {url!r}

        def migrate(connection):
            [row] = connection.select("users", ["digest"], where={{"id": 1}})
            with CALLS.open("a") as calls:
                calls.write("x")
            if len(CALLS.read_text()) == 1:
                with psycopg.connect(URL, autocommit=True) as other:
                    other.execute("UPDATE users SET digest = 'other' WHERE id = 1")
            connection.update("users", {{"digest": f"{{row['digest']}}+"}}, {{"id": 1}})
        """,
    )
    settings = {"default_transaction_isolation": "serializable"}
    await project.migration(settings=settings if server.engine == "postgresql" else {}).migrate()
    assert (tmp_path / "calls").read_text() == "xx"
    assert await db.select("users", ["digest"], where={"id": 1}) == [{"digest": "other+"}]


RECORD = "INSERT INTO public._migrations "


@pytest.mark.parametrize(
    "cut",
    [Cut(), Cut(forward=True, server="finish"), Cut(forward=True)],
    ids=["not sent", "answer lost", "cut off"],
)
async def test_a_lost_answer_is_never_guessed_at(project, db, colour, url, cut):
    """The connection is lost at the COMMIT: before it arrives, or when it is done."""
    await project.begun()
    project.write(
        "2_x.py",
        """
        def migrate(connection):
            connection.execute("UPDATE users SET name = name || '!', digest = 'x'")
        """,
    )
    with Proxy.before(url) as proxy:
        proxy.arm(Fault(When(text=RECORD), cut))
        await project.migration(colour.database(proxy.through(url))).migrate()
        assert proxy.fired
    rows = await db.execute("SELECT name FROM users ORDER BY id")
    assert [row["name"] for row in rows] == ["ada!", "bob!"]
    assert (await db.execute("SELECT count(*) AS n FROM _migrations"))[0]["n"] == 2


COUNTED = """
        def migrate(connection):
            with open({calls!r}, "a") as calls:
                calls.write("x")
            connection.execute("UPDATE users SET digest = 'x'")
            connection.execute("SELECT 'the middle'")
"""


async def test_a_connection_lost_in_the_middle_calls_it_again(project, db, colour, url, tmp_path):
    await project.begun()
    project.write("2_x.py", COUNTED.format(calls=str(tmp_path / "calls")))
    with Proxy.before(url) as proxy:
        proxy.arm(Fault(When(text="the middle"), Cut()))
        await project.migration(colour.database(proxy.through(url))).migrate()
    assert (tmp_path / "calls").read_text() == "xx"
    assert {r["digest"] for r in await db.execute("SELECT digest FROM users")} == {"x"}


@pytest.mark.parametrize("drains", [True, False])
async def test_a_cancelled_statement_calls_it_again_where_its_node_drains(
    project, db, colour, url, tmp_path, drains
):
    """The node closes the connection then; what a person cancels is a failure of the function."""
    await project.begun()
    project.write("2_x.py", COUNTED.format(calls=str(tmp_path / "calls")))
    cancelled = Answer("57014", "query execution canceled", server="rollback", close=drains)
    with Proxy.before(url) as proxy:
        proxy.arm(Fault(When(text="the middle"), cancelled))
        migration = project.migration(colour.database(proxy.through(url)))
        if drains:
            await migration.migrate()
        else:
            with pytest.raises(MigrationFailed, match="query execution canceled"):
                await migration.migrate()
    assert (tmp_path / "calls").read_text() == ("xx" if drains else "x")
    rows = await db.execute("SELECT DISTINCT digest FROM users")
    assert [row["digest"] == "x" for row in rows] == [drains]


async def test_verify_drift_diff_and_a_fresh_database_replay_it(project, db):
    await project.begun()
    project.write("2_digest.py", DIGEST)
    project.write(
        "3_notes.py",
        """
        async def migrate(connection):
            await connection.execute("CREATE TABLE notes (id INT8 PRIMARY KEY)")

        async def undo(connection):
            pass
        """,
    )
    await project.migration().migrate(fresh=True)
    assert not (await project.migration().drift()).differs
    assert await project.migration().diff(str(project.directory)) == ()
    found = await project.migration().verify()
    wrong = {one.version: one.failures[0].message for one in found.migrations if one.failures}
    assert list(wrong) == [3] and "does not lead back" in wrong[3]
    [digest] = [one for one in found.migrations if one.version == 2]
    assert digest.reversible
    text = (project.directory / "3_notes.py").read_text()
    (project.directory / "3_notes.py").write_text(
        text.replace("pass", "await connection.drop_table('notes')")
        if "cockroach" not in found.server.lower()
        else text[: text.index("async def undo")]
    )
    found = await project.migration().verify()
    assert found.ok
    assert [one.crashes for one in found.migrations][1:] == [3, 3]


async def test_a_plan_says_that_it_is_not_analysed(project):
    await project.begun()
    project.write("2_digest.py", DIGEST)
    plan = await project.migration().plan()
    [one] = plan.migrations
    assert one.mode == "python" and one.reason.startswith("Python: not analysed")
    assert (one.statements, one.undo, one.has_undo) == ((), None, True)
    with pytest.raises(Refused, match="is Python and cannot be written as SQL") as error:
        plan.sql()
    assert error.value.version == 2
    status = await project.migration().status()
    assert [(p.version, p.mode) for p in status.pending] == [(2, "python")]


async def test_a_stopped_sql_migration_is_not_gone_on_with_in_python(project, server):
    if server.engine == "postgresql":
        return
    await project.begun()
    (project.directory / "2_x.sql").write_text(
        "ALTER TABLE users ADD COLUMN a INT8; ALTER TABLE nowhere ADD COLUMN a INT8;"
    )
    with pytest.raises(PartialMigration):
        await project.migration().migrate()
    (project.directory / "2_x.sql").unlink()
    project.write("2_x.py", DIGEST)
    with pytest.raises(ChangedFile, match="stopped half way as SQL"):
        await project.migration().migrate()


async def test_several_runners_call_it_once(project, db, colour, tmp_path):
    await project.begun()
    project.write(
        "2_x.py",
        f"""
        import time

        def migrate(connection):
            with open({str(tmp_path / "calls")!r}, "a") as calls:
                calls.write("x")
            connection.execute("UPDATE users SET name = name || '!'")
            time.sleep(0.3)
        """,
    )
    runs = [project.migration(colour.database(db.settings.url(secrets=True))) for _ in range(3)]
    found = await colour.concurrently(*(run.migrate for run in runs))
    assert sorted(found) == [0, 0, 1]
    assert (tmp_path / "calls").read_text() == "x"


async def test_hooks_and_repeatable_files_run_around_it(project, db):
    await project.begun()
    (project.directory / "hooks").mkdir()
    (project.directory / "hooks" / "after_each.sql").write_text(
        "UPDATE users SET name = name || '+';"
    )
    project.write("2_x.py", DIGEST)
    await project.migration().migrate()
    assert await db.select("users", ["name"], where={"id": 1}) == [{"name": "ada+"}]


async def test_a_session_that_it_changed_is_nobody_elses(project, db):
    await project.begun()
    await db.execute("CREATE SCHEMA elsewhere")
    project.write(
        "2_x.py",
        """
        def migrate(connection):
            connection.execute("SET search_path = elsewhere")
            connection.execute("CREATE TABLE there (id INT8 PRIMARY KEY)")
        """,
    )
    (project.directory / "3_here.sql").write_text("CREATE TABLE here (id INT8 PRIMARY KEY);")
    assert await project.migration().migrate() == 2
    assert await db.select("elsewhere.there") == []
    assert await db.select("public.here") == []
    assert await project.migration().migrate() == 0


async def test_cursors_streams_pipelines_and_copies(project, db, server):
    await project.begun()
    project.write(
        "2_x.py",
        f"""
        def migrate(connection):
            if {not lacks(server, "cursors")}:
                with connection.cursor("named") as cursor:
                    cursor.execute("SELECT name FROM users ORDER BY id")
                    assert [row["name"] for row in cursor] == ["ada", "bob"]
            rows = connection.cursor().stream("SELECT id FROM users ORDER BY id")
            assert [row["id"] for row in rows] == [1, 2]
            with connection.cursor().copy("COPY users (id, name) FROM STDIN") as copy:
                copy.write_row((3, "cyd"))
            with connection.pipeline():
                connection.execute("UPDATE users SET digest = 'x' WHERE id = 1")
                connection.execute("UPDATE users SET digest = 'y' WHERE id = 2")
        """,
    )
    await project.migration().migrate()
    rows = await db.execute("SELECT digest FROM users ORDER BY id")
    assert [row["digest"] for row in rows] == ["x", "y", None]


@pytest.mark.parametrize("way", ["connection.cursor()", "psycopg.ClientCursor(connection)"])
async def test_a_commit_below_the_guard_is_seen_at_the_end(project, db, way):
    await project.begun()
    project.write(
        "2_x.py",
        f"""
        import psycopg

        def migrate(connection):
            {way}.execute("COMMIT")
        """,
    )
    with pytest.raises(MigrationFailed, match=r"ended inside its block|was not sent"):
        await project.migration().migrate()
    assert not await project.migration().is_applied(2)


@pytest.mark.engine("postgresql", because="imitated")
async def test_xxa00_is_looked_at_by_a_person(project, db, colour, url):
    """Committed, but not all of it: CockroachDB's answer. PostgreSQL behind."""
    await project.begun()
    project.write("2_x.py", DIGEST)
    with Proxy.before(url, imitation=Imitation("v25.4.3")) as proxy:
        proxy.arm(Fault(When(text=RECORD), Answer("XXA00", server="forward")))
        migration = project.migration(colour.database(proxy.through(url)))
        with pytest.raises(PartialMigration, match="since it is Python") as error:
            await migration.migrate()
        assert "repair 2" in error.value.hint
        assert not await project.migration().is_applied(2)
        with pytest.raises(PartialMigration, match="committed in part"):
            await migration.migrate()
    await project.migration().repair(2, applied=True)
    assert await project.migration().migrate() == 0


@pytest.mark.clock
async def test_a_deadline_cancels_it(project, db):
    await project.begun()
    project.write(
        "2_x.py",
        """
        import time

        def migrate(connection):
            connection.execute("UPDATE users SET digest = 'x'")
            for _ in range(600):
                connection.execute("SELECT pg_sleep(0.1)")
        """,
    )
    with pytest.raises(DeadlineReached, match="nothing of it remains"):
        await project.migration().migrate(deadline=2)
    assert not await project.migration().is_applied(2)
    assert await db.select("users", ["digest"], where={"id": 1}) == [{"digest": None}]


@pytest.mark.engine("postgresql", because="functions")
async def test_what_the_server_remarks_is_told(project):
    await project.begun()
    project.write(
        "2_x.py",
        """
        def migrate(connection):
            heard = []
            connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
            connection.execute("DO $$ BEGIN RAISE NOTICE 'hear, hear'; END $$")
            assert heard == ["hear, hear"]
        """,
    )
    await project.migration().migrate()
    assert [one.message for one in project.events if isinstance(one, Notice)] == ["hear, hear"]
