"""One message of the simple protocol, and what the server answered to each statement in it.

psycopg's cursors say that a message failed; the executor must also know *which* of its
statements did, on servers that give no position (CockroachDB). So the message is sent through
libpq's own interface (`psycopg.pq`), with psycopg's waiting loop around it. The generator is the
same for both colours: a connection's `wait` runs it, awaited or not.

Answers are counted and let go as they arrive, so that memory stays bounded for a message of any
number of statements.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from time import monotonic

import psycopg
from psycopg import errors, pq
from psycopg.waiting import Ready, Wait

_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a message.

    `done`: how many of its statements succeeded, those before the last COMMIT that did left out;
    `tag`: the last one's command tag; `error`: what stopped it, None when nothing did.
    """

    done: int
    tag: str
    error: psycopg.Error | None


def exchange(
    connection: psycopg.pq.abc.PGconn, message: bytes, commits: list[str]
) -> Generator[Wait, Ready | int, Reply]:
    """Send `message` and gather its answers. Raises psycopg.OperationalError on a lost link.

    For each COMMIT that succeeded, what the statement before it returned is added to `commits`,
    which also tells of them when the link is lost later, or the program is interrupted.
    """
    connection.send_query(message)
    yield from _send(connection)
    done, tag, said, error = 0, "", "", None
    while True:
        while connection.is_busy():
            yield Wait.R
            connection.consume_input()
            while connection.notifies() is not None:
                pass  # nobody listens on a migration's session
        result = connection.get_result()
        if result is None:
            break
        status = result.status
        if status in _OK:
            tag = (result.command_status or b"").decode()
            done += 1
            if tag == "COMMIT":
                commits.append(said)
                done = 0
            said = _said(result) if status == pq.ExecStatus.TUPLES_OK else ""
        elif status == pq.ExecStatus.COPY_IN:
            connection.put_copy_end(b"a migration cannot send COPY data")
            yield from _send(connection)
        elif status in (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
            connection.finish()
            raise psycopg.OperationalError("a migration cannot receive COPY data")
        elif error is None:
            error = errors.error_from_result(result)
            continue  # the error reads its details from the result
        result.clear()
    if connection.status != pq.ConnStatus.OK and error is None:
        raise psycopg.OperationalError("the connection was closed")
    return Reply(done, tag, error)


class NoAnswer(psycopg.OperationalError):
    """A server took a message and said nothing for too long."""


def rows_of(
    connection: psycopg.pq.abc.PGconn, message: bytes, deadline: float
) -> Generator[Wait, Ready | int, list[tuple[str | None, ...]]]:
    """Send one statement; return its rows, as text.

    Raises NoAnswer where that takes until `deadline`, by `time.monotonic`; the connection is of
    no use then.
    """
    connection.send_query(message)
    yield from _send(connection)
    rows: list[tuple[str | None, ...]] = []
    while True:
        while connection.is_busy():
            ready = yield Wait.R
            if ready:
                connection.consume_input()
            elif monotonic() > deadline:
                raise NoAnswer("the server did not answer")
        result = connection.get_result()
        if result is None:
            return rows
        if result.status not in _OK:
            raise errors.error_from_result(result)
        for row in range(result.ntuples):
            cells = (result.get_value(row, column) for column in range(result.nfields))
            rows.append(tuple(None if cell is None else cell.decode() for cell in cells))


def _said(result: psycopg.pq.abc.PGresult) -> str:
    """The only value of a result that has one, in text."""
    if (result.ntuples, result.nfields) != (1, 1):
        return ""
    return (result.get_value(0, 0) or b"").decode(errors="replace")


def _send(connection: psycopg.pq.abc.PGconn) -> Generator[Wait, Ready | int, None]:
    while True:
        ready = yield Wait.RW
        if ready & Ready.R:
            connection.consume_input()
        if connection.flush() == 0:
            return
