# Generated from async_member.py by tools/unasync.py; do not edit.
"""Member: the migrator of one target, with what the whole fleet shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..migration import Migration
from ..migrations.file import MigrationFile
from ..migrations.hooks import Hooks
from ..migrations.repeatable import Repeatable
from ..runner.seat import Seat

if TYPE_CHECKING:
    from ..database import Database


@dataclass(frozen=True, slots=True)
class Files:
    """What a directory holds, read once for all targets."""

    migrations: tuple[MigrationFile, ...]
    repeatable: tuple[Repeatable, ...] = ()
    hooks: Hooks | None = None


class Member(Migration):
    """A migrator whose files were read before, and whose connection another may have used."""

    def __init__(self, database: Database, files: Files, seat: Seat | None, **options: Any) -> None:
        super().__init__(database, **options)
        self._files = files
        self._seat = seat

    def load_migrations(self) -> list[MigrationFile]:
        """Return every migration of the fleet's directory."""
        return list(self._files.migrations)

    def load_repeatable(self) -> list[Repeatable]:
        """Return the repeatable files of this environment."""
        return list(self._files.repeatable)

    def _load_hooks(self) -> Hooks | None:
        return self._files.hooks


def read_files(migrator: Migration) -> Files:
    """Everything that a migrator's directory holds. Raises FileError."""
    return Files(
        tuple(migrator.load_migrations()),
        tuple(migrator.load_repeatable()),
        migrator._load_hooks(),
    )
