"""The servers that tests run on, and an empty database for each test.

==========================  =====================================================================
PostgreSQL                  always: ``MANTICORE_TEST_POSTGRES_URL``, else the embedded server
CockroachDB                 ``MANTICORE_TEST_COCKROACH_URL``, else a `cockroach` binary
                            (``MANTICORE_COCKROACH`` or on PATH), else not at all
==========================  =====================================================================

A server of our own starts when the first test asks for it, listens on a socket or on loopback
only, keeps nothing, and does not outlive the tests. The name in a URL from outside must be a
user who may create databases.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import psycopg

from manticore_cockroachdb import local
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.local import cockroach

Engine = Literal["cockroachdb", "postgresql"]
ENGINES: tuple[Engine, ...] = ("cockroachdb", "postgresql")
VARIABLES: dict[Engine, str] = {
    "cockroachdb": "MANTICORE_TEST_COCKROACH_URL",
    "postgresql": "MANTICORE_TEST_POSTGRES_URL",
}

# Everything that a test can leave in a database. Cheaper than a new database.
EMPTY_POSTGRESQL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    DO $$
    DECLARE item record;
    BEGIN
        FOR item IN SELECT quote_ident(nspname) AS name FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE 'DROP SCHEMA ' || item.name || ' CASCADE';
        END LOOP;
        FOR item IN SELECT quote_ident(extname) AS name FROM pg_extension
            WHERE extname <> 'plpgsql' LOOP
            EXECUTE 'DROP EXTENSION ' || item.name || ' CASCADE';
        END LOOP;
        EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' RESET ALL';
    END $$;
    CREATE SCHEMA public;
    GRANT ALL ON SCHEMA public TO PUBLIC;
"""


@dataclass
class Server:
    """A running server: ``engine``, ``version`` as it says itself, ``url`` of some database."""

    engine: Engine
    url: str
    version: str
    _empty: list[Database] = field(default_factory=list)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Lend the URL of a database with nothing in it."""
        database = self._empty.pop() if self._empty else self._create()
        yield database.settings.url(secrets=True)
        if self.engine == "cockroachdb" or not self._emptied(database):
            database.drop_database(str(database.settings.database), force=True)

    def _create(self) -> Database:
        database = Database.from_url(self.url).sibling(f"test_{uuid.uuid4().hex[:12]}")
        database.create_database(str(database.settings.database))
        return database

    def _emptied(self, database: Database) -> bool:
        try:
            with database.dedicated() as connection:
                connection.execute(EMPTY_POSTGRESQL)
        except psycopg.Error:
            return False  # a strange leftover, or none of ours: such a database is not used again
        self._empty.append(database)
        return True


class Servers:
    """Every server of the session, each started when it is first asked for."""

    def __init__(self) -> None:
        self.running: dict[Engine, Server] = {}
        self._stack = ExitStack()

    def get(self, engine: Engine) -> Server:
        """Return the server, started if need be."""
        if engine not in self.running:
            url = os.environ.get(VARIABLES[engine])
            if url is None:
                url = self._stack.enter_context(local.scratch(engine=engine))
            with Database.from_url(url).dedicated() as connection:
                row = connection.execute("SELECT version()").fetchone()
            assert row is not None
            self.running[engine] = Server(engine, url, _named(str(row[0])))
        return self.running[engine]

    def close(self) -> None:
        """Drop what is left on servers from outside, stop our own."""
        for server in self.running.values():
            for database in server._empty:
                database.drop_database(str(database.settings.database), force=True)
        self._stack.close()


def _named(version: str) -> str:
    """Return "PostgreSQL 18.1" or "CockroachDB v25.2.3" from what the server says at length."""
    product, number = version.split()[0], re.search(r"\bv?\d[\w.-]*", version)
    return f"{product} {number[0] if number else ''}"


def available() -> tuple[Engine, ...]:
    """Return the engines that tests can run on here."""
    found = os.environ.get(VARIABLES["cockroachdb"]) or cockroach.find()
    return ENGINES if found else ("postgresql",)


def origin(engine: Engine) -> str:
    """Return in words where an engine's server comes from."""
    if os.environ.get(VARIABLES[engine]):
        return f"the server of {VARIABLES[engine]}"
    if engine == "postgresql":
        return "embedded"
    return str(cockroach.find() or "none: no cockroach binary, and no " + VARIABLES[engine])
