"""AsyncSeat: one connection for many sessions, one after another.

Schemas of one database need no connection each. A session that ends in good order leaves its
connection here, and the next one, for another schema, takes it. One whose transaction is open, that
was lost, or on which a migration has changed the session is closed instead.

Whoever runs many sessions side by side also stops them here: Ctrl-C reaches the main thread alone,
and a statement cut off would leave more to find out than one that ends. So a session asks before
each statement, and then ends as if it had been interrupted just there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import pq


class AsyncSeat:
    """Holds a connection while no session uses it; ``interrupted`` says whether to stop."""

    def __init__(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.interrupted = interrupted
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._database: object = None

    def take(self, database: object) -> psycopg.AsyncConnection[Any] | None:
        """The connection to this database, if one was left."""
        if database is not self._database:
            return None
        connection, self._connection = self._connection, None
        return connection

    def leave(self, database: object, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Keep a connection for the next session; False where it is of no use any more."""
        idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        if connection.closed or not idle or self._connection is not None:
            return False
        self._database, self._connection = database, connection
        return True

    async def close(self) -> None:
        """Close the connection that is held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
