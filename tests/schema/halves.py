"""The functions of the schema package in the half under test."""

from __future__ import annotations

from typing import Any

from manticore_cockroachdb.schema import async_read as async_half
from manticore_cockroachdb.schema import read as sync_half
from manticore_cockroachdb.schema.model import Schema

from ..support.colour import Colour, unwrap


async def read_schema(colour: Colour, db: Any) -> Schema:
    """The catalog of a database."""
    if colour.name == "async":
        return await async_half.async_read(db)
    return sync_half.read(unwrap(db))


async def run(db: Any, sql: str) -> None:
    """Run a script on a connection of its own."""
    async with await db.dedicated() as connection:
        await connection.execute(sql)
