"""The migrations of a command, which says what it sees in their files, whoever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..migration import DEFAULT_WAIT, Migration
from ..migrations.file import MigrationFile

__all__ = ["DEFAULT_WAIT", "Told"]


class Told(Migration):
    """`Migration`, whose files are held against the environments that a configuration knows."""

    def __init__(
        self,
        check: Callable[[list[tuple[str, Sequence[str]]]], None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._check = check

    def load_migrations(self) -> list[MigrationFile]:
        """Return every migration of the directory, and warn of environments that nobody knows."""
        files = super().load_migrations()
        self._check([(file.path, file.environments) for file in files if file.environments])
        return files
