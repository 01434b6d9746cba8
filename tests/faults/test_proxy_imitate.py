"""The imitated CockroachDB on a real PostgreSQL, as a client sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from faults.imitate import Imitation, JobScript
from faults.proxy import Answer, Cut, Fault, Proxy, When

from .conftest import Client

pytestmark = pytest.mark.engine("postgresql", because="imitated")

IDLE, OPEN, FAILED = TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR
WAITING = "waiting for job(s) to complete"


class Cluster:
    """An imitated cluster, and the way to it."""

    def __init__(self, proxy: Proxy, imitation: Imitation, url: str) -> None:
        self.proxy = proxy
        self.imitation = imitation
        self.url = url
        self.clients: list[Client] = []

    def connect(self, options: str = "") -> Client:
        more = f"&options={options}" if options else ""
        self.clients.append(Client(self.proxy.through(self.url) + more))
        return self.clients[-1]

    @contextmanager
    def job(self, **script: Any) -> Iterator[int]:
        """The id of the scripted job of a CREATE INDEX ON t that goes on meanwhile."""
        self.imitation.jobs.script(JobScript("INDEX", **script))
        before = len(self.imitation.jobs.all())
        client = self.connect()
        thread = threading.Thread(target=lambda: client.fails("CREATE INDEX slow ON t (a)"))
        thread.start()
        while len(jobs := self.imitation.jobs.all()) == before:
            time.sleep(0.005)
        yield jobs[-1].id
        thread.join(5)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, server_url: str) -> Iterator[Cluster]:
    """An imitated v25.4, or the version that the test is marked with."""
    version = getattr(request, "param", "v25.4.3")
    with psycopg.connect(server_url, autocommit=True) as direct:
        direct.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        direct.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        direct.execute("CREATE TABLE u (a int)")
    imitation = Imitation(version)
    with Proxy.before(server_url, imitation=imitation) as proxy:
        cluster = Cluster(proxy, imitation, server_url)
        yield cluster
        for client in cluster.clients:
            client.connection.close()


# --- what it says it is ----------------------------------------------------------------------


def test_it_announces_itself(cluster: Cluster) -> None:
    client = cluster.connect()
    announced = client.connection.pgconn.parameter_status(b"crdb_version")
    assert announced is not None
    assert announced.decode().startswith("CockroachDB CCL v25.4.3 ")
    ((version, schema),) = client("SELECT version(), current_schema()")[0]
    assert (version, schema) == (announced.decode(), "public")
    client.connection.prepare_threshold = 0
    assert client.connection.execute("SELECT %s", (1,)).fetchone() == (1,)
    with client.connection.pipeline():
        cursor = client.connection.execute("SELECT %s", (2,))
    assert cursor.fetchone() == (2,)
    with pytest.raises(ValueError, match="no version"):
        Imitation("25")


def test_settings(cluster: Cluster) -> None:
    client = cluster.connect("-c%20autocommit_before_ddl%3Doff%20-c%20work_mem%3D1MB")
    assert client("SHOW autocommit_before_ddl; SHOW work_mem") == [[("off",)], [("1MB",)]]
    assert client("SET autocommit_before_ddl = on; RESET autocommit_before_ddl") == ["SET", "RESET"]
    assert client("SHOW autocommit_before_ddl") == [[("off",)]]
    assert client.fails("SET no_such_setting = 1") == "42704"
    assert client(
        "SET default_transaction_use_follower_reads = off; SET statement_timeout = 0"
    ) == [
        "SET",
        "SET",
    ]


# --- messages of several statements ----------------------------------------------------------


def test_a_message_is_one_transaction(cluster: Cluster) -> None:
    client = cluster.connect()
    show = "SHOW sql_safe_updates"
    assert client.fails(f"INSERT INTO u VALUES (1); {show}; SELECT 1/0; SELECT 2") == "22012"
    assert client.status == IDLE
    assert client("SELECT count(*) FROM u") == [[(0,)]]
    assert client(f"INSERT INTO u VALUES (1); {show}; INSERT INTO u VALUES (2)") == [
        "INSERT 0 1",
        [("off",)],
        "INSERT 0 1",
    ]
    assert client("SELECT count(*) FROM u") == [[(2,)]]


def test_begin_takes_in_what_went_before(cluster: Cluster) -> None:
    client = cluster.connect()
    sql = "INSERT INTO u VALUES (1); SHOW sql_safe_updates; BEGIN; INSERT INTO u VALUES (2)"
    assert client(sql)[-2:] == ["BEGIN", "INSERT 0 1"]
    assert client.status == OPEN
    assert client("ROLLBACK; SELECT count(*) FROM u") == ["ROLLBACK", [(0,)]]
    begin = "SHOW sql_safe_updates; BEGIN ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation"
    assert client(begin)[-1] == [("serializable",)]
    assert client("COMMIT") == ["COMMIT"]


def test_an_error_inside_begin_leaves_the_transaction_failed(cluster: Cluster) -> None:
    client = cluster.connect()
    assert client.fails("SHOW sql_safe_updates; BEGIN; SELECT 1/0; COMMIT") == "22012"
    assert client.status == FAILED
    assert client.fails("SHOW session_id") == "25P02"
    assert client("ROLLBACK") == ["ROLLBACK"]


@pytest.mark.parametrize("begin", ["", "BEGIN"])
def test_nothing_runs_of_a_message_with_a_syntax_error(cluster: Cluster, begin: str) -> None:
    client = cluster.connect()
    if begin:
        client(begin)
    with pytest.raises(psycopg.errors.SyntaxError) as failure:
        client("CREATE TABLE made (a int);\nINSERT INTO u\n VALUES (1;\nSELECT 1")
    assert failure.value.diag.statement_position is None
    assert failure.value.diag.message_primary == 'at or near ";": syntax error'
    assert client.status == (FAILED if begin else IDLE)
    client("ROLLBACK")
    assert client("SELECT to_regclass('made')") == [[(None,)]]


def test_copy_and_large_results_pass(cluster: Cluster) -> None:
    client = cluster.connect()
    with client.connection.cursor().copy("COPY u FROM STDIN") as copy:
        for number in range(2000):
            copy.write_row((number,))
    assert len(client("SHOW sql_safe_updates; SELECT * FROM u")[1]) == 2000


# --- autocommit_before_ddl -------------------------------------------------------------------

CHANGE = "BEGIN; INSERT INTO u VALUES (1); CREATE TABLE made (a int); INSERT INTO u VALUES (2)"


@pytest.mark.parametrize("cluster", ["v24.3.1", "v25.4.3"], indirect=True)
@pytest.mark.parametrize("setting", ["on", "off", None])
@pytest.mark.parametrize("apart", [True, False])
def test_a_schema_change_commits(cluster: Cluster, setting: str | None, apart: bool) -> None:
    client = cluster.connect()
    on = setting == "on" or (setting is None and cluster.imitation.version >= (25, 1))
    if setting is not None:
        client(f"SET autocommit_before_ddl = {setting}")
    for message in CHANGE.split(";") if apart else [CHANGE]:
        client(message)
    assert client.status == (IDLE if on else OPEN)
    assert client("ROLLBACK") == ["ROLLBACK"]
    notices = [
        "auto-committing transaction before processing DDL due to autocommit_before_ddl setting",
        "there is no transaction in progress",
    ]
    assert client.notices == (notices if on else [])
    left = client("SELECT to_regclass('made')::text; SELECT count(*) FROM u")
    assert left == ([[("made",)], [(2,)]] if on else [[(None,)], [(0,)]])


def test_even_just_after_begin(cluster: Cluster) -> None:
    client = cluster.connect()
    assert client("BEGIN; CREATE TABLE made (a int); COMMIT") == ["BEGIN", "CREATE TABLE", "COMMIT"]
    assert client.notices[-1] == "there is no transaction in progress"


def test_a_message_is_cut_before_schema_changes(cluster: Cluster) -> None:
    client = cluster.connect()
    sql = (
        "INSERT INTO u VALUES (1); CREATE TABLE made (a int); INSERT INTO u VALUES (2); SELECT 1/0"
    )
    assert client.fails(sql) == "22012"
    assert client("SELECT a FROM u; SELECT to_regclass('made')::text") == [[(1,)], [("made",)]]


def test_a_failed_transaction_is_not_committed(cluster: Cluster) -> None:
    client = cluster.connect()
    assert client.fails("BEGIN; INSERT INTO u VALUES (1); SELECT 1/0") == "22012"
    assert client.fails("CREATE TABLE made (a int)") == "25P02"
    assert client("ROLLBACK; SELECT count(*) FROM u") == ["ROLLBACK", [(0,)]]


# --- jobs and XXA00 --------------------------------------------------------------------------

OFF = "SET autocommit_before_ddl = off"


@pytest.mark.parametrize("apart", [True, False])
def test_a_job_that_fails_after_commit(cluster: Cluster, apart: bool) -> None:
    client = cluster.connect()
    client(OFF)
    sql = "BEGIN; INSERT INTO u VALUES (1); CREATE UNIQUE INDEX twice ON t (a); COMMIT"
    *before, last = sql.split(";") if apart else [sql]
    for message in before:
        client(message)
    with pytest.raises(psycopg.InternalError) as failure:
        client(last)
    assert failure.value.sqlstate == "XXA00"
    assert "(23505)" in str(failure.value)
    assert client.status == IDLE
    assert client("SELECT a FROM u; SELECT to_regclass('twice')") == [[(1,)], [(None,)]]
    ((status, error),) = client("SELECT status, error FROM [SHOW JOBS]")[0]
    assert (status, "twice" in error) == ("failed", True)


def test_without_begin_the_failure_keeps_its_code(cluster: Cluster) -> None:
    client = cluster.connect()
    client(OFF)
    assert client.fails("INSERT INTO u VALUES (1); CREATE UNIQUE INDEX twice ON t (a)") == "23505"
    assert client.fails("CREATE UNIQUE INDEX twice ON t (a)") == "23505"
    assert client("SELECT a FROM u") == [[(1,)]]


def test_a_column_cannot_be_used_where_it_is_added(cluster: Cluster) -> None:
    client = cluster.connect()
    client(OFF)
    assert client.fails("BEGIN; ALTER TABLE t ADD b int; UPDATE t SET b = 1; COMMIT") == "42703"
    client("ROLLBACK")
    assert client("BEGIN; ALTER TABLE t ADD b int; CREATE INDEX i ON t (a); COMMIT") == [
        "BEGIN",
        "ALTER TABLE",
        "CREATE INDEX",
        "COMMIT",
    ]
    assert client("SELECT b FROM t; SELECT to_regclass('i')::text")[1] == [("i",)]
    assert client.fails("BEGIN; ALTER TABLE nowhere ADD b int; COMMIT") == "42P01"
    assert client.status == FAILED
    client("ROLLBACK")
    assert (
        client("BEGIN; CREATE TABLE made (a int); ALTER TABLE made ADD b int")[-1] == "ALTER TABLE"
    )
    assert client("INSERT INTO made VALUES (1, 2); ROLLBACK")[0] == "INSERT 0 1"


def test_rolling_back_forgets_what_waits(cluster: Cluster) -> None:
    client = cluster.connect()
    client(OFF)
    client("BEGIN; CREATE INDEX i ON t (a); ROLLBACK")
    client("BEGIN; SAVEPOINT s; CREATE INDEX i ON t (a); ROLLBACK TO s; COMMIT")
    assert client("SELECT to_regclass('i')") == [[(None,)]]
    assert cluster.imitation.jobs.all() == []


@pytest.mark.parametrize("cluster", ["v26.2.1"], indirect=True)
def test_a_notice_names_the_jobs(cluster: Cluster) -> None:
    client = cluster.connect()
    client("CREATE INDEX i ON t (a)")
    (job,) = cluster.imitation.jobs.all()
    assert client.notices[0].startswith(f"{WAITING}: {job.id}\n")
    assert client.fails("CREATE INDEX ON nowhere (a)") == "42P01"
    client(f"{OFF}; BEGIN; ALTER TABLE t ADD b int; ALTER TABLE u ADD b int; COMMIT")
    ids = ", ".join(str(one.id) for one in cluster.imitation.jobs.all()[1:])
    assert client.notices[1:] == [client.notices[1]]
    assert client.notices[1].startswith(f"{WAITING}: {ids}\n")
    columns = client.connection.execute("SHOW JOBS").description
    assert columns is not None
    assert "started" not in [column.name for column in columns]


def test_a_job_goes_on_without_its_client(cluster: Cluster) -> None:
    cluster.proxy.arm(Fault(When(type="Query", text="INDEX"), Cut(forward=True)))
    with cluster.job(seconds=0.4) as number:
        watcher = cluster.connect()
        show = "SELECT status, fraction_completed FROM [SHOW JOBS]"
        ((status, fraction),) = watcher(show)[0]
        assert (status, fraction < 1) == ("running", True)
        assert watcher("SELECT to_regclass('slow')") == [[(None,)]]
        while not cluster.imitation.jobs[number].ended:
            time.sleep(0.01)
        assert watcher(show) == [[("succeeded", 1.0)]]
        assert watcher("SELECT to_regclass('slow')::text") == [[("slow",)]]
        assert watcher(f"SHOW JOB {number}")[0][0][0] == number


def test_a_statement_may_be_cancelled_but_not_its_job(cluster: Cluster) -> None:
    cluster.imitation.jobs.script(JobScript("INDEX", seconds=0.4))
    client = cluster.connect()
    timer = threading.Timer(0.1, client.connection.cancel_safe)
    timer.start()
    assert client.fails("CREATE INDEX slow ON t (a)") == "57014"
    timer.join()
    (job,) = cluster.imitation.jobs.all()
    assert job.status == "running"
    while not cluster.imitation.jobs[job.id].ended:
        time.sleep(0.01)
    assert client("SELECT to_regclass('slow')::text") == [[("slow",)]]


@pytest.mark.parametrize(
    ("script", "sqlstate", "status"),
    [
        (JobScript("INDEX", ends="failed", sqlstate="53100"), "53100", "failed"),
        (JobScript("INDEX", ends="failed", seconds=0.05, reverting=0.05), "23505", "failed"),
        (JobScript("INDEX", ends="paused"), "XXUUU", "paused"),
        (JobScript("INDEX", seconds=0.05), "no error", "succeeded"),
    ],
)
def test_what_becomes_of_a_job(
    cluster: Cluster, script: JobScript, sqlstate: str, status: str
) -> None:
    cluster.imitation.jobs.script(script)
    client = cluster.connect()
    assert client.fails("CREATE INDEX slow ON t (a)") == sqlstate
    (job,) = cluster.imitation.jobs.all()
    assert job.status == status
    there = "slow" if status == "succeeded" else None
    assert client("SELECT to_regclass('slow')::text") == [[(there,)]]


def test_a_job_that_fails_at_commit_by_script(cluster: Cluster) -> None:
    cluster.imitation.jobs.script(JobScript("INDEX", ends="failed", message="disk full"))
    client = cluster.connect()
    client(OFF)
    assert client.fails("BEGIN; INSERT INTO u VALUES (1); CREATE INDEX ON t (a); COMMIT") == "XXA00"
    assert client("SELECT a FROM u") == [[(1,)]]


def test_jobs_can_be_controlled(cluster: Cluster) -> None:
    with cluster.job(ends="paused") as number:
        client = cluster.connect()
        while cluster.imitation.jobs[number].status != "paused":
            time.sleep(0.005)
        assert client(f"RESUME JOB {number}") == ["RESUME JOBS 1"]
        while not cluster.imitation.jobs[number].ended:
            time.sleep(0.005)
        assert client("SELECT to_regclass('slow')::text") == [[("slow",)]]
        client("DROP INDEX slow")
    with cluster.job(seconds=5) as number:
        client(f"CANCEL JOB {number}")
    assert client(f"SELECT status FROM [SHOW JOB {number}]") == [[("canceled",)]]
    with cluster.job(ends="reverting") as number:
        while cluster.imitation.jobs[number].status != "reverting":
            time.sleep(0.005)
        client(f"CANCEL JOB {number}")


# --- sessions and the rest -------------------------------------------------------------------


def test_sessions(cluster: Cluster) -> None:
    one, other = cluster.connect(), cluster.connect()
    (session,) = one("SHOW session_id")[0][0]
    count = f"SELECT count(*) FROM [SHOW SESSIONS] WHERE session_id = '{session}'"
    assert other(count) == [[(1,)]]
    assert other(f"CANCEL SESSION IF EXISTS '{session}'") == ["CANCEL SESSIONS 1"]
    end = time.monotonic() + 5
    while other(count) != [[(0,)]] and time.monotonic() < end:
        time.sleep(0.01)
    with pytest.raises(psycopg.OperationalError):
        one("SELECT 1")
    assert other(f"CANCEL SESSION IF EXISTS '{session}'") == ["CANCEL SESSIONS 1"]


def test_cancelling_a_session_leaves_its_job(cluster: Cluster) -> None:
    with cluster.job(seconds=0.3) as number:
        client = cluster.connect()
        for (session,) in client("SELECT session_id FROM [SHOW SESSIONS]")[0]:
            if (session,) != client("SHOW session_id")[0][0]:
                client(f"CANCEL SESSION IF EXISTS '{session}'")
        assert not cluster.imitation.jobs[number].ended
        while not cluster.imitation.jobs[number].ended:
            time.sleep(0.01)
    assert client("SELECT to_regclass('slow')::text") == [[("slow",)]]


@pytest.mark.parametrize("cluster", ["v26.1.0"], indirect=True)
def test_locked_tables(cluster: Cluster) -> None:
    client = cluster.connect()
    client("CREATE TABLE made (a int); INSERT INTO made VALUES (1)")
    client(OFF)
    assert client.fails("BEGIN; ALTER TABLE made ADD b int; COMMIT") == "57000"
    assert client.status == FAILED
    client("ROLLBACK")
    assert client("ALTER TABLE made ADD b int") == ["ALTER TABLE"]
    assert client("ALTER TABLE made SET (schema_locked = false)") == ["ALTER TABLE"]
    assert client("BEGIN; ALTER TABLE made ADD c int; COMMIT")[1] == "ALTER TABLE"
    assert client.fails("SELECT * FROM crdb_internal.jobs") == "42501"


def test_an_index_concurrently_inside_a_transaction(cluster: Cluster) -> None:
    client = cluster.connect()
    client("SET autocommit_before_ddl = off")
    client("BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT; DROP INDEX CONCURRENTLY i")


# --- together with faults --------------------------------------------------------------------


@pytest.mark.parametrize("left", ["close", "finish"])
def test_what_has_arrived_is_carried_out(cluster: Cluster, left: Any) -> None:
    cluster.proxy.arm(Fault(When(type="Query", text="; COMMIT"), Cut(forward=True, server=left)))
    client = cluster.connect()
    client(OFF)
    with pytest.raises(psycopg.OperationalError):
        client("BEGIN; CREATE TABLE made (a int); INSERT INTO made VALUES (1); COMMIT")
    other, end = cluster.connect(), time.monotonic() + 5
    while other("SELECT to_regclass('made')") == [[(None,)]] and time.monotonic() < end:
        time.sleep(0.01)
    assert other("SELECT * FROM made") == [[(1,)]]


@pytest.mark.parametrize(("done", "kept"), [("forward", 1), ("rollback", 0)])
def test_answers(cluster: Cluster, done: Any, kept: int) -> None:
    cluster.proxy.arm(Fault(When(type="Query", text="; COMMIT"), Answer("40003", server=done)))
    client = cluster.connect()
    client(OFF)
    assert client.fails("BEGIN; CREATE TABLE made (a int); COMMIT") == "40003"
    assert client("SELECT count(*) FROM pg_class WHERE relname = 'made'") == [[(kept,)]]
    assert client.status == IDLE


def test_a_server_that_dies(cluster: Cluster) -> None:
    client = cluster.connect()
    pid = client.connection.info.backend_pid
    with psycopg.connect(cluster.url, autocommit=True) as direct:
        direct.execute("SELECT pg_terminate_backend(%s)", (pid,))
    began = time.monotonic()
    assert client.fails("SELECT 1; SHOW sql_safe_updates") in ("57P01", None)
    assert client.connection.closed
    assert time.monotonic() - began < 5


def test_every_message_can_be_the_last(cluster: Cluster) -> None:
    def run() -> None:
        client = cluster.connect()
        client("SHOW session_id; SELECT 1; CREATE TABLE IF NOT EXISTS made (a int)")
        client(f"{OFF}; BEGIN; INSERT INTO u VALUES (1); CREATE INDEX ON t (a); COMMIT")
        client.connection.close()

    proxy = cluster.proxy
    proxy.reset()
    run()
    counts = {sender: proxy.messages(sender) for sender in type(proxy.trace[0].sender)}
    for sender, count in counts.items():
        for number in range(1, count + 1):
            proxy.reset()
            proxy.arm(Fault(When(sender, nth=number), Cut(forward=number % 2 == 0)))
            try:
                run()
            except psycopg.OperationalError as error:
                assert error.sqlstate is None
            assert len(proxy.fired) == 1
