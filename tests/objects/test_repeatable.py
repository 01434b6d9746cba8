"""Repeatable files on real servers: what a change runs, what is kept, what survives a crash."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from faults.proxy import Cut, Fault, Proxy, When
from manticore_cockroachdb.errors import FileError, ManticoreError, MigrationError, Refused
from manticore_cockroachdb.runner.events import RepeatableFinished

from ..support.differences import lacks

BASE = "CREATE VIEW base AS SELECT a, b FROM t;"
TOP = "CREATE VIEW top AS SELECT a FROM base;"
MORE = "CREATE VIEW base AS SELECT b, a, 1 AS c FROM t;"  # no server replaces that in place


class Project:
    """A directory with a table and two views over it, one above the other."""

    def __init__(self, colour, url, directory):
        self.colour, self.url, self.directory = colour, url, directory
        self.ran = []
        directory.mkdir(exist_ok=True)
        table = "CREATE TABLE t (a INT8 PRIMARY KEY, b INT8);\n-- @UNDO\nDROP TABLE t;\n"
        (directory / "1_t.sql").write_text(table)
        # By name the upper one would come first.
        self.write("above/a_top.sql", TOP)
        self.write("base.sql", BASE)

    def write(self, name, text):
        path = self.directory / "repeatable" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def migration(self, url=None, **options):
        database = self.colour.database(url or self.url)
        return self.colour.Migration(database, self.directory, on_event=self._hear, **options)

    def _hear(self, event):
        if isinstance(event, RepeatableFinished):
            self.ran.append(event.names)

    async def migrate(self, url=None):
        """Migrate, and return what ran of the repeatable files."""
        self.ran = []
        await self.migration(url).migrate()
        return [name for names in self.ran for name in names]


@pytest.fixture
def project(colour, url, tmp_path):
    return Project(colour, url, tmp_path / "migrations")


async def columns(db, view):
    rows = await db.execute(
        "SELECT column_name AS c FROM information_schema.columns WHERE table_name = %s"
        " ORDER BY ordinal_position",
        (view,),
    )
    return [row["c"] for row in rows]


async def journal(db):
    return await db.execute("SELECT * FROM _migrations_steps")


async def recorded(db):
    rows = await db.execute("SELECT kind, name FROM _migrations_scripts ORDER BY kind, name")
    return [(row["kind"], row["name"]) for row in rows]


BOTH = [("repeatable", "above/a_top.sql"), ("repeatable", "base.sql")]


async def test_they_run_after_the_migrations_and_when_they_change(db, project):
    assert await project.migrate() == ["base.sql", "above/a_top.sql"]
    assert await project.migrate() == []
    assert await recorded(db) == BOTH
    project.write("base.sql", MORE)
    assert await project.migrate() == ["base.sql", "above/a_top.sql"]
    assert await columns(db, "base") == ["b", "a", "c"]
    assert await columns(db, "top") == ["a"]
    assert await journal(db) == []
    project.write("above/a_top.sql", TOP + "  \r\n")  # no change
    assert await project.migrate() == []
    project.write("above/a_top.sql", "CREATE VIEW top AS SELECT b FROM base;")
    assert await project.migrate() == ["above/a_top.sql"]
    assert await columns(db, "top") == ["b"]
    assert await recorded(db) == BOTH


async def test_nothing_to_do_is_one_round_trip(url, project):
    with Proxy.before(url) as proxy:
        await project.migrate()
        proxy.reset()
        assert await project.migrate(proxy.through(url)) == []
        assert proxy.round_trips() <= 2  # the first is connecting
        assert len(proxy.connections) == 1


async def test_who_has_none_pays_nothing(db, colour, tmp_path):
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (a INT8 PRIMARY KEY);")
    await colour.Migration(db, tmp_path).migrate()
    assert not await db.exists("_migrations_scripts")


async def test_grants_come_back(db, project, server):
    await project.migrate()
    await db.execute(f"CREATE USER {(user := f'reader_{uuid4().hex[:8]}')}")
    try:
        await db.execute(f"GRANT SELECT ON top TO {user}")
        await db.execute(f"GRANT SELECT ON base TO {user}")
        if not lacks(server, "objects of PostgreSQL"):  # rights on columns, comments on views
            await db.execute(f"GRANT UPDATE (a) ON top TO {user} WITH GRANT OPTION")
            await db.execute(f"GRANT UPDATE (b) ON base TO {user}")
            await db.execute("COMMENT ON VIEW top IS 'it''s'; COMMENT ON COLUMN base.b IS 'b'")
        # `b` is no column any more; what was about it is gone, the rest is not.
        project.write("base.sql", "CREATE VIEW base AS SELECT a, 1 AS c FROM t;")
        await project.migrate()
        rows = await db.execute(
            "SELECT table_name AS t, privilege_type AS p FROM information_schema.table_privileges"
            " WHERE grantee = %s ORDER BY 1, 2",
            (user,),
        )
        assert [(r["t"], r["p"]) for r in rows] == [("base", "SELECT"), ("top", "SELECT")]
        if not lacks(server, "objects of PostgreSQL"):
            query = (
                "SELECT has_column_privilege(%s, 'top', 'a', 'UPDATE WITH GRANT OPTION') AS a,"
                " obj_description('top'::regclass) AS d"
            )
            assert await db.execute(query, (user,)) == [{"a": True, "d": "it's"}]
    finally:
        await db.execute("DROP VIEW top; DROP VIEW base")
        await db.execute(f"DROP USER {user}")


async def test_a_file_that_fails_leaves_the_truth(db, project, server):
    """On PostgreSQL nothing has happened; on CockroachDB the next run begins anew."""
    await project.migrate()
    await db.execute("INSERT INTO t VALUES (1, 2)")
    project.write("base.sql", "CREATE VIEW base AS\nSELECT nothing_of_that FROM t;")
    with pytest.raises(MigrationError, match="nothing_of_that") as caught:
        await project.migrate()
    assert caught.value.version is None
    assert caught.value.path.endswith("base.sql")
    assert caught.value.line in (1, 2)
    if not lacks(server, "schema changes in a transaction"):
        assert await db.execute("SELECT a FROM top") == [{"a": 1}]
    else:
        assert "stays away" in (caught.value.hint or "")
        assert {s.state for s in (await project.migration().status()).repeatable} == {"partial"}
    # Back to the text that has run: whatever is missing is made.
    project.write("base.sql", BASE)
    await project.migrate()
    assert await db.execute("SELECT a FROM top") == [{"a": 1}]
    assert await recorded(db) == BOTH
    assert await journal(db) == []


@pytest.mark.engine("postgresql", because="schema changes in a transaction")
async def test_what_no_transaction_covers_is_refused_on_postgresql(db, project):
    await project.migrate()
    project.write("z.sql", "VACUUM t;")
    with pytest.raises(Refused, match="VACUUM") as caught:
        await project.migrate()
    assert caught.value.path.endswith("z.sql")


async def test_a_circle_is_told_before_anything_runs(db, project):
    project.write("base.sql", "CREATE VIEW base AS SELECT a FROM top;")
    with pytest.raises(FileError, match="in a circle"):
        await project.migrate()
    assert not await db.exists("t")


async def test_only_drop_removes(db, project):
    await project.migrate()
    (project.directory / "repeatable/above/a_top.sql").unlink()
    assert await project.migrate() == []
    assert await columns(db, "top") == ["a"]
    missing = [s for s in (await project.migration().status()).repeatable if s.state == "missing"]
    assert [one.name for one in missing] == ["above/a_top.sql"]
    project.write("base.sql", "-- @drop view top\n" + MORE)
    assert await project.migrate() == ["base.sql"]
    assert await columns(db, "top") == []
    assert await recorded(db) == [("repeatable", "base.sql")]


async def test_a_view_that_somebody_else_made_is_not_dropped(db, project):
    await db.execute("CREATE TABLE other (a INT8); CREATE VIEW base AS SELECT a FROM other")
    with pytest.raises(MigrationError, match="exists"):
        await project.migrate()
    assert await columns(db, "base") == ["a"]


async def test_a_target_that_leaves_migrations_pending_runs_none(db, project):
    (project.directory / "2_u.sql").write_text("CREATE TABLE u (a INT8 PRIMARY KEY);")
    await project.migration().migrate(1)
    assert project.ran == []
    await project.migration().migrate(2)
    assert project.ran == [("base.sql", "above/a_top.sql")]


async def test_environments_limit_them(db, project):
    project.write("seed.sql", "-- @environments test\nINSERT INTO t VALUES (7, 7);")
    assert "seed.sql" not in await project.migrate()
    await project.migration(environment="test").migrate()
    assert await db.execute("SELECT a FROM t") == [{"a": 7}]


async def test_status_and_plan_know_them(db, project):
    status = await project.migration().status()
    assert [(s.name, s.state, s.reason) for s in status.repeatable] == [
        ("base.sql", "pending", "is new"),
        ("above/a_top.sql", "pending", "is new"),
    ]
    assert not status.clean
    await project.migrate()
    assert (await project.migration().status()).clean
    assert not (await project.migration().plan()).changes
    project.write("base.sql", MORE)
    plan = await project.migration().plan()
    assert [(s.name, s.reason) for s in plan.repeatable] == [
        ("base.sql", "has changed"),
        ("above/a_top.sql", "depends on one that runs"),
    ]
    assert plan.changes
    for statement in plan.sql().split(";\n"):
        if lines := [one for one in statement.splitlines() if not one.startswith("--")]:
            await db.execute("\n".join(lines).replace("%", "%%"))
    assert await columns(db, "base") == ["b", "a", "c"]
    assert (await project.migration().status()).clean


async def test_drift_and_dump_know_them(db, project):
    await project.migrate()
    assert not (await project.migration().drift()).differs
    assert "VIEW public.top" in await project.migration().dump()
    assert "_migrations" not in await project.migration().dump()
    project.write("base.sql", MORE)
    drift = await project.migration().drift()
    assert drift.differs
    assert "base.sql is not what has run" in " ".join(drift.notes)


@pytest.mark.engine("postgresql", because="quicker")
async def test_verify_runs_them_twice(project):
    assert (await project.migration().verify(newest=0)).ok
    project.write("z.sql", "ALTER TABLE t ADD COLUMN c INT8;")
    (failure,) = (await project.migration().verify(newest=0)).failures
    assert failure.stage == "repeatable"
    assert "exists" in failure.message


# --- crashes -----------------------------------------------------------------------------------


async def test_a_lost_answer_is_settled_by_the_record(db, url, project):
    """COMMIT's answer does not come: what is recorded decides, and nothing runs twice."""
    await project.migrate()
    project.write("base.sql", MORE)
    project.write("seed.sql", "INSERT INTO t (a) SELECT coalesce(max(a), 0) + 1 FROM t;")
    for server in ("finish", "gone"):
        with Proxy.before(url) as proxy:
            fate = Cut(forward=server == "finish", server="finish")
            proxy.arm(Fault(When(text="INSERT INTO t (a)"), fate))
            await project.migrate(proxy.through(url))
        project.write("seed.sql", "INSERT INTO t (a) SELECT coalesce(max(a), 0) + 1 FROM t; --")
    assert await db.execute("SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 2}]
    assert await columns(db, "base") == ["b", "a", "c"]


@pytest.mark.parametrize("changed", [False, True])
async def test_a_run_that_dies_anywhere_is_carried_on(db, url, server, project, changed):
    """Killed at each message of a round: the next run ends where an undisturbed one would."""
    await project.migrate()
    await db.execute(f"CREATE USER {(user := f'reader_{uuid4().hex[:8]}')}")
    await db.execute(f"GRANT SELECT ON top TO {user}")
    texts = [BASE, MORE]
    strikes = ["DROP VIEW", "VIEW base AS", "VIEW top AS", "GRANT SELECT"]
    if not lacks(server, "schema changes in a transaction"):
        del strikes[1:]  # one message holds them all
    try:
        for strike in strikes:
            texts.reverse()
            project.write("base.sql", texts[0])
            with Proxy.before(url) as proxy:
                # Nothing gets through any more after the strike, as when the runner is killed.
                proxy.arm(
                    Fault(When(text=strike), Cut(forward=True, server="finish")),
                    Fault(When(type="StartupMessage", nth=2), Cut(), times=None),
                )
                migration = project.migration(proxy.through(url), lease_ttl=1, reconnect_wait=0.2)
                with pytest.raises(ManticoreError):
                    await migration.migrate()
            if changed:
                project.write("base.sql", texts[0] + " -- and more")
            await project.migration(lease_wait=20).migrate()
            expected = ["b", "a", "c"] if texts[0] is MORE else ["a", "b"]
            assert await columns(db, "base") == expected, strike
            query = "SELECT 1 FROM information_schema.table_privileges WHERE grantee = %s"
            assert await db.execute(query, (user,)), strike
            assert await recorded(db) == BOTH, strike
            assert await journal(db) == [], strike
    finally:
        await db.execute("DROP VIEW top; DROP VIEW base")
        await db.execute(f"DROP USER {user}")


# --- the command -------------------------------------------------------------------------------


def test_the_command_tells_of_them(url, tmp_path, capsys):
    from manticore_cockroachdb.cli.app import run as manticore

    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (a INT8 PRIMARY KEY);")
    (tmp_path / "repeatable").mkdir()
    (tmp_path / "repeatable/v.sql").write_text("CREATE VIEW v AS SELECT a FROM t;")

    def run(*words):
        code = manticore([*words, "--dir", str(tmp_path), "--url", url, "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, found = run("migrate")
    assert (code, found["repeatable"]) == (0, ["v.sql"])
    (tmp_path / "repeatable/v.sql").write_text("CREATE VIEW v AS SELECT a AS b FROM t;")
    code, found = run("status", "--exit-code")
    assert (code, [one["state"] for one in found["repeatable"]]) == (3, ["pending"])
    code, found = run("plan", "--exit-code")
    assert (code, [one["name"] for one in found["repeatable"]]) == (3, ["v.sql"])
    code, found = run("migrate")
    assert (code, found) == (0, {"applied": [], "repeatable": ["v.sql"]})
