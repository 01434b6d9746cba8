"""The pool and what is beside it: opening, closing, broken connections, failures to connect."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from manticore_cockroachdb import ConfigError, ConnectionFailed, Database, NoSuchDatabase
from manticore_cockroachdb.config import resolve
from manticore_cockroachdb.diagnose import connection_failed
from manticore_cockroachdb.local.server import destroy
from tests.support.differences import lacks


async def test_nothing_connects_before_it_is_used(colour: Any) -> None:
    db = colour.database("postgresql://nobody@no.such.host.invalid:1/x")
    assert "no.such.host.invalid" in repr(db)
    await db.close()


def test_a_url_from_a_variable_that_is_not_set_goes_nowhere() -> None:
    with pytest.raises(ConfigError, match="NoneType"):
        Database.from_url(os.environ.get("NO_SUCH_VARIABLE"))  # type: ignore[arg-type]


@pytest.mark.slow
async def test_local_urls_start_a_server(colour: Any, tmp_path: Path) -> None:
    url = f"local:{tmp_path / 'home'}"
    try:
        async with colour.Database.from_url(url) as db:
            assert await db.execute("SELECT 1 AS n") == [{"n": 1}]
            assert db.settings.local is None, "it knows the address now"
            await db.create_database("shop")
        async with colour.Database.from_url(f"{url}?dbname=shop", max_size=1) as shop:
            rows = await shop.execute("SELECT current_database() AS name")
            assert rows == [{"name": "shop"}]
    finally:
        destroy(tmp_path / "home")


async def test_the_database_is_a_context_manager(colour: Any, url: str) -> None:
    async with colour.Database.from_url(url) as db:
        assert await db.execute("SELECT 1 AS n") == [{"n": 1}]
    async with db:
        assert await db.execute("SELECT 1 AS n") == [{"n": 1}], "it opens again"


def test_a_database_left_open_does_not_hold_up_the_end_of_the_loop(url: str) -> None:
    """Though its pool is connecting at that moment. For threads there is no such moment."""
    program = """
        import asyncio, sys
        from manticore_cockroachdb import AsyncDatabase

        async def main():
            db = AsyncDatabase.from_url(sys.argv[1])
            async with db.connection():
                waiting = asyncio.create_task(db.execute("SELECT 1"))
                for _ in range(10):
                    await asyncio.sleep(0)

        asyncio.run(main())
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), url], timeout=60, check=True)


@pytest.mark.engine("postgresql", because="connection limit")
async def test_a_pool_that_the_server_does_not_fill_says_so(colour: Any, url: str) -> None:
    """Only PostgreSQL counts the connections of a user; the message is of no engine."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 2")
        try:
            db = colour.Database.from_url(url, user="narrow", min_size=4, timeout=1)
            with pytest.raises(ConnectionFailed, match="did not take 4 connections"):
                await db.connect()
            await db.close()
        finally:
            admin.execute("DROP ROLE narrow")


async def test_keyword_arguments_connect_too(colour: Any, db: Any) -> None:
    settings = db.settings
    arguments = dict(
        database=settings.database,
        host=settings.hosts[0],
        port=settings.ports[0],
        user=settings.user,
        password=settings.password,
        application_name="tests",
        max_size=2,
        **{k: v for k, v in settings.parameters if k.startswith("ssl")},
    )
    async with colour.Database(**arguments) as other:
        rows = await other.execute("SHOW application_name")
        assert rows == [{"application_name": "tests"}]


@pytest.mark.engine("postgresql", because="options")
async def test_options_reach_the_session(db: Any, colour: Any) -> None:
    """CockroachDB before 21.1 ignores them."""
    options = "-c statement_timeout=12345 -c app.environment=tests"
    other = colour.database(db.settings.url(secrets=True), options=options)
    assert await other.execute("SHOW statement_timeout") == [{"statement_timeout": "12345ms"}]
    rows = await other.execute("SELECT current_setting('app.environment') AS e")
    assert rows == [{"e": "tests"}]


async def test_a_lent_connection_is_autocommit_with_dict_rows(db: Any) -> None:
    async with db.connection() as conn:
        cur = await conn.execute("SELECT 1 AS n")
        assert await cur.fetchall() == [{"n": 1}]
        assert conn.autocommit


async def test_a_dedicated_connection_is_psycopg_s_own(db: Any) -> None:
    async with await db.dedicated(application_name="alone") as conn:
        cur = await conn.execute("SHOW application_name")
        assert await cur.fetchone() == ("alone",)
        assert conn.autocommit
        assert conn.prepare_threshold is None


async def test_connections_that_the_server_ended_are_replaced(db: Any, server: Any) -> None:
    show, end = "SELECT pg_backend_pid() AS id", "SELECT pg_terminate_backend({})"
    if lacks(server, "pg_terminate_backend"):
        show, end = "SELECT session_id AS id FROM [SHOW session_id]", "CANCEL SESSION {}"
    session = (await db.execute(show))[0]["id"]
    async with await db.dedicated() as killer:
        await killer.execute(sql.SQL(end).format(sql.Literal(session)))
        # CockroachDB looks once a second whether an idle session was cancelled.
        await killer.execute("SELECT pg_sleep(%s)", (0.05 if end.startswith("SELECT") else 1.5,))
    assert await db.execute("SELECT 1 AS n") == [{"n": 1}]
    assert (await db.execute(show))[0]["id"] != session


async def test_concurrent_first_uses_open_one_pool(db: Any, colour: Any) -> None:
    async def one() -> Any:
        return (await db.execute("SELECT 1 AS n"))[0]["n"]

    assert await colour.concurrently(*[one] * 8) == [1] * 8


async def test_a_pool_in_use_says_so(colour: Any, url: str) -> None:
    db = colour.database(url, max_size=1, timeout=0.1)
    async with db.connection():
        with pytest.raises(ConnectionFailed, match=r"All 1 connections .* in use") as caught:
            await db.execute("SELECT 1")
    assert "max_size" in str(caught.value)
    assert await db.execute("SELECT 1 AS n") == [{"n": 1}]


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ann:hunter2@127.0.0.1:{port}/shop", "nothing listens there"),
        ("postgresql://ann:hunter2@no-such-host.invalid:{port}/shop", "host name is unknown"),
        ("postgresql://ann:hunter2@%2Fno%2Fsuch%2Fdir:{port}/shop", "no server listens"),
        ("postgresql://ann:hunter2@127.0.0.1:{port},127.0.0.1:{port}/shop", "nothing listens"),
        (
            "postgresql://ann:hunter2@127.0.0.1:{port}/shop?sslmode=verify-full&sslrootcert=/none",
            "TLS handshake failed",
        ),
    ],
)
async def test_a_failure_says_where_as_whom_and_what_to_check(
    colour: Any, url: str, says: str
) -> None:
    listener = None
    port = closed_port()
    if "verify-full" in url:
        listener, port = tls_refuser()
    db = colour.database(url.format(port=port))
    with pytest.raises(ConnectionFailed) as caught:
        await db.execute("SELECT 1")
    if listener:
        listener.close()
    error = caught.value
    assert f":{port}/shop" in error.message
    assert "ann@" in error.message
    assert says in error.message
    assert error.hint
    assert isinstance(error.__cause__, psycopg.OperationalError)
    assert "hunter2" not in f"{error} {error!r} {error.__cause__}"


def tls_refuser() -> tuple[socket.socket, int]:
    """Listen and agree to TLS, for a client that then misses its certificate."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(8)
                    connection.sendall(b"S")
                    connection.recv(1)
        except OSError:
            return

    threading.Thread(target=answer, daemon=True).start()
    return listener, int(listener.getsockname()[1])


