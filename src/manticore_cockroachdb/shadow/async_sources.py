"""Whatever can be compared, as a catalog: a database, a URL, a dump, a directory of migrations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from ..dialect import Engine
from ..errors import ConfigError
from ..migrations.directory import load
from ..schema import model as m
from ..schema.async_read import async_read
from .async_drift import async_replay_context, async_replayed
from .async_replay import async_load_dump
from .async_scratch import AsyncScratch, async_scratch_apart

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase

_HARMLESS = re.compile(r"[\w./\\ -]+")
Source: TypeAlias = Union["AsyncDatabase", m.Schema, str, Path]


def is_url(text: str) -> bool:
    """Whether a text names a database rather than a file: a URL, ``local:`` or ``host=…``."""
    return "://" in text or "=" in text or text.startswith("local:")


def shown(text: str) -> str:
    """A text as a message may have it: one that could hold a password is not repeated."""
    return repr(text) if _HARMLESS.fullmatch(text) else "What was given"


async def async_schema_of(source: Source, beside: AsyncDatabase) -> m.Schema:
    """The catalog of a source.

    A dump, and a directory of migrations, is run on a scratch database on the server of
    ``beside``, or on one of our own. Raises ConfigError for a source that is none, SchemaError
    for one that cannot be run.
    """
    if isinstance(source, m.Schema):
        return source
    if not isinstance(source, str | Path):
        return await async_read(source)
    path = Path(source)
    if isinstance(source, str) and is_url(source) and not path.exists():
        database = type(beside).from_url(source)
        try:
            return await async_read(database)
        finally:
            await database.close()
    if path.is_dir():
        return await _of_migrations(path, beside)
    if path.suffix == ".sql" and path.is_file():
        return await async_schema_of_dump(path, beside)
    raise ConfigError(
        f"{shown(str(source))} is no database, no dump and no directory of migrations.",
        hint="give a URL, a file that ends in .sql, or a directory",
    )


async def async_schemas_of(
    sources: Sequence[AsyncDatabase | Path], kind: type[AsyncDatabase]
) -> list[m.Schema]:
    """The catalogs of several sources; what has to be run is run beside the first database.

    Without one, on a throwaway server of the engine that a dump names in its first line.
    """
    beside = next((source for source in sources if not isinstance(source, Path)), None)
    if beside is not None:
        return [await async_schema_of(source, beside) for source in sources]
    async with async_scratch_apart(_engine(sources), kind) as scratch:
        return [await async_schema_of(source, scratch) for source in sources]


def _engine(sources: Sequence[AsyncDatabase | Path]) -> Engine:
    for source in sources:
        if isinstance(source, Path) and source.is_file():
            with source.open(encoding="utf-8-sig", errors="replace") as file:
                if "CockroachDB" in file.readline():
                    return "cockroachdb"
    return "postgresql"


async def async_schema_of_dump(path: Path, beside: AsyncDatabase) -> m.Schema:
    """The catalog that a dump makes on a scratch database."""
    text = path.read_text(encoding="utf-8-sig")
    async with AsyncScratch(beside).database() as empty:
        return await async_load_dump(empty, text, str(path))


async def _of_migrations(path: Path, beside: AsyncDatabase) -> m.Schema:
    files = load(path)
    async with await beside.dedicated() as connection:
        context = await async_replay_context(connection)
    return (await async_replayed(beside, files, {}, context))[0]
