"""The fixtures. Override one in a conftest.py to change what it gives, as with any fixture.

==========================  ==========================================================  =========
``manticore_server_url``    the server: ``MANTICORE_TEST_URL``, else one of our own     session
``manticore_migrations_dir``  the directory of migrations                               session
``manticore_environment``   the environment that migrations are chosen for              session
``manticore_settings``      session settings for the migrations                         session
``manticore_url``           the URL of a fresh, migrated database                       test
``manticore_db``            a `Database` on it                                          test
``manticore_async_db``      an `AsyncDatabase` on it, not connected yet                 test
``manticore_migration``     a `Migration` on it, with the directory                     test
==========================  ==========================================================  =========
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..database import Database
    from ..dialect import Engine
    from ..migration import Migration
    from ..shadow.verification import Verification

PREFIX = "_manticore_test_"
URL = "MANTICORE_TEST_URL"
ENGINES = ("postgresql", "cockroachdb")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of pytest.ini, or of [tool.pytest.ini_options]."""
    parser.addini("manticore_migrations_dir", "The directory of migrations", default="migrations")
    parser.addini("manticore_environment", "The environment to migrate for", default="")
    parser.addini(
        "manticore_engine", f"The engine of the server to start: {' or '.join(ENGINES)}", default=""
    )
    parser.addini(
        "manticore_irreversible",
        "Versions of migrations that need no undo part, for the ready-made tests",
        type="args",
        default=[],
    )


@pytest.fixture(scope="session")
def manticore_migrations_dir(pytestconfig: pytest.Config) -> Path:
    """The directory of migrations: the setting ``manticore_migrations_dir``, from the root."""
    path = pytestconfig.rootpath / str(pytestconfig.getini("manticore_migrations_dir"))
    if not path.is_dir():
        raise pytest.UsageError(
            f"manticore: there is no directory {path}; set manticore_migrations_dir"
        )
    from ..migrations.directory import nothing_in

    if nothing := nothing_in(path):
        warnings.warn(pytest.PytestWarning(f"manticore: {nothing}"), stacklevel=1)
    return path


@pytest.fixture(scope="session")
def manticore_environment(pytestconfig: pytest.Config) -> str | None:
    """The environment that migrations are chosen for: the setting of that name, else none."""
    return str(pytestconfig.getini("manticore_environment")) or None


@pytest.fixture(scope="session")
def manticore_settings() -> Mapping[str, str]:
    """Session settings for the migrations, such as ``{"app.environment": "test"}``; none."""
    return {}


@pytest.fixture(scope="session")
def manticore_server_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of a server on which databases may be created and dropped.

    That is ``MANTICORE_TEST_URL``, else a throwaway server of our own, which needs a `cockroach`
    binary or the extra ``manticore-cockroachdb[local]``.
    """
    if url := os.environ.get(URL):
        yield url
        return
    engine = str(pytestconfig.getini("manticore_engine"))
    if engine and engine not in ENGINES:
        raise pytest.UsageError(f"manticore_engine: {engine!r} is not {' or '.join(ENGINES)}")
    from .. import local

    with local.scratch(engine=_engine(engine)) as url:
        yield url


def _engine(name: str) -> Engine | None:
    return "cockroachdb" if name == "cockroachdb" else "postgresql" if name else None


@pytest.fixture(scope="session")
def _manticore_databases(
    manticore_server_url: str,
    manticore_migrations_dir: Path,
    manticore_environment: str | None,
    manticore_settings: Mapping[str, str],
) -> Iterator[_Databases]:
    found = _Databases(
        manticore_server_url, manticore_migrations_dir, manticore_environment, manticore_settings
    )
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def manticore_url(_manticore_databases: _Databases) -> Iterator[str]:
    """The URL of a fresh database with every migration applied; dropped after the test."""
    database = _manticore_databases.make()
    try:
        yield database.settings.url(secrets=True)
    finally:
        _manticore_databases.drop(database)


@pytest.fixture
def manticore_db(manticore_url: str) -> Iterator[Database]:
    """A `Database` on the fresh, migrated database."""
    from ..database import Database

    with Database.from_url(manticore_url) as database:
        yield database


@pytest.fixture
def manticore_async_db(manticore_url: str) -> AsyncDatabase:
    """An `AsyncDatabase` on the fresh, migrated database. It connects at first use; close it in
    the test's own event loop: ``async with manticore_async_db as db:``."""
    from ..async_database import AsyncDatabase

    return AsyncDatabase.from_url(manticore_url)


@pytest.fixture
def manticore_migration(
    manticore_db: Database,
    manticore_migrations_dir: Path,
    manticore_environment: str | None,
    manticore_settings: Mapping[str, str],
) -> Migration:
    """The migrations of the directory, on the fresh, migrated database."""
    from ..migration import Migration

    return Migration(
        manticore_db,
        manticore_migrations_dir,
        environment=manticore_environment,
        settings=manticore_settings,
    )


@pytest.fixture(scope="session")
def manticore_verification(_manticore_databases: _Databases) -> Verification:
    """What `Migration.verify` says, for the ready-made tests; it runs once a session."""
    return _manticore_databases.migration(_manticore_databases.server).verify()


class _Databases:
    """Makes migrated databases on one server."""

    def __init__(
        self, url: str, directory: Path, environment: str | None, settings: Mapping[str, str]
    ) -> None:
        from ..database import Database

        self.directory, self.environment, self.settings = directory, environment, settings
        self._stack = ExitStack()
        self.server = self._stack.enter_context(Database.from_url(url))
        version = str(self.server.execute("SELECT version() AS v")[0]["v"])
        self._templates = not version.startswith("CockroachDB")
        self._template: str | None = None

    def migration(self, database: Database) -> Migration:
        """The migrations of the directory, on a database."""
        from ..migration import Migration

        return Migration(
            database, self.directory, environment=self.environment, settings=self.settings
        )

    def make(self) -> Database:
        """A new, migrated database; nothing is connected to it."""
        name = f"{PREFIX}{uuid4().hex[:12]}"
        if self._templates:
            if self._template is None:
                self._template = self._migrated(f"{PREFIX}{uuid4().hex[:12]}")
            self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        else:
            self._migrated(name)
        return self.server.sibling(name)

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
        """Drop the template and disconnect."""
        with self._stack:
            if self._template is not None:
                self.server.drop_database(self._template, force=True)
