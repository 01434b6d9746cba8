"""The databases behind the plugin's fixtures: migrated once, then copied, shared, dropped.

Not imported before a test asks for one of them, so that pytest starts as fast as without.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from ..async_database import AsyncDatabase
from ..database import Database
from ..migration import Migration

PREFIX = "_manticore_test_"


class Databases:
    """Makes migrated databases on one server, with a directory and as migrations are chosen."""

    ENDED = (
        "the test ended the transaction that it was in, by COMMIT or ROLLBACK or, on CockroachDB,"
        " by a schema change; use manticore_db for it, which gives it a database of its own"
    )

    def __init__(
        self,
        url: str,
        directory: Path,
        environment: str | None,
        settings: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.directory, self.environment, self.settings = directory, environment, settings
        self.variables = variables
        self._stack = ExitStack()
        self.server = self._stack.enter_context(Database.from_url(url))
        row = self.server.execute("SELECT version() AS v, current_setting('fsync', true) AS f")[0]
        version = re.match(r"PostgreSQL (\d+)", str(row["v"]))
        self._templates = version is not None
        # Twice as fast as the other way; but its checkpoints wait for the disk, where one is
        # waited for.
        copied = version is not None and int(version[1]) >= 15 and row["f"] == "off"
        self._strategy = " STRATEGY file_copy" if copied else ""
        self._template: str | None = None
        self._shared: Database | None = None

    def migration(self, database: Database) -> Migration:
        """The migrations of the directory, on a database."""
        return Migration(
            database,
            self.directory,
            environment=self.environment,
            settings=self.settings,
            variables=self.variables,
        )

    def make(self) -> Database:
        """A new, migrated database; nothing is connected to it."""
        name = f"{PREFIX}{uuid4().hex[:12]}"
        if self._templates:
            if self._template is None:
                self._template = self._migrated(f"{PREFIX}{uuid4().hex[:12]}")
            self.server.execute(
                f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"{self._strategy}'
            )
        else:
            self._migrated(name)
        return self.server.sibling(name)

    def shared(self) -> Database:
        """The database that tests share which change nothing for good; made at its first use."""
        if self._shared is None:
            self._shared = self.make()
        return self._shared

    def spoilt(self) -> None:
        """Let the next test have another shared database: something stayed in this one."""
        if self._shared is not None:
            self.drop(self._shared)
            self._shared = None

    @staticmethod
    def has_ended(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
        """Whether the transaction that was begun on a connection is over."""
        return connection.info.transaction_status == TransactionStatus.IDLE

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[AsyncDatabase]:
        """The shared database, in a transaction that is rolled back after the block."""
        settings = replace(self.shared().settings, min_size=1, max_size=2)
        ended = False
        try:
            async with (
                AsyncDatabase.from_settings(settings) as database,
                database.connection() as connection,
                connection.transaction(force_rollback=True),
            ):
                try:
                    yield database
                finally:
                    ended = self.has_ended(connection)
        finally:
            if ended:
                self.spoilt()
        if ended:
            pytest.fail(self.ENDED, pytrace=False)

    def _migrated(self, name: str) -> str:
        self.server.create_database(name)
        with self.server.sibling(name) as database:
            try:
                self.migration(database).migrate(fresh=True)
            except BaseException:
                database.close()
                self.drop(database)
                raise
        return name

    def drop(self, database: Database) -> None:
        """Drop a database, whoever is still connected to it."""
        database.close()
        self.server.drop_database(str(database.settings.database), force=True)

    def close(self) -> None:
        """Drop what tests shared, and disconnect."""
        with self._stack:
            self.spoilt()
            if self._template is not None:
                self.server.drop_database(self._template, force=True)
