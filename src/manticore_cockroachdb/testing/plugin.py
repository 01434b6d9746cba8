"""The fixtures. Override one in a conftest.py to change what it gives, as with any fixture.

==========================  ==========================================================  =========
``manticore_server_url``    the server: ``MANTICORE_TEST_URL``, else one of our own     session
``manticore_migrations_dir``  the directory of migrations                               session
``manticore_environment``   the environment that migrations are chosen for              session
``manticore_settings``      session settings for the migrations                         session
``manticore_variables``     values of the variables that migrations declare             session
``manticore_transaction``   a `Database` in a transaction that is rolled back at the     test
                            test's end, on one migrated database for all tests
``manticore_async_transaction``  the same, `async with` of it gives an `AsyncDatabase`  test
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
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..database import Database
    from ..dialect import Engine
    from ..migration import Migration
    from ..shadow.verification import Verification
    from .databases import Databases

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
def manticore_variables() -> Mapping[str, str]:
    """Values of the variables that migrations declare, such as ``{"region": "test"}``; none, so
    that those of the environment count."""
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
    manticore_variables: Mapping[str, str],
) -> Iterator[Databases]:
    from .databases import Databases

    found = Databases(
        manticore_server_url,
        manticore_migrations_dir,
        manticore_environment,
        manticore_settings,
        manticore_variables,
    )
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def manticore_transaction(_manticore_databases: Databases) -> Iterator[Database]:
    """A `Database` inside a transaction that is rolled back at the test's end.

    All tests share one migrated database, so a test costs a BEGIN and a ROLLBACK. Whatever it
    does through this database, in its own thread, is inside; a ``transaction()`` of its own is a
    savepoint. Not inside, and not undone, is what other connections do, and sequences.
    """
    database = _manticore_databases.shared()
    with database.connection() as connection, connection.transaction(force_rollback=True):
        yield database
        ended = _manticore_databases.has_ended(connection)
    if ended:
        _manticore_databases.spoilt()
        pytest.fail(_manticore_databases.ENDED, pytrace=False)


@pytest.fixture
def manticore_async_transaction(
    _manticore_databases: Databases,
) -> AbstractAsyncContextManager[AsyncDatabase]:
    """An `AsyncDatabase` inside a transaction that is rolled back at the end of the block
    ``async with manticore_async_transaction as db:``, which stands in the test, since a
    transaction belongs to one task. Otherwise as `manticore_transaction`."""
    return _manticore_databases.undone()


@pytest.fixture
def manticore_url(_manticore_databases: Databases) -> Iterator[str]:
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
    manticore_variables: Mapping[str, str],
) -> Migration:
    """The migrations of the directory, on the fresh, migrated database."""
    from ..migration import Migration

    return Migration(
        manticore_db,
        manticore_migrations_dir,
        environment=manticore_environment,
        settings=manticore_settings,
        variables=manticore_variables,
    )


@pytest.fixture(scope="session")
def manticore_verification(_manticore_databases: Databases) -> Verification:
    """What `Migration.verify` says, for the ready-made tests; it runs once a session."""
    return _manticore_databases.migration(_manticore_databases.server).verify()
