# Generated from async_connections.py by tools/unasync.py; do not edit.
"""Connections: the pool under `Database`, and single connections beside it.

Pooled connections are in autocommit mode and give rows as dicts. A single statement is therefore
one round trip, and CockroachDB retries it by itself.

Nothing is prepared on the server unless ``prepare_threshold`` is set: a prepared ``SELECT *``
fails on every pooled connection once a migration has changed its table.

A connection is checked before it is lent, as CockroachDB advises. Asking the server costs a round
trip, so one that was in use less than `FRESH` seconds ago is only looked at: a server that ended
it has said so, and the socket has something to read. A connection lives for
``max_lifetime`` seconds, which the pool shortens at random by up to a twentieth, so that
connections move on to new nodes and do not all do so at once.

Where the URL names several hosts, the pool decides which one a connection goes to (`hosts`). Those
of CockroachDB are alike and share the connections; those of PostgreSQL are a primary and its
standbys, so without ``target_session_attrs`` all connections go to the one that takes writes.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.crdb import CrdbConnection
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import JsonbDumper

from . import sql as statements
from . import telemetry as telling
from ._acompat import Lock, blocking, sleep
from .config import Settings, resolve
from .diagnose import connection_failed
from .errors import ConfigError, ConnectionFailed, NoSuchDatabase
from .hosts import hosts_of
from .pooled import (
    POOL,
    Block,
    PooledConnection,
    PooledCrdbConnection,
    innermost,
)

if TYPE_CHECKING:
    from ._pools import Pool
    from .telemetry.handle import Target, Telemetry

FRESH = 5.0
VISIBLE = 5.0  # seconds that a new database may take to be seen
# Databases that a new cluster has; one of them is there to connect to.
USUAL_DATABASES = ("postgres", "defaultdb", "template1")
# A database that was made is worth a line, once: this logger has nothing else to say.
CREATED = logging.getLogger("manticore_cockroachdb.created")
_USERS_TABLES = (
    b"SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND"
    b" table_schema NOT IN ('pg_catalog', 'information_schema', 'crdb_internal', 'pg_extension')"
)


class Connections:
    """Where to connect, a pool that opens at first use, and connections outside it."""

    telemetry: Telemetry | None

    def __init__(
        self,
        database: str | None = None,
        host: str | None = None,
        port: int | str | None = None,
        user: str | None = None,
        password: str | None = None,
        sslmode: str | None = None,
        **parameters: Any,
    ) -> None:
        arguments = {
            "database": database,
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "sslmode": sslmode,
            **parameters,
        }
        self._start(resolve(None, arguments, os.environ))

    @classmethod
    def from_url(cls, url: str, **parameters: Any) -> Self:
        """Return a database for a libpq URL, ``cockroachdb://…`` or ``local:[directory]``.

        ``parameters`` are those of the constructor and win over the URL's. Raises `ConfigError`.
        """
        if not isinstance(url, str):  # os.environ.get("DATABASE_URL"), and it is not set
            raise ConfigError(
                f"A database URL is text, not {type(url).__name__}.",
                hint="If it comes from an environment variable, that is not set.",
            )
        return cls.from_settings(resolve(url, parameters, os.environ))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return a database for settings made elsewhere."""
        database = cls.__new__(cls)
        database._start(settings)
        return database

    def _start(self, settings: Settings) -> None:
        self._of_project = settings.local == ""
        if self._of_project:
            from .project import settle

            settings = settle(settings)
        self._create = settings.create
        self.telemetry = telling.chosen(settings.telemetry)
        self.target: Target | None = None
        self.settings = settings
        self._lock = Lock()
        self._pool: Pool[PooledConnection] | None = None
        self._hosts = hosts_of((), ())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.settings.display()}>"

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Open the pool, unless it is open. Raises `ConnectionFailed`."""
        self._open()

    def close(self) -> None:
        """Close the pool, if it is open. The database can be used, and so opened, again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def dedicated(self, **overrides: str | int) -> Connection[TupleRow]:
        """Open a new connection outside the pool: autocommit, rows as tuples, the caller's own.

        ``overrides`` are libpq keywords, such as ``dbname`` or ``options``, for this connection.
        Raises `ConnectionFailed`.
        """
        settings = self._resolved()
        keywords = settings.conninfo(**overrides)
        if (
            not self._create
            or keywords.get("dbname") != settings.database
            or "database" in overrides
        ):
            return self._connected(keywords)
        patience = 0.0
        while True:
            connection = None
            try:
                connection = self._connected(keywords)
                if CrdbConnection.is_crdb(connection):
                    _require_database(connection, settings)
            except NoSuchDatabase as missing:
                if connection is not None:
                    connection.close()
                if not patience:
                    self._create_missing(missing)
                elif patience > VISIBLE:
                    raise
                # CockroachDB's sessions may hear of a new database a moment later.
                patience += 0.02
                sleep(0.02)
            else:
                self._create = False
                return connection

    def _connected(self, keywords: dict[str, str | int]) -> Connection[TupleRow]:
        try:
            connection = Connection.connect(
                make_conninfo("", **keywords), autocommit=True, prepare_threshold=None
            )
        except psycopg.Error as error:
            raise connection_failed(self.settings, error, keywords) from error
        if self.telemetry is not None:
            self._track(connection)
        return connection

    def _track(self, connection: Connection[Any], seconds: float | None = None) -> None:
        """Let a connection, which took so long to open, tell what it does."""
        from .telemetry.cursors import tracked

        assert self.telemetry is not None
        if isinstance(connection, PooledConnection):
            connection.telemetry = self.telemetry
        settings = self.settings
        self.target = self.telemetry.target(connection, settings.hosts, settings.ports)
        tracked(connection, self.target)
        if seconds is not None:
            self.telemetry.created.record(seconds, self.target.pool)

    def _create_missing(self, missing: NoSuchDatabase) -> None:
        """Make our own database, which others may be making too. Raises NoSuchDatabase."""
        name = str(self.settings.database)
        try:
            self._create_database(name, if_not_exists=True)
        except (psycopg.Error, ConnectionFailed) as error:
            reason = " ".join(str(error).split())
            raise NoSuchDatabase(
                f"{missing.message} It cannot be created either: {reason}.",
                hint="Let somebody create it who may.",
            ) from error
        CREATED.warning("created the database %s", name)
        if self._of_project:
            self._tell_of_shared()

    def _tell_of_shared(self) -> None:
        """Say once, when a project gets its own, that the one of all projects holds something."""
        from .project import SHARED

        with suppress(psycopg.Error, ConnectionFailed):
            with self.dedicated(database=SHARED) as connection:
                row = (connection.execute(_USERS_TABLES)).fetchone()
            if row is not None and row[0]:
                CREATED.warning(
                    "the database that all projects shared until now holds %s table%s and stays"
                    " as it is: local:?dbname=%s",
                    row[0],
                    "" if row[0] == 1 else "s",
                    SHARED,
                )

    def _create_database(self, name: str, *, if_not_exists: bool) -> None:
        already: tuple[type[psycopg.Error], ...] = ()
        if if_not_exists:
            # PostgreSQL has no IF NOT EXISTS here; two at once meet in its catalog's index.
            already = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with self._beside(None) as connection:
            text = statements.create_database(name)
            with suppress(*already):
                connection.execute(text)

    def _beside(self, avoid: str | None) -> Connection[TupleRow]:
        """Connect to our database, or where it is missing or to be avoided to a usual one."""
        settings = self._resolved()
        names = [settings.database or "", *USUAL_DATABASES]
        missing: NoSuchDatabase | None = None
        for name in names:
            if not name or name == avoid:
                continue
            try:
                return self.dedicated(database=name)
            except NoSuchDatabase as error:
                missing = missing or error
        assert missing is not None
        raise missing

    @contextmanager
    def connection(self) -> Iterator[PooledConnection]:
        """Lend a connection of the pool: autocommit, rows as dicts. Raises `ConnectionFailed`.

        It has psycopg's methods and the verbs. Inside an open transaction it is that one's.
        """
        pool, connection = self._borrow()
        try:
            yield connection
        finally:
            self._give_back(pool, connection)

    def _resolved(self) -> Settings:
        """Return the settings with ``local:`` replaced by the address of the running server."""
        if self.settings.local is not None:
            from . import local

            directory = Path(self.settings.local) if self.settings.local else None
            url = blocking(local.url_for, directory)
            self.settings = self.settings.elsewhere(url)
        return self.settings

    def _open(self) -> Pool[PooledConnection]:
        """Open the pool, after one connection of our own that shows the real reason if it fails.

        A pool retries for long and then only says that time is up.
        """
        from psycopg_pool import PoolTimeout

        from ._pools import Pool

        with self._lock:
            if self._pool is not None:
                return self._pool
            with self.dedicated() as first:
                settings = self.settings
                crdb = CrdbConnection.is_crdb(first)
                if crdb:
                    _require_database(first, settings)
            keywords = settings.conninfo()
            self._hosts = hosts_of(
                settings.hosts, settings.ports, dict(settings.parameters).get("hostaddr")
            )
            if not crdb and len(settings.hosts) > 1:
                keywords.setdefault("target_session_attrs", "read-write")
            pool: Pool[PooledConnection] = Pool(
                make_conninfo("", **keywords),
                connection_class=PooledCrdbConnection if crdb else PooledConnection,
                kwargs={
                    "hosts": self._hosts,
                    "track": None if self.telemetry is None else self._track,
                    "autocommit": True,
                    "row_factory": dict_row,
                    "prepare_threshold": settings.prepare_threshold,
                },
                min_size=settings.min_size,
                max_size=settings.max_size,
                timeout=settings.timeout,
                max_lifetime=settings.max_lifetime,
                max_idle=settings.max_idle,
                configure=_configure,
                open=False,
                name=f"manticore-{id(self):x}",
            )
            try:
                pool.open(wait=True, timeout=settings.timeout)
            except PoolTimeout as error:
                raise ConnectionFailed(
                    f"{settings.display()} did not take {settings.min_size} connections within "
                    f"{settings.timeout:g} s, though it took one.",
                    hint="Lower min_size, or raise timeout or the server's limit of connections.",
                ) from error
            self._pool = pool
            if self.telemetry is not None and self.target is not None:
                self.telemetry.watch(pool, self.target)
            return pool

    def _joined(self) -> PooledConnection | None:
        """Return the connection of the transaction that is open here, if there is one.

        Raises `TransactionError` in a task or thread that merely inherited it.
        """
        block = Block.innermost(self)
        if block is None:
            return None
        block.check_owner()
        return block.connection

    def _borrow(
        self,
    ) -> tuple[Pool[PooledConnection] | None, PooledConnection]:
        """Return a connection and where to give it back: nowhere if it is the transaction's."""
        if innermost.get() is not None and (joined := self._joined()) is not None:
            return None, joined
        pool = self._pool or self._open()
        connection = self._taken(pool, self.settings.timeout)
        connection.guarded = False
        idle = monotonic() - connection.idle_since
        if idle >= FRESH or _has_news(connection.pgconn.socket):
            connection = self._living(pool, connection)
        connection.database = self
        return pool, connection

    def _living(
        self, pool: Pool[PooledConnection], connection: PooledConnection
    ) -> PooledConnection:
        """Return the connection if the server still answers on it, else another that lives."""
        end = monotonic() + self.settings.timeout
        while True:
            try:
                pool.check_connection(connection)
                return connection
            except psycopg.OperationalError as error:
                self._hosts.failed(connection.host, monotonic(), error)
                POOL.info("a connection to %s is dead, and is replaced", connection.host)
                connection.close()
                pool.putconn(connection)
            except BaseException:
                pool.putconn(connection)
                raise
            connection = self._taken(pool, end - monotonic())
            connection.guarded = False

    def _taken(self, pool: Pool[PooledConnection], timeout: float) -> PooledConnection:
        """Return a connection out of the pool. Raises `ConnectionFailed` with the reason."""
        try:
            return pool.getconn(timeout)
        except psycopg.OperationalError as error:
            from psycopg_pool import PoolTimeout

            if not isinstance(error, PoolTimeout):
                raise
            # The server is gone, and then this raises the reason; or it has just come back, or
            # all connections are in use.
            with self.dedicated():
                pass
            settings = self.settings
            trouble = self._hosts.trouble
            if trouble is not None and monotonic() - trouble[0] < settings.timeout:
                reason = connection_failed(settings, trouble[1], settings.conninfo()).message
                raise ConnectionFailed(
                    f"{reason} It answers now, after the {settings.timeout:g} s that this call "
                    "waited.",
                    hint="Try again, or raise timeout to wait for longer.",
                ) from error
            raise ConnectionFailed(
                f"All {settings.max_size} connections to {settings.display()} were in use for "
                f"{settings.timeout:g} s.",
                hint="Give connections back sooner, or raise max_size or timeout.",
            ) from error

    def _give_back(self, pool: Pool[PooledConnection] | None, connection: PooledConnection) -> None:
        if pool is not None:
            connection.give_back()
            if self._hosts.surplus(connection.host, connection.idle_since):
                POOL.debug("a connection to %s is closed: others have fewer", connection.host)
                connection.close()
            pool.putconn(connection)


def _require_database(connection: Connection[TupleRow], settings: Settings) -> None:
    """Raise `NoSuchDatabase` as PostgreSQL would: CockroachDB lets one connect to what is not."""
    try:
        connection.execute("SELECT 1 FROM pg_catalog.pg_namespace LIMIT 1")
    except psycopg.errors.InvalidCatalogName as error:
        raise connection_failed(settings, error, settings.conninfo()) from error


def _configure(connection: PooledConnection) -> None:
    """Let dicts be values too; psycopg alone wants them wrapped in Jsonb."""
    connection.adapters.register_dumper(dict, JsonbDumper)


def _has_news(descriptor: int) -> bool:
    """Return whether the server has sent anything unasked: its farewell, or a notice."""
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
