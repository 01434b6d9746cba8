"""Answers that are larger than memory: `async_stream` for rows, `async_blocks` for COPY's bytes.

Within a transaction rows come through a cursor of the server, so that other statements can go
between them. Elsewhere the connection is the stream's own, and they come as fast as the server
sends them, in chunks that libpq hands over. Then, and where CockroachDB has no cursors yet,
psycopg holds the connection's lock until the last row: a statement in between by the same task
would wait for itself, so it is refused instead.

A stream that is left early closes its connection, and the pool opens another: to have the query
cancelled takes a connection as well, and CockroachDB before v22.1 would send all of it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any

from psycopg import AsyncClientCursor
from psycopg import capabilities as client
from psycopg.pq import TransactionStatus
from psycopg.sql import Composable

from .errors import TransactionError
from .rows import Parameters, Statement, row_factory

if TYPE_CHECKING:
    from .async_pooled import AsyncPooledConnection

_numbers = count(1)


async def async_stream(
    lend: AbstractAsyncContextManager[AsyncPooledConnection],
    sql: bytes | Composable,
    params: Parameters | None,
    row: Callable[..., Any] | None,
    size: int,
) -> AsyncIterator[Any]:
    """Yield the rows of a query, on the connection that ``lend`` lends."""
    factory: Any = row_factory(row)
    query: Any = sql
    async with lend as connection:
        if connection._inside() and connection.capabilities().cursors:
            name = f"stream_{next(_numbers)}"
            target = connection.target
            async with connection.cursor(name, row_factory=factory) as cursor:
                cursor.itersize = size
                with nullcontext() if target is None else target.operation(query):
                    await cursor.execute(query, params)
                    async for found in cursor:
                        yield found
            return
        plain = connection.cursor(row_factory=factory)
        at_once = size if client.has_stream_chunked() else 1  # libpq from 17 on
        rows: Any = plain.stream(query, params, size=at_once)  # a generator; its type does not say
        lock, busy_lock = connection.lock, _Busy()
        try:
            async for found in rows:
                connection.lock = busy_lock  # type: ignore[assignment]
                yield found
        finally:
            connection.lock = lock
            busy = connection.pgconn.transaction_status == TransactionStatus.ACTIVE
            if busy and connection.block is None:
                await connection.close()
            await rows.aclose()


class _Busy:
    """Stands in for the lock of a connection whose stream goes on."""

    async def __aenter__(self) -> None:
        raise TransactionError(
            "This connection is sending the rows of a stream. Nothing else was sent.",
            hint="Read the stream to its end first, or use another connection: outside of a "
            "transaction the database's own verbs do.",
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise AssertionError("never entered")


async def async_blocks(
    lend: AbstractAsyncContextManager[AsyncPooledConnection],
    text: bytes,
    query: Statement | None,
    params: Parameters | None,
) -> AsyncIterator[bytes]:
    """Yield what COPY sends; a query, its parameters written into it, goes where ``%s`` is."""
    async with lend as connection:
        if query is not None:
            inner = AsyncClientCursor(connection).mogrify(query, params)  # type: ignore[arg-type]
            text = text.replace(b"%s", inner.rstrip().rstrip(";").encode())
        async with connection.cursor().copy(text) as copy:
            async for block in copy:
                yield bytes(block)