async def test_a_missing_database_is_named(db: Any, colour: Any) -> None:
    other = colour.database(db.settings.url(secrets=True), database="nowhere_at_all")
    with pytest.raises(NoSuchDatabase, match="nowhere_at_all"):
        await other.connect()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('FATAL:  password authentication failed for user "x"', "refused the password"),
        ("fe_sendauth: no password supplied", "asks for a password, and none was given"),
        ('FATAL:  role "x" does not exist', "no such user"),
        ('FATAL:  database "x" does not exist', "no such database"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4"', "does not let this user in"),
        ("server does not support SSL, but SSL was required", "agree on TLS"),
        ("ERROR:  node is running secure mode, SSL connection required", "agree on TLS"),
        ("SSL error: certificate verify failed", "TLS handshake failed"),
        ("connection timeout expired", "did not answer"),
        ("FATAL:  sorry, too many clients already", "no connection to spare"),
        ("FATAL:  the database system is starting up", "starting or stopping"),
        ("something else\n with  spaces.", "something else with spaces."),
        ("", "OperationalError"),
        ("the password was hunter2!", "the password was ***!"),
    ],
)
def test_causes(text: str, says: str) -> None:
    settings = resolve("postgresql://ann:hunter2@db.example:5432/shop")
    error = connection_failed(settings, psycopg.OperationalError(text), settings.conninfo())
    assert says in error.message
    assert error.message.startswith("Cannot connect to ann@db.example:5432/shop: ")
    assert "hunter2" not in str(error)
    assert error.hint


def test_the_usual_wrong_port_is_mentioned() -> None:
    settings = resolve("postgresql://h/d")
    refused = psycopg.OperationalError("Connection refused")
    assert "5432" in str(connection_failed(settings, refused, settings.conninfo()))


@pytest.mark.parametrize(("host", "offered"), [("127.0.0.1", True), ("db.example.com", False)])
def test_where_nothing_listens_on_this_machine_a_server_is_offered(
    host: str, offered: bool
) -> None:
    settings = resolve(f"postgresql://{host}:5432/d")
    refused = psycopg.OperationalError("Connection refused")
    error = connection_failed(settings, refused, settings.conninfo())
    assert ("local:" in str(error.hint)) is offered


def test_a_program_that_never_closes_ends_anyway(url: str) -> None:
    program = (
        "import sys\nfrom manticore_cockroachdb import Database\n"
        "db = Database.from_url(sys.argv[1])\nprint(db.execute('SELECT 1 AS n'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "[{'n': 1}]\n"
    assert done.stderr == ""


def test_threads_share_a_database(url: str) -> None:
    with Database.from_url(url, max_size=3) as db:
        db.create_table("t", {"a": "INT"})

        def work() -> None:
            for number in range(10):
                db.insert("t", {"a": number})

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert db.execute("SELECT count(*) AS n FROM t") == [{"n": 60}]
