"""A fleet of databases, on one server or by URLs of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.errors import ConfigError

from .conftest import states, table, tables

NAMES = ["a", "Bolt & Co"]


@asynccontextmanager
async def databases(db: Any, names: list[str]) -> AsyncIterator[str]:
    """Make databases, and drop them; what stands before their names."""
    prefix = f"t{uuid.uuid4().hex[:8]}_"
    try:
        for name in names:
            await db.create_database(prefix + name)
        yield prefix
    finally:
        for name in names:
            await db.drop_database(prefix + name, force=True)


async def versions(db: Any, name: str) -> list[int]:
    """The versions that are applied in a database beside this one."""
    sibling = db.sibling(name)
    try:
        return [row["version"] for row in await sibling.select("_migrations", order_by="version")]
    finally:
        await sibling.close()


async def test_each_database_is_migrated_once(db: Any, colour: Any, directory: Path) -> None:
    async with databases(db, NAMES) as prefix:
        fleet = colour.Fleet(db, directory, names=NAMES, database=prefix + "{name}")
        assert [one.state for one in (await fleet.status()).targets] == ["behind", "behind"]
        assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done")
        assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "nothing to do")
        table(directory, 3)
        found = await fleet.status()
        assert [(one.current, one.pending) for one in found.behind] == [(2, (3,)), (2, (3,))]
        await fleet.migrate(only=["a"])
        assert states(await fleet.migrate()) == {"a": "nothing to do", "Bolt & Co": "done"}
        for name in NAMES:
            assert await versions(db, prefix + name) == [1, 2, 3]


async def test_databases_are_found_by_their_names(db: Any, colour: Any, directory: Path) -> None:
    async with databases(db, NAMES) as prefix:
        fleet = colour.Fleet(db, directory, databases=f"{prefix}*")
        assert sorted(states(await fleet.migrate()).values()) == ["done", "done"]


async def test_one_that_is_missing_is_an_error_or_made(
    db: Any, colour: Any, directory: Path
) -> None:
    async with databases(db, ["a"]) as prefix:
        given: dict[str, Any] = {"names": ["a", "new"], "database": prefix + "{name}"}
        try:
            report = await colour.Fleet(db, directory, **given).migrate(max_failures=1)
            assert states(report) == {"a": "done", "new": "failed"}
            assert f"no database {prefix}new" in str(report.failed[0].error)
            (missing,) = (await colour.Fleet(db, directory, **given).status()).problems
            assert missing.name == "new"
            report = await colour.Fleet(db, directory, create=True, **given).migrate()
            assert states(report) == {"a": "nothing to do", "new": "done"}
        finally:
            await db.drop_database(f"{prefix}new", force=True)


async def test_urls_come_from_the_environment_and_are_never_printed(
    db: Any, colour: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_A_URL", db.settings.url(secrets=True))
    monkeypatch.setenv("MC_B_URL", "postgresql://u:top-secret@127.0.0.1:1/b?connect_timeout=2")
    fleet = colour.Fleet(db, directory, names=["a", "b", "c"], url="env:MC_{NAME}_URL")
    report = await fleet.migrate(max_failures=2)
    assert states(report) == {"a": "done", "b": "failed", "c": "failed"}
    b, c = report.failed
    assert "MC_C_URL is not set" in str(c.error)
    assert isinstance(c.error, ConfigError)
    assert "top-secret" not in f"{b.error}{report!r}{fleet.spec!r}{await fleet.targets()!r}"


async def test_two_urls_that_lead_to_one_database_are_an_error(
    db: Any, colour: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = db.settings.url(secrets=True)
    monkeypatch.setenv("MC_A_URL", there)
    monkeypatch.setenv("MC_B_URL", f"{there}{'&' if '?' in there else '?'}application_name=b")
    fleet = colour.Fleet(db, directory, names=["a", "b"], url="env:MC_{NAME}_URL")
    with pytest.raises(ConfigError, match="are the same"):
        await fleet.migrate()
    assert await tables(db, "public") == []
