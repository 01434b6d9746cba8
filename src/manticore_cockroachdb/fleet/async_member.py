"""AsyncMember: the migrator of one target, with what the whole fleet shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..async_migration import AsyncMigrator
from ..migrations.file import MigrationFile
from ..migrations.hooks import Hooks
from ..migrations.repeatable import Repeatable
from ..runner.async_seat import AsyncSeat

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase


@dataclass(frozen=True, slots=True)
class Files:
    """What a directory holds, read once for all targets."""

    migrations: tuple[MigrationFile, ...]
    repeatable: tuple[Repeatable, ...] = ()
    hooks: Hooks | None = None


class AsyncMember(AsyncMigrator):
    """A migrator whose files were read before, and whose connection another may have used."""

    def __init__(
        self, database: AsyncDatabase, files: Files, seat: AsyncSeat | None, **options: Any
    ) -> None:
        super().__init__(database, **options)
        self._files = files
        self._seat = seat

    async def load_migrations(self) -> list[MigrationFile]:
        """Return every migration of the fleet's directory."""
        return list(self._files.migrations)

    async def load_repeatable(self) -> list[Repeatable]:
        """Return the repeatable files of this environment."""
        return list(self._files.repeatable)

    async def _load_hooks(self) -> Hooks | None:
        return self._files.hooks


async def async_read_files(migrator: AsyncMigrator) -> Files:
    """Everything that a migrator's directory holds. Raises FileError."""
    return Files(
        tuple(await migrator.load_migrations()),
        tuple(await migrator.load_repeatable()),
        await migrator._load_hooks(),
    )
