"""`async_changes`: CockroachDB's changefeed as an iterator, on a connection of its own.

Whoever is interrupted while waiting (a cancelled task, Ctrl-C) ends that connection. psycopg
would ask the server to cancel the query and read on to its end; CockroachDB before v22.1 is told so
in vain, and a feed's end never comes. `_Ending` stands between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any

from psycopg.errors import QueryCanceled

from .dialect import server_of
from .errors import QueryError
from .feed import Event, event, statement
from .rows import maker

if TYPE_CHECKING:
    from .async_database import AsyncDatabase

# Since when a feed without a sink may be called CREATE CHANGEFEED.
MODERN = (22, 1)


async def async_changes(
    database: AsyncDatabase,
    table: str,
    cursor: str | None,
    resolved: float,
    row: Callable[..., Any] | None,
) -> AsyncIterator[Event]:
    """Yield changes and marks until the caller stops or the connection ends."""
    statement(table, cursor, resolved, modern=True)  # refuses before anything is connected

    def shaped(values: dict[str, Any]) -> Any:
        return values if row is None else maker(row, tuple(values))(tuple(values.values()))

    async with await database.dedicated() as connection:
        announced = connection.pgconn.parameter_status(b"crdb_version")
        if announced is None:
            raise QueryError(
                "PostgreSQL has no changefeed.",
                hint="There, a publication and a replication slot send changes, or a trigger that "
                "writes them to a table.",
            )
        text = statement(
            table, cursor, resolved, modern=server_of(announced.decode(), 0).version >= MODERN
        )
        _Ending(connection)
        # One row at a time: a larger chunk would be held back until it is full.
        rows: Any = connection.cursor().stream(text, size=1)
        try:
            async for name, key, value in rows:
                yield event(name, key, value, shaped)
        finally:
            # The feed never ends by itself, and so is ended with its connection.
            await connection.close()
            await rows.aclose()


class _Ending:
    """Makes of psycopg's cancelling the end of whatever waits for a connection."""

    def __init__(self, connection: Any) -> None:
        self._over = False
        self._wait = connection.wait
        connection.wait, connection.cancel_safe = self.wait, self.cancel_safe

    async def cancel_safe(self, *, timeout: float = 0.0) -> None:
        """Let nothing be waited for any more."""
        self._over = True

    async def wait(self, gen: Generator[Any, Any, Any], *args: Any, **options: Any) -> Any:
        """Wait as psycopg does, or say that it was cancelled."""
        return await self._wait(self._until(gen), *args, **options)

    def _until(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        ready = None
        while not self._over:
            try:
                wanted = gen.send(ready)
            except StopIteration as end:
                return end.value
            ready = yield wanted
        raise QueryCanceled("the feed is over")
