"""A table of users to be filled, and migrators for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

USERS = "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT, n INT8 NOT NULL DEFAULT 0);\n"
# Each row counts how often it was changed.
COUNT = "-- @backfill users\nUPDATE users SET n = n + 1 WHERE :batch;\n"
UNDO = "-- @UNDO\n-- @backfill users\nUPDATE users SET n = n - 1 WHERE :batch;\n"


class Files:
    """The directory of a test, and what is done with it on the database."""

    def __init__(self, directory: Path, colour: Any, db: Any) -> None:
        self.directory = directory
        self.colour = colour
        self.db = db
        self.events: list[Any] = []

    def write(self, version: int, text: str) -> None:
        """Write a migration."""
        (self.directory / f"{version}_m{version}.sql").write_text(text)

    def migrator(self, **options: Any) -> Any:
        """A migrator of the colour under test; what it tells goes to `events`."""
        return self.colour.Migration(
            self.db, self.directory, on_event=self.events.append, **options
        )

    async def users(self, count: int, *, table: str = USERS) -> None:
        """Make the table of users with so many rows, 1 and on."""
        self.write(1, table)
        await self.migrator().migrate()
        await self.db.execute(
            "INSERT INTO users (id, name) SELECT i, 'user ' || i::TEXT"
            f" FROM generate_series(1, {count}) AS i"
        )

    async def counts(self) -> dict[int, int]:
        """How many rows were changed how often."""
        rows = await self.db.execute("SELECT n, count(*) AS rows FROM users GROUP BY n")
        return {row["n"]: row["rows"] for row in rows}


@pytest.fixture
def files(tmp_path: Path, colour: Any, db: Any) -> Files:
    """The directory of the test."""
    return Files(tmp_path, colour, db)
