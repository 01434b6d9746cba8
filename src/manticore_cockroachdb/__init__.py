"""The Python client and migration system for CockroachDB and PostgreSQL.

The public names load on first use, so that importing the package costs nothing:

    from manticore_cockroachdb import Database, Migration
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .async_database import AsyncDatabase
    from .async_migration import AsyncMigrator
    from .config import Settings
    from .database import Database
    from .errors import (
        BackfillIncomplete,
        ChangedFile,
        ConfigError,
        ConnectionFailed,
        DeadlineReached,
        FileError,
        ForeignFile,
        HistoryError,
        LeaseError,
        LeaseLost,
        LeaseTimeout,
        LocalServerError,
        ManticoreError,
        MigrationError,
        MigrationFailed,
        MissingFile,
        NoSuchDatabase,
        NotOneRow,
        NotReady,
        NoUndo,
        OutOfOrder,
        PartialMigration,
        PlanError,
        QueryError,
        Refused,
        SchemaError,
        TransactionError,
        UnknownVersion,
    )
    from .fleet.async_fleet import AsyncFleet
    from .fleet.fleet import Fleet
    from .migration import Migration

_HOMES = {
    "AsyncDatabase": "async_database",
    "AsyncFleet": "fleet.async_fleet",
    "AsyncMigrator": "async_migration",
    "Database": "database",
    "Fleet": "fleet.fleet",
    "Migration": "migration",
    "Settings": "config",
}

__all__ = [
    "AsyncDatabase",
    "AsyncFleet",
    "AsyncMigrator",
    "BackfillIncomplete",
    "ChangedFile",
    "ConfigError",
    "ConnectionFailed",
    "Database",
    "DeadlineReached",
    "FileError",
    "Fleet",
    "ForeignFile",
    "HistoryError",
    "LeaseError",
    "LeaseLost",
    "LeaseTimeout",
    "LocalServerError",
    "ManticoreError",
    "Migration",
    "MigrationError",
    "MigrationFailed",
    "MissingFile",
    "NoSuchDatabase",
    "NoUndo",
    "NotOneRow",
    "NotReady",
    "OutOfOrder",
    "PartialMigration",
    "PlanError",
    "QueryError",
    "Refused",
    "SchemaError",
    "Settings",
    "TransactionError",
    "UnknownVersion",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
