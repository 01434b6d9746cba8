# Generated from async_once.py by tools/unasync.py; do not edit.
"""`once`: work that is done once for a key, whatever happens to the connection.

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
from collections.abc import Callable
from contextlib import suppress
from random import random
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Literal

from ._acompat import sleep
from .errors import QueryError
from .outcome import Verdict, verdict_of
from .own_tables import ONCE
from .retry import ABORTED, RetryPolicy, decide, told_retry

if TYPE_CHECKING:
    from .database import Database
    from .pooled import PooledConnection

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


def once(
    database: Database,
    key: str,
    work: Callable[[PooledConnection], T],
    policy: RetryPolicy,
) -> T:
    """Do the work unless it was done for this key; return its result, that of then if it was."""
    if not isinstance(key, str) or not key or "\0" in key:
        raise QueryError(f"A key is text that is not empty, not {key!r}.")
    attempt = 1
    while True:
        with database.connection() as connection:
            try:
                return _attempt(connection, key, work)
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
                _leave(connection)
        sleep(delay)
        attempt += 1


def _attempt(
    connection: PooledConnection,
    key: str,
    work: Callable[[PooledConnection], T],
) -> T:
    begin = BEGIN.format(Literal(key)).as_bytes(connection)
    try:
        mine = connection._rows(begin, None)
    except psycopg.errors.UndefinedTable:
        connection.rollback()
        # PostgreSQL lets two who create it at once meet in its catalog's index.
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute(CREATE)
        mine = connection._rows(begin, None)
    if not mine:
        found = connection._rows(RECALL, (key,))
        if not found:  # whoever had it has just given it up, or a cleaner has taken it
            raise psycopg.errors.SerializationFailure(f"the row of {key!r} is gone")
        recalled: T = json.loads(found[0]["result"])
        return recalled
    with connection.within():
        result = work(connection)
    text = _encoded(result)
    connection._rows(COMMIT.format(Literal(text), Literal(key)).as_bytes(connection), None)
    kept: T = json.loads(text)
    return kept


def _leave(connection: PooledConnection) -> None:
    """Roll back what is open: nothing after COMMIT, and nothing on a connection that is lost."""
    if connection.pgconn.transaction_status in (
        TransactionStatus.INTRANS,
        TransactionStatus.INERROR,
    ):
        with suppress(psycopg.Error):
            connection.rollback()


def _encoded(result: object) -> str:
    try:
        return json.dumps(result)
    except (TypeError, ValueError) as error:
        raise QueryError(
            f"The result of work that is done once must be kept as JSON: {error}.",
            hint="Return text, numbers, lists and dicts, or nothing.",
        ) from error
