"""`async_once`: work that is done once for a key, whatever happens to the connection.

When a connection is lost during COMMIT nobody knows whether the transaction was committed, and
trying again might do the work twice. So the key commits with the work, in a row of `ONCE` with
the work's result: whoever comes again with the same key, at once or next week, in this process or
another, finds the row and gets that result.

The key goes first, with BEGIN in one message: a second caller waits there for the first, and no
work is done in vain. The result goes last, with COMMIT in one message. So it costs no round trip
more than any transaction, and one more for whom the result is there already.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import random
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Literal

from ._acompat import async_sleep
from .errors import QueryError
from .outcome import Verdict, verdict_of
from .own_tables import ONCE
from .retry import ABORTED, RetryPolicy, decide, told_retry

if TYPE_CHECKING:
    from .async_database import AsyncDatabase
    from .async_pooled import AsyncPooledConnection

T = TypeVar("T")

CREATE = (
    f"CREATE TABLE IF NOT EXISTS {ONCE} (key TEXT PRIMARY KEY, result TEXT NOT NULL DEFAULT 'null',"
    " done_at TIMESTAMPTZ NOT NULL DEFAULT now())"
)
BEGIN = SQL(
    f"BEGIN; INSERT INTO {ONCE} (key) VALUES ({{}}) ON CONFLICT (key) DO NOTHING RETURNING key"
)
RECALL = f"SELECT result FROM {ONCE} WHERE key = %s"
COMMIT = SQL(f"UPDATE {ONCE} SET result = {{}} WHERE key = {{}}; COMMIT")


async def async_once(
    database: AsyncDatabase,
    key: str,
    work: Callable[[AsyncPooledConnection], Awaitable[T]],
    policy: RetryPolicy,
) -> T:
    """Do the work unless it was done for this key; return its result, that of then if it was."""
    if not isinstance(key, str) or not key or "\0" in key:
        raise QueryError(f"A key is text that is not empty, not {key!r}.")
    attempt = 1
    while True:
        async with database.connection() as connection:
            try:
                return await _attempt(connection, key, work)
            except psycopg.Error as error:
                # What nobody knows otherwise, the key will tell.
                unknown = connection.lost(error) or verdict_of(error.sqlstate) is Verdict.UNKNOWN
                delay = decide(policy, ABORTED if unknown else error.sqlstate, attempt, random())
                if delay is None:
                    raise
                told_retry(error, attempt, delay)
                if database.telemetry is not None:
                    database.telemetry.retry(error, attempt, delay)
            finally:
                await _leave(connection)
        await async_sleep(delay)
        attempt += 1


async def _attempt(
    connection: AsyncPooledConnection,
    key: str,
    work: Callable[[AsyncPooledConnection], Awaitable[T]],
) -> T:
    begin = BEGIN.format(Literal(key)).as_bytes(connection)
    try:
        mine = await connection._rows(begin, None)
    except psycopg.errors.UndefinedTable:
        await connection.rollback()
        # PostgreSQL lets two who create it at once meet in its catalog's index.
        with suppress(psycopg.errors.UniqueViolation):
            await connection.execute(CREATE)
        mine = await connection._rows(begin, None)
    if not mine:
        found = await connection._rows(RECALL, (key,))
        if not found:  # whoever had it has just given it up, or a cleaner has taken it
            raise psycopg.errors.SerializationFailure(f"the row of {key!r} is gone")
        recalled: T = json.loads(found[0]["result"])
        return recalled
    async with connection.within():
        result = await work(connection)
    text = _encoded(result)
    await connection._rows(COMMIT.format(Literal(text), Literal(key)).as_bytes(connection), None)
    kept: T = json.loads(text)
    return kept


async def _leave(connection: AsyncPooledConnection) -> None:
    """Roll back what is open: nothing after COMMIT, and nothing on a connection that is lost."""
    if connection.pgconn.transaction_status in (
        TransactionStatus.INTRANS,
        TransactionStatus.INERROR,
    ):
        with suppress(psycopg.Error):
            await connection.rollback()


def _encoded(result: object) -> str:
    try:
        return json.dumps(result)
    except (TypeError, ValueError) as error:
        raise QueryError(
            f"The result of work that is done once must be kept as JSON: {error}.",
            hint="Return text, numbers, lists and dicts, or nothing.",
        ) from error
