"""A newer CockroachDB imitated on top of an old one, which does much of it by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from faults.imitate import Imitation, JobScript
from faults.proxy import Proxy
from tests.support.servers import Server

from .conftest import Client

pytestmark = pytest.mark.engine("cockroachdb", because="CockroachDB's own")


@pytest.fixture(scope="module")
def imitation(server: Server) -> Imitation:
    """A version that the server behind is far from."""
    found = re.search(r"v(\d+)\.(\d+)", server.version)
    assert found is not None
    if (int(found[1]), int(found[2])) >= (24, 1):
        pytest.skip("a server that commits before schema changes itself cannot be told not to")
    return Imitation("v26.2.1")


@pytest.fixture(scope="module")
def proxy(server_url: str, imitation: Imitation) -> Iterator[Proxy]:
    with Proxy.before(server_url, imitation=imitation) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy, server_url: str) -> Iterator[Client]:
    """A client, and a table with a value twice."""
    with psycopg.connect(server_url, autocommit=True) as direct:
        direct.execute("DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS u; DROP TABLE IF EXISTS made")
        direct.execute("CREATE TABLE t (a INT); CREATE TABLE u (a INT)")
        direct.execute("INSERT INTO t VALUES (1), (1)")
    client = Client(proxy.through(server_url))
    yield client
    client.connection.close()


def test_it_hides_the_version_behind(client: Client) -> None:
    announced = client.connection.pgconn.parameter_status(b"crdb_version")
    assert announced is not None
    assert announced.decode().startswith("CockroachDB CCL v26.2.1 ")
    assert client("SELECT version()") == [[(announced.decode(),)]]
    assert client.fails("SELECT * FROM crdb_internal.jobs") == "42501"


def test_schema_changes_commit(client: Client) -> None:
    insert = "BEGIN; INSERT INTO u VALUES (1)"
    assert client(f"{insert}; CREATE TABLE made (a INT); ROLLBACK")[-1] == "ROLLBACK"
    assert client.notices[-1] == "there is no transaction in progress"
    assert client("SELECT a FROM u; SELECT count(*) FROM made") == [[(1,)], [(0,)]]


def test_a_job_that_fails_after_commit(client: Client) -> None:
    client("SET autocommit_before_ddl = off")
    sql = "BEGIN; CREATE UNIQUE INDEX twice ON t (a); INSERT INTO u VALUES (1); COMMIT"
    assert client.fails(sql) == "XXA00"
    assert client.connection.info.transaction_status == TransactionStatus.IDLE
    assert client("SELECT a FROM u") == [[(1,)]]


def test_nothing_runs_of_a_message_with_a_syntax_error(client: Client) -> None:
    with pytest.raises(psycopg.errors.SyntaxError) as failure:
        client("CREATE TABLE made (a INT);\nSELEC 1")
    assert failure.value.diag.message_detail is not None
    assert "SELECT 1/0" not in failure.value.diag.message_detail
    assert client.fails("SELECT * FROM made") == "42P01"


def test_jobs_of_both_kinds(client: Client, imitation: Imitation) -> None:
    imitation.jobs.script(JobScript("slow", seconds=0.1))
    client("CREATE INDEX slow ON t (a)")
    job = imitation.jobs.all()[-1]
    assert job.status == "succeeded"
    assert client.notices[0].startswith(f"waiting for job(s) to complete: {job.id}\n")
    ids = {row[0] for row in client("SELECT job_id FROM [SHOW JOBS]")[0]}
    assert job.id in ids
    assert len(ids) > len(imitation.jobs.all())


def test_sessions(client: Client, proxy: Proxy, server_url: str) -> None:
    other = Client(proxy.through(server_url))
    (session,) = other("SHOW session_id")[0][0]
    client(f"CANCEL SESSION IF EXISTS '{session}'")
    with pytest.raises(psycopg.OperationalError):
        other("SELECT 1")
