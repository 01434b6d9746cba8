"""AsyncSession: the one connection on which a run reads, migrates and records.

A session knows what server it is on, sets up the server's side once, and sends messages. It
never decides what a failure means: see `outcome` and `runner.async_commit`.

The first message, `read_applied`, is also the whole of a run that has nothing to do: it sets up the
session and reads the history in one round trip. `prepared` makes our tables when a message finds
them missing, so that nothing asks beforehand whether they are there.

What only a run with something to do needs is imported when it is needed: every pod that starts
runs `migrate`, and nearly always there is nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from math import inf
from random import uniform
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import pq

from .._acompat import AsyncCancelled, async_sleep
from ..diagnose import is_crowded
from ..dialect import Capabilities, Server, capabilities, server_of
from ..errors import ConfigError, ConnectionFailed, MigrationError
from ..outcome import (
    Verdict,
    absent,
    is_denied,
    no_such_session,
    raced,
    verdict_of,
    was_cancelled,
)
from ..own_tables import HISTORY, SCRIPTS
from ..parser.quoting import literal
from ..sql import is_unicode
from .bookkeeping import (
    APPLIED_COLUMNS,
    HISTORY_COLUMNS,
    LEGACY_COLUMNS,
    SCHEMAS_WITH_HISTORY,
    WHERE_WE_ARE,
    Tables,
)
from .home import Home, no_schema
from .patience import Patience

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from .async_seat import AsyncSeat
    from .events import Listener
    from .exchange import Reply
    from .traced import Trace

_JOBS = re.compile(r"waiting for job\(s\) to complete: ([\d, ]+)")

RECONNECT_WAIT = 60.0
Place = tuple[str, int]
"""A host and a port."""
Rows = list[tuple[Any, ...]]
T = TypeVar("T")


class AsyncSession:
    """A dedicated connection with everything a run needs to know of its server."""

    def __init__(
        self,
        database: AsyncDatabase,
        settings: Mapping[str, str],
        listener: Listener,
        *,
        reconnect_wait: float = RECONNECT_WAIT,
        writes: bool = True,
        home: Home | None = None,
        seat: AsyncSeat | None = None,
    ) -> None:
        """``home``: the schema that everything happens in, where it is not the server's to say.
        ``seat``: whence a connection comes, and where it is left for the next session."""
        self.database = database
        self.home = home
        self.seat = seat
        self.reconnect_wait = reconnect_wait
        self.writes = writes
        self.host: Place | None = None  # where the last connection led
        self.settings = dict(settings)
        self.listener = listener
        self.connection: psycopg.AsyncConnection[Any] | None = None
        self.server = Server("postgresql", (0, 0))
        self.caps: Capabilities = capabilities(self.server)
        self.tables = Tables(home.schema if home else "public", False)
        self.id = ""
        self.jobs: list[str] = []
        self.repeatable: Rows = []  # what is recorded of repeatable files, as first read
        self.trace: Trace | None = None  # what is told of a run, where telemetry is on
        self.lent: list[object] = []  # what stands over the connection beside our own
        self.distance = inf  # seconds that the quickest answer took
        self.worn = False  # whether what ran may have left something to its session
        self._known = False
        self._seated = False  # whether the connection served another session before

    # --- opening and closing ---------------------------------------------------------------

    async def open(self) -> None:
        """Connect. Raises ConnectionFailed."""
        await self._drop()
        connection = self.seat.take(self.database) if self.seat is not None else None
        self._seated = connection is not None
        if connection is None:
            connection = await self.connect(avoid=self.host)
            self.worn = False
        self.host = (connection.info.host, connection.info.port)
        connection.add_notice_handler(self._notice)
        self.connection = connection
        if not self._known:
            announced = connection.pgconn.parameter_status(b"crdb_version")
            self.know(server_of(announced.decode() if announced else None, _version(connection)))

    async def open_at_first(self) -> None:
        """Connect for the first time. Raises ConnectionFailed.

        Of several hosts one that takes the connection and says nothing is a cluster in trouble,
        and is waited for as if a connection had been lost; what refuses, or is not there, is not.
        A server without a connection to spare is waited for too: as when hundreds of replicas
        start at once, of which most are about to end.
        """
        patience = Patience(self.reconnect_wait)
        while True:
            try:
                return await self.open()
            except ConnectionFailed as error:
                silent = isinstance(error.__cause__, psycopg.errors.ConnectionTimeout)
                silent = silent and len(self.database.settings.hosts) > 1
                if not silent and not is_crowded(error):
                    raise
                if (delay := patience.next()) is None:
                    raise
                from .events import Retrying

                self.listener(Retrying(None, None, error.message, patience.attempt, delay))
                await async_sleep(delay * uniform(0.5, 1.5))

    async def connect(
        self, *, first: Place | None = None, avoid: Place | None = None, **more: str | int
    ) -> psycopg.AsyncConnection[Any]:
        """A connection of our own to any host of the list, this one `first`, that to `avoid` last.

        What writes wants a server that lets it: of a primary and its standbys the primary, unless
        the URL says otherwise. Raises ConnectionFailed.
        """
        settings = self.database.settings
        chosen: dict[str, str | int] = {"client_encoding": "utf8", **more}
        places = list(zip(settings.hosts, settings.ports, strict=True))
        if len(places) > 1:
            places.sort(key=lambda place: (place == avoid) - (place == first))
            chosen["host"] = ",".join(host for host, _ in places)
            chosen["port"] = ",".join(str(port) for _, port in places)
            if self.writes and "target_session_attrs" not in dict(settings.parameters):
                chosen["target_session_attrs"] = "read-write"
        return await self.database.dedicated(**chosen)

    def abandon(self) -> None:
        """Let whoever waits for an answer on the connection find it lost; from any thread."""
        import os
        import socket

        connection = self.connection
        with suppress(OSError, psycopg.Error):
            if connection is not None:
                with socket.socket(fileno=os.dup(connection.fileno())) as handle:
                    handle.shutdown(socket.SHUT_RDWR)

    def stop_if_asked(self) -> None:
        """Raise what an interruption raises, where the run is to stop: between two statements."""
        if self.seat is not None and self.seat.interrupted():
            raise AsyncCancelled

    def know(self, server: Server) -> None:
        """Take this for the server that we are on."""
        self.server = server
        self.caps = capabilities(server)
        self.tables = Tables(self.tables.schema, server.engine == "cockroachdb")
        self._known = True

    async def close(self) -> None:
        """Close the connection, if there is one, or leave it to the next session; never raises."""
        connection = self.connection
        if connection is not None and self.seat is not None and not self.worn:
            connection.remove_notice_handler(self._notice)
            if self.seat.leave(self.database, connection):
                self.connection = None
        await self._drop()

    async def _drop(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
        self.lent.clear()

    async def reopen(self) -> None:
        """Connect anew and set the session up again. Raises ConnectionFailed."""
        await self.open()
        await self._set_up("")

    async def steady(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do something that may be done twice, through another connection if this one is lost.

        Raises ConnectionFailed when no server can be reached again.
        """
        patience = Patience(self.reconnect_wait)
        lost_by: psycopg.Error | ConnectionFailed | None = None
        while True:
            try:
                if lost_by is not None:
                    await self.reopen()
                return await action()
            except (psycopg.Error, ConnectionFailed) as error:
                if lost_by is None and isinstance(error, ConnectionFailed):
                    raise  # the first connection of all: nothing was lost
                if not worth_waiting(error):
                    raise
                lost_by = error
            self.stop_if_asked()
            delay = patience.next()
            if delay is None:
                break
            from .events import Retrying
            from .failures import sentence

            self.listener(Retrying(None, None, sentence(lost_by), patience.attempt, delay))
            await async_sleep(delay)
        raise ConnectionFailed(
            f"The connection to {self.database.settings.display()} was lost and could not be had"
            " again.",
            hint="whatever was recorded stays true; run again when the server is back",
        ) from lost_by

    def span(
        self, name: str, attributes: Mapping[str, str | int]
    ) -> AbstractContextManager[object]:
        """Let what is sent meanwhile stand below a span, where telemetry is on."""
        return nullcontext() if self.trace is None else self.trace.span(name, attributes)

    # --- messages --------------------------------------------------------------------------

    async def fetch(self, sql: str) -> list[Rows]:
        """Send one message; return the rows of each of its statements, in order.

        Raises psycopg's error for the first that fails.
        """
        assert self.connection is not None
        started = monotonic()
        try:
            cursor = await self.connection.execute(sql.encode())
        except psycopg.Error as error:
            await self.raise_if_drained(error)
            raise
        self.distance = min(self.distance, monotonic() - started)
        sets: list[Rows] = []
        while True:
            sets.append(await cursor.fetchall() if cursor.description else [])
            if not cursor.nextset():
                return sets

    async def run(self, message: str, commits: list[str] | None = None) -> Reply:
        """Send one message of any length; say how many statements succeeded and what stopped it.

        Each COMMIT in it that succeeded adds to `commits` what the statement before it returned,
        however the message ends.
        Raises psycopg.OperationalError when the connection is lost.
        """
        from .exchange import exchange

        assert self.connection is not None
        pgconn, told = self.connection.pgconn, [] if commits is None else commits
        sending = exchange(pgconn, message.encode(), told)
        if self.trace is None:
            reply = await self.connection.wait(sending)
        else:
            several = commits is not None
            with self.trace.message(self.connection, message, several=several) as operation:
                reply = await self.connection.wait(sending)
                operation.failed(reply.error)
        if reply.error is not None:
            await self.raise_if_drained(reply.error)
        return reply

    async def raise_if_drained(self, error: psycopg.Error) -> None:
        """Raise psycopg.OperationalError where a statement was cancelled because its node drains:
        the session goes with it. What a person cancels leaves it open, and stays cancelled."""
        assert self.connection is not None
        if not was_cancelled(error.sqlstate, str(error)):
            return
        try:
            await self.connection.execute(b"SELECT 1")
        except psycopg.Error as after:
            if verdict_of(after.sqlstate, str(after)) is Verdict.UNKNOWN:
                text = "the node that ran the statement drains, and cancelled it"
                raise psycopg.OperationalError(text) from error

    async def prepared(self, sql: str) -> list[Rows]:
        """Like `fetch`, making or upgrading our tables first if they turn out to be missing."""
        try:
            return await self.fetch(sql)
        except psycopg.Error as error:
            if absent(error.sqlstate) is None:
                raise
            await self.rollback()
            await self.create_tables(upgrade=absent(error.sqlstate) == "column")
        return await self.fetch(sql)

    async def read(self, sql: str) -> Rows:
        """The rows of one query of our tables; none where the table is not there yet."""
        try:
            return (await self.fetch(sql))[0]
        except psycopg.Error as error:
            if absent(error.sqlstate) is None:
                raise
            await self.rollback()
            return []

    async def read_history(self) -> Rows:
        """Set the session up and read `HISTORY_COLUMNS` without changing anything.

        A table left by 0.3.1 has fewer columns; the rows are then as short as they were.
        """
        for wanted in (HISTORY_COLUMNS, LEGACY_COLUMNS):
            try:
                read = f"SELECT {wanted} FROM {self._ours(HISTORY)} ORDER BY version"
                return (await self._set_up(read))[-1]
            except psycopg.Error as error:
                if absent(error.sqlstate) is None:
                    raise
                await self.rollback()
                if absent(error.sqlstate) != "column":
                    break
        await self._set_up_without_history()
        return []

    async def rollback(self) -> None:
        """End a transaction that failed, if one is open."""
        if self.connection is None:  # it was lost, and the transaction with it
            return
        if self.connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            await self.run("ROLLBACK")

    # --- the first message -----------------------------------------------------------------

    async def read_applied(
        self, columns: str = APPLIED_COLUMNS, *, repeatable: bool = False
    ) -> Rows | None:
        """Set the session up and read some columns; None where there is no history table yet.

        A table left by 0.3.1 is taken over in place. With ``repeatable`` the same message reads
        what is recorded of repeatable files into `repeatable`.
        """
        read = f"SELECT {columns} FROM {self._ours(HISTORY)} ORDER BY version"
        for _ in range(3):
            also = ""
            if repeatable:
                from .script_table import read_repeatable

                also = f"{read_repeatable(self._ours(SCRIPTS), self._ours(HISTORY))};\n"
            try:
                sets = await self._set_up(also + read)
                self.repeatable = sets[-2] if repeatable else []
                return sets[-1]
            except psycopg.Error as error:
                if repeatable and absent(error.sqlstate) == "table":
                    await self.rollback()
                    repeatable = False  # the one table or the other; the next message tells
                    continue
                if absent(error.sqlstate) == "table":
                    await self._set_up_without_history()
                    return None
                if absent(error.sqlstate) != "column":
                    raise
                await self._set_up("")
                await self.create_tables(upgrade=True)
        raise AssertionError("the history table was upgraded and still lacks columns")

    def _ours(self, table: str) -> str:
        """What a table of ours is called before it is known in which schema it is."""
        return self.tables.name(table) if self.home else table

    async def _set_up(self, read: str) -> list[Rows]:
        crdb = self.server.engine == "cockroachdb"
        identity = "SHOW session_id" if crdb else _POSTGRESQL_SESSION
        setup = [*self.setup(), WHERE_WE_ARE, identity]
        sets = await self.fetch(";\n".join([*setup, read] if read else setup))
        version, schemas = sets[len(setup) - 2][0]
        self.id = str(sets[len(setup) - 1][0][0])
        self.tables = Tables(await self._home(schemas), self.tables.cockroachdb)
        if not crdb and str(version).startswith("CockroachDB"):
            # A pooler between us and the server hid the announcement.
            self.know(server_of(str(version), 0))
            return await self._set_up(read)
        return sets

    async def _set_up_without_history(self) -> None:
        """Set the session up where there is no history of ours; tell of other tools' histories.

        Asked exactly then, in a message that has to be sent anyway: it costs no round trip, and
        nothing at all once our table is there.
        """
        from ..migrations.foreign import histories, histories_query
        from .events import ForeignHistory

        try:
            rows = (await self._set_up(histories_query()))[-1]
        except psycopg.Error as error:
            if not isinstance(error, psycopg.errors.InsufficientPrivilege):  # of the catalog
                raise
            await self.rollback()
            await self._set_up("")
            return
        for tool, table in histories([(str(s), str(t), str(c)) for s, t, c in rows]):
            self.listener(ForeignHistory(tool.title, table))

    async def _home(self, schemas: list[str]) -> str:
        """The schema that our tables are in: where the history is found, else where it is made.

        The two differ once a schema has come up before the one of the history in the search
        path, such as one named after the user.
        """
        if self.home is not None:
            if self.home.schema in schemas[:1]:
                return self.home.schema
            raise no_schema(self.home.schema)
        if not schemas:
            raise MigrationError(
                "No schema of the search path exists or may be used, so there is none for the"
                " history.",
                sqlstate="3F000",
                hint="create it, GRANT USAGE on it, or set search_path for the user",
            )
        if len(schemas) > 1:
            having = {str(row[0]) for row in (await self.fetch(SCHEMAS_WITH_HISTORY))[0]}
            return next((schema for schema in schemas if schema in having), schemas[0])
        return schemas[0]

    def setup(self) -> list[str]:
        """What every new connection is told first, a statement each. Raises ConfigError."""
        # A schema change is never cut in two by a timeout that was meant for queries.
        setup = ["SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0"]
        if self._seated and self.server.engine == "postgresql":
            setup.insert(0, "RESET ALL")
        if self.caps.transaction_timeout:
            setup.append("SET transaction_timeout = 0")
        if self.server.engine == "cockroachdb" and self.caps.session_options:
            # The history must not be read four seconds ago.
            setup.append("SET default_transaction_use_follower_reads = off")
        if self.caps.autocommit_before_ddl:
            setup.append("SET autocommit_before_ddl = off")
        chosen = [_set_config(name, value) for name, value in self.settings.items()]
        if self.home is not None:
            chosen.append(f"SET search_path = {self.home.path()}")
        if not self.caps.session_options and (
            dotted := [name for name in self.settings if "." in name]
        ):
            raise ConfigError(
                f"{self.server} has no session settings such as {dotted[0]!r}.",
                hint="use -- @environments in the migration instead",
            )
        return setup + chosen

    def farewell(self) -> list[str]:
        """What frees a connection that the next session takes of what ran on it, in the message
        that ends a run: locks, temporary tables and the like would end with it otherwise."""
        if self.seat is None or self.server.engine != "postgresql":
            return []
        return ["SELECT pg_advisory_unlock_all()", "DISCARD TEMP", "DEALLOCATE ALL", "UNLISTEN *"]

    async def create_tables(self, *, upgrade: bool = False) -> None:
        """Make our tables, or what they lack; several runners may do so at once."""
        for attempt in range(10):
            try:
                await self.fetch(self.tables.create())
                if upgrade:
                    for statement in self.tables.upgrade():
                        await self.fetch(statement)
                return
            except psycopg.Error as error:
                if not raced(error.sqlstate) or attempt == 9:
                    raise
                await self.rollback()
                await async_sleep(0.05 * (attempt + 1))

    # --- other sessions --------------------------------------------------------------------

    async def end_session(self, session: str, *, limit: float = 10.0) -> bool:
        """End the session of a runner that is gone or lost its lease; True once it has ended.

        On CockroachDB its schema change jobs go on; on PostgreSQL everything of it ends.
        """
        if self.server.engine == "cockroachdb":
            end = f"CANCEL SESSION IF EXISTS {literal(session)}"
            look = f"SELECT count(*) FROM [SHOW SESSIONS] WHERE session_id = {literal(session)}"
        else:
            pid, _, started = session.partition(":")
            if not pid.isdecimal():
                return True
            where = (
                f"FROM pg_catalog.pg_stat_activity WHERE pid = {pid} AND"
                f" EXTRACT(EPOCH FROM backend_start)::TEXT = {literal(started)}"
            )
            end = f"SELECT pg_catalog.pg_terminate_backend(pid) {where}"
            look = f"SELECT count(*) {where}"
        try:
            await self.fetch(end)
            waited, pause = 0.0, 0.02
            while (await self.fetch(look))[0][0][0]:
                if waited > limit:
                    return False
                await async_sleep(pause)
                waited, pause = waited + pause, min(pause * 2, 0.5)
        except psycopg.Error as error:
            denied = is_denied(error.sqlstate)
            # Of a node that is away, CockroachDB cannot say more than that. Its client's session
            # may still be there if it is only cut off; then the fence holds for all but a
            # statement that runs alone, and that one ends with its connection.
            away = error.sqlstate is not None and worth_waiting(error)
            if not denied and not away and not no_such_session(error.sqlstate):
                raise
            await self.rollback()
            return not denied and not away
        return True

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        from .events import Notice

        message = diagnostic.message_primary or ""
        if found := _JOBS.search(message):
            self.jobs += re.findall(r"\d+", found[1])
        elif diagnostic.severity_nonlocalized != "NOTICE" or not message.endswith("skipping"):
            self.listener(Notice(diagnostic.severity or "NOTICE", message))


_POSTGRESQL_SESSION = (
    "SELECT pid::TEXT || ':' || EXTRACT(EPOCH FROM backend_start)::TEXT"
    " FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()"
)


def _set_config(name: str, value: str) -> str:
    for text in (name, value):
        if not isinstance(text, str) or "\0" in text or not is_unicode(text):
            raise ConfigError(f"The session setting {name!r} takes text, not {value!r}.")
    return f"SELECT set_config({literal(name)}, {literal(value)}, false)"


def _version(connection: psycopg.AsyncConnection[Any]) -> int:
    return connection.info.server_version


def worth_waiting(error: psycopg.Error | ConnectionFailed) -> bool:
    """Whether another connection, a little later, may fare better: the server did not refuse."""
    cause = error.__cause__ if isinstance(error, ConnectionFailed) else error
    sqlstate = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return verdict_of(sqlstate, str(cause)) in (Verdict.UNKNOWN, Verdict.RETRY)
