"""What the fault harness has found, each as a test of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.imitate import Imitation, JobScript
from faults.proxy import Answer, Cut, Fault, Proxy, When
from manticore_cockroachdb.errors import ConnectionFailed, MigrationFailed, PartialMigration
from manticore_cockroachdb.runner import async_session, session

COMMIT = ";\nCOMMIT"


def write(directory, version, up, down="SELECT 1;"):
    (directory / f"{version}_m.sql").write_text(f"{up}\n-- @UNDO\n{down}\n")


class Interrupted(Exception):
    """Stands for Ctrl-C, which an event loop would not let through."""


async def test_a_lease_whose_taking_was_interrupted_is_given_back(
    db, colour, tmp_path, monkeypatch
):
    """The server has made us the holder, and we stop before we know."""
    write(tmp_path, 1, "SELECT 1;")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.initialize()
    before = async_session.AsyncSession.prepared, session.Session.prepared

    async def interrupted(self, sql):
        await before[0](self, sql)
        raise Interrupted

    def interrupted_too(self, sql):
        before[1](self, sql)
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(async_session.AsyncSession, "prepared", interrupted)
        patch.setattr(session.Session, "prepared", interrupted_too)
        with pytest.raises(Interrupted):
            await migration.migrate()
    assert (await migration.lease_status()).owner is None


async def test_a_server_that_stays_away_is_no_statement_about_the_migration(url, colour, tmp_path):
    """COMMIT went through, its answer did not, and nobody answers any more: claim nothing."""
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        migration = colour.Migration(db, migrations_dir=tmp_path, reconnect_wait=0.2)
        await migration.initialize()
        proxy.arm(
            Fault(When(text=COMMIT), Cut(forward=True, server="finish")),
            Fault(When(type="StartupMessage", nth=2), Cut(), times=None),
        )
        with pytest.raises(ConnectionFailed, match="was being applied") as caught:
            await migration.migrate()
    assert "run again" in (caught.value.hint or "")
    migration = colour.Migration(colour.database(url), migrations_dir=tmp_path)
    assert await migration.migrate() == 0 or await migration.is_applied(1)


async def begun(colour, url, directory, second):
    """A migration of two versions, the first of which has made a table; `second` is to come."""
    write(directory, 1, "CREATE TABLE t (a INT8 PRIMARY KEY, b INT8);")
    write(directory, 2, second)
    migration = colour.Migration(colour.database(url), migrations_dir=directory)
    await migration.migrate(1)
    return migration


@pytest.fixture
def imitation(server, url) -> Iterator[tuple[Imitation, Proxy]]:
    """A newer CockroachDB, imitated."""
    imitation = Imitation("v25.4.3")
    with Proxy.before(url, imitation=imitation) as proxy:
        yield imitation, proxy


@pytest.mark.engine("postgresql", because="imitated")
async def test_a_paused_job_is_shown_and_its_end_is_seen(imitation, url, colour, tmp_path):
    """The statement fails because its job was paused; it is not undone, and not done twice.

    The imitation's PostgreSQL is enough: the jobs are the proxy's.
    """
    imitated, proxy = imitation
    migration = await begun(colour, proxy.through(url), tmp_path, "ALTER TABLE t DROP COLUMN b;")
    imitated.jobs.script(JobScript("DROP COLUMN b", ends="paused"))
    with pytest.raises(PartialMigration, match="is paused") as caught:
        await migration.migrate()
    (job,) = [job for job in imitated.jobs.all() if job.status == "paused"]
    assert f"RESUME JOB {job.id}" in (caught.value.hint or "")
    with pytest.raises(PartialMigration, match="is paused"):
        await migration.migrate()
    imitated.jobs.control("RESUME", job.id)
    assert await migration.migrate() == 1
    assert await migration.is_applied(2)


@pytest.mark.engine("postgresql", because="imitated")
async def test_a_failed_job_leaves_the_statement_undone(imitation, url, colour, tmp_path):
    """As above: PostgreSQL stands behind."""
    imitated, proxy = imitation
    migration = await begun(
        colour, proxy.through(url), tmp_path, "CREATE UNIQUE INDEX t_b ON t (b);"
    )
    imitated.jobs.script(JobScript("CREATE UNIQUE INDEX", ends="failed"))
    with pytest.raises(MigrationFailed):
        await migration.migrate()
    assert await migration.migrate() == 1


@pytest.mark.parametrize("server_does", ["rollback", "forward"])
@pytest.mark.parametrize("text", ["_migrations_lease", "ADD COLUMN c", COMMIT])
async def test_a_node_that_drains_cancels_what_runs_before_it_closes_the_connection(
    imitation, url, colour, tmp_path, text, server_does
):
    """As v20.2 did to a run that was taking its lease: 57014, over a connection that ended."""
    _, proxy = imitation
    migration = await begun(
        colour,
        proxy.through(url),
        tmp_path,
        "INSERT INTO t VALUES (1, 1);\nALTER TABLE t ADD COLUMN c INT8;",
    )
    cancelled = Answer("57014", "query execution canceled", server=server_does, close=True)
    proxy.arm(Fault(When(text=text), cancelled))
    assert await migration.migrate() == 1
    assert proxy.fired
    assert await colour.database(url).execute("SELECT * FROM t") == [{"a": 1, "b": 1, "c": None}]


async def test_what_a_person_cancels_stays_cancelled(imitation, url, colour, tmp_path):
    """The connection goes on, so no node drains."""
    _, proxy = imitation
    migration = await begun(
        colour, proxy.through(url), tmp_path, "ALTER TABLE t ADD COLUMN c INT8;"
    )
    cancelled = Answer("57014", "query execution canceled", server="rollback")
    proxy.arm(Fault(When(text="ADD COLUMN c"), cancelled))
    with pytest.raises(MigrationFailed, match="query execution canceled"):
        await migration.migrate()
    assert await migration.migrate() == 1


@pytest.mark.engine("postgresql", because="imitated")
async def test_xxa00_speaks_of_its_own_step_only(imitation, url, colour, tmp_path):
    """The steps after it have not begun, and are not among what stayed. PostgreSQL behind."""
    _, proxy = imitation
    second = "INSERT INTO t VALUES (1, 1);\nALTER TABLE t ADD COLUMN c INT8;\nDELETE FROM t;"
    migration = await begun(colour, proxy.through(url), tmp_path, second)
    proxy.arm(Fault(When(text=COMMIT), Answer("XXA00", server="forward")))
    with pytest.raises(PartialMigration) as caught:
        await migration.migrate()
    assert "INSERT INTO t" in caught.value.message
    assert "DELETE" not in caught.value.message
    assert "ADD COLUMN" not in caught.value.message
    rows = await migration.db.execute("SELECT * FROM t")
    assert [tuple(row.values()) for row in rows] == [(1, 1)]


@pytest.mark.engine("postgresql", because="imitated")
async def test_xxa00_for_our_own_writes_alone_is_looked_up(imitation, url, colour, tmp_path):
    """The last transaction holds the history row and no schema change. PostgreSQL behind."""
    _, proxy = imitation
    migration = await begun(colour, proxy.through(url), tmp_path, "ALTER TABLE t DROP COLUMN b;")
    proxy.arm(Fault(When(text="INSERT INTO public._migrations "), Answer("XXA00")))
    assert await migration.migrate() == 1
    assert proxy.fired
    assert await migration.is_applied(2)
    assert (await migration.status()).problems == ()


@pytest.mark.parametrize(
    ("said_by", "more"),
    [("INSERT INTO public._migrations ", ""), ("'done', NULL", "UPDATE t SET a = 1;")],
    ids=["the history", "the journal"],
)
async def test_a_record_that_cannot_be_written_does_not_make_a_statement_undone(
    url, server, colour, tmp_path, said_by, more
):
    """The statement was done and to say so was refused: nobody may say that nothing remains."""
    second = f"CREATE INDEX CONCURRENTLY t_b ON t (b);\n{more}"
    with Proxy.before(url) as proxy:
        migration = await begun(colour, proxy.through(url), tmp_path, second)
        refused = Answer("42501", "permission denied", server="rollback")
        proxy.arm(Fault(When(text=said_by), refused))
        with pytest.raises(PartialMigration, match="finds out what became of it"):
            await migration.migrate()
        assert proxy.fired
        assert await migration.migrate() == 1
        assert await migration.is_applied(2)
