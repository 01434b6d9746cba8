"""A directory of migrations for a fleet, and the tenants that it is for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.fleet.report import FleetReport


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Migrations 1 and 2, a table each."""
    path = tmp_path / "migrations"
    path.mkdir()
    for number in (1, 2):
        table(path, number)
    return path


def table(directory: Path, number: int, extra: str = "") -> None:
    """Write a migration that makes a table, and more."""
    (directory / f"{number}_t{number}.sql").write_text(
        f"CREATE TABLE t{number} (id INT8 PRIMARY KEY);{extra}\n-- @UNDO\nDROP TABLE t{number};\n",
        encoding="utf-8",
    )


async def schemas(db: Any, names: Iterable[str]) -> None:
    """Make schemas."""
    for name in names:
        await db.execute(f'CREATE SCHEMA "{name}"')


async def tables(db: Any, schema: str) -> list[str]:
    """The users' tables of a schema, by name."""
    rows = await db.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        " AND table_name NOT LIKE '\\_%%' ORDER BY table_name",
        (schema,),
    )
    return [row["table_name"] for row in rows]


def states(report: FleetReport) -> dict[str, str]:
    """What became of each target."""
    return {one.name: one.state for one in report.outcomes}
