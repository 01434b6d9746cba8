"""A database to try things out in, gone afterwards whatever happens.

It is made on the server that the real one is on, so that everything means the same there. Where
that is not allowed, or not safe (`risks`), a throwaway server of the same engine takes its place.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg

from .. import local
from .._acompat import async_blocking, async_sleep
from ..dialect import Engine
from ..errors import ConnectionFailed, LocalServerError, SchemaError
from ..parser.quoting import qualified, quote
from ..schema.async_read import async_which_server

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase

PREFIX = "_manticore_scratch_"
_LOG = logging.getLogger("manticore_cockroachdb")
_TRIES = 20
_FOREIGN_KEYS = """
SELECT n.nspname, c.relname, k.conname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f'
"""


class AsyncScratch:
    """Lends empty databases: beside a database, on its server, or apart, on a throwaway one.

    ``reason`` says why they have to be apart, None as long as they are beside; where one may not
    create databases, it comes to say so. ``on`` asks for a throwaway server of that engine.
    """

    def __init__(
        self, beside: AsyncDatabase, *, reason: str | None = None, on: Engine | None = None
    ) -> None:
        self.beside = beside
        self.reason = reason
        self.on: Engine | None = on

    @asynccontextmanager
    async def database(self) -> AsyncIterator[AsyncDatabase]:
        """Lend an empty database. Raises SchemaError where none can be had."""
        name = await self._made_beside()
        if name is None:
            engine = self.on or await self._engine()
            async with async_scratch_apart(engine, type(self.beside)) as found:
                yield found
            return
        scratch = self.beside.sibling(name)
        try:
            yield scratch
        finally:
            await scratch.close()
            await _drop(self.beside, name)

    async def _made_beside(self) -> str | None:
        if self.on is not None or self.reason is not None:
            return None
        name = PREFIX + uuid4().hex[:12]
        try:
            await _create(self.beside, name)
        except psycopg.errors.InsufficientPrivilege:
            self.reason = "this user may not create databases"
            return None
        except BaseException:
            await _drop(self.beside, name)  # an answer that did not reach us may have been a yes
            raise
        return name

    async def _engine(self) -> Engine:
        async with await self.beside.dedicated() as connection:
            return (await async_which_server(connection)).engine


@asynccontextmanager
async def async_scratch_apart(
    engine: Engine, kind: type[AsyncDatabase]
) -> AsyncIterator[AsyncDatabase]:
    """Lend an empty database on a throwaway server. Raises SchemaError where none can be had."""
    server = local.scratch(engine=engine)
    try:
        url = await async_blocking(server.__enter__)
    except LocalServerError as error:
        raise SchemaError(
            f"There is no server to try the migrations out on: {error.message}",
            hint=error.hint,
        ) from error
    try:
        database = kind.from_url(url)
        try:
            yield database
        finally:
            await database.close()
    finally:
        await async_blocking(server.__exit__, None, None, None)


async def _drop(database: AsyncDatabase, name: str) -> None:
    """Drop a database; a failure matters less than what the caller has to say."""
    try:
        try:
            await database.drop_database(name, force=True)
        except psycopg.errors.InternalError_:
            # CockroachDB v20.2 trips over foreign keys between tables that use enums.
            await _drop_foreign_keys(database.sibling(name))
            await database.drop_database(name, force=True)
    except (psycopg.Error, ConnectionFailed) as error:
        _LOG.warning("the scratch database %s could not be dropped: %s", name, error)


async def _drop_foreign_keys(database: AsyncDatabase) -> None:
    async with await database.dedicated() as connection:
        cursor = await connection.execute(_FOREIGN_KEYS)
        for schema, table, key in await cursor.fetchall():
            await connection.execute(
                f"ALTER TABLE {qualified(schema, table)} DROP CONSTRAINT {quote(key)}".encode()
            )


async def _create(database: AsyncDatabase, name: str) -> None:
    """Create a database; on PostgreSQL two at once disturb each other, so try for a while."""
    for attempt in range(_TRIES):
        try:
            await database.create_database(name, if_not_exists=False)
            return
        except psycopg.errors.ObjectInUse:
            if attempt == _TRIES - 1:
                raise
            await async_sleep(0.1)
