"""A real server seen from the imitation: it asks, one message at a time, and hears the answer.

While the imitation has nothing to say, messages pass in both directions. While it runs a message
of the client's piece by piece it has the server for itself: what the server says goes to an
inbox, and `ask` reads it up to ReadyForQuery. Data that a client copies in passes at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from faults import wire
from faults.proxy_relay import SocketBackend
from faults.proxy_talk import Talk
from faults.wire import Message

Emit = Callable[[list[Message]], Awaitable[None]]


class Gone(Exception):
    """The server has closed the connection, or nobody waits for an answer any more."""


class Server:
    """The connection behind, read by one task and asked by another."""

    def __init__(self, backend: SocketBackend, emit: Emit) -> None:
        self._backend = backend
        self._emit = emit
        self._talk = Talk()
        self._idle = asyncio.Event()
        self._mine = False
        self._inbox: asyncio.Queue[list[Message]] = asyncio.Queue(64)
        self.announce: Callable[[list[Message]], list[Message]] | None = None
        self.ended = asyncio.Event()
        self.status = "I"

    async def read(self) -> None:
        """Read until the server closes; the body of a task."""
        while messages := await self._backend.receive():
            if self._mine:
                await self._inbox.put(messages)
                continue
            for message in messages:
                self._talk.received(message.code)
                if message.code == "Z":
                    self.status = wire.tx_status(message)
            told = self.announce(messages) if self.announce else messages
            if told:  # nothing at all would be the end
                await self._emit(told)
            if self._talk.idle:
                self._idle.set()
        self.ended.set()
        self._idle.set()
        await self._inbox.put([])

    async def forward(self, message: Message, *, asks: bool = True) -> None:
        """Pass a message of the client's on; the answer goes to the client."""
        if asks:
            self._idle.clear()
            self._talk.sent(message.code)
            if self._talk.idle:
                self._idle.set()
        await self._backend.send([message])

    async def take(self) -> None:
        """Have the server for oneself, once everything forwarded has been answered."""
        if not self._talk.idle:
            await self._idle.wait()
        if self.ended.is_set():
            raise Gone
        self._mine = True

    def give_back(self) -> None:
        """Let messages pass again."""
        self._mine = False

    async def ask(self, sql: str, tell: Emit | None = None) -> tuple[Message | None, list[Message]]:
        """Send a Query and wait for ReadyForQuery; the error, if there was one, and the rest.

        With ``tell`` the rest is passed on as it comes instead. Raises Gone when the server
        closes the connection; an error that it says before goes to ``tell``.
        """
        await self._backend.send([wire.query(sql)])
        error: Message | None = None
        kept: list[Message] = []
        while True:
            messages = await self._inbox.get()
            if not messages:
                if error is not None:
                    await self._emit([error])
                raise Gone
            rest = [message for message in messages if message.code not in "EZ"]
            error = next((m for m in messages if m.code == "E"), error)
            if tell is None:
                kept += rest
            elif rest:
                await tell(rest)
            for message in messages:
                if message.code == "Z":
                    self.status = wire.tx_status(message)
                    return error, kept

    async def value(self, sql: str) -> str:
        """The one value of the one row that a query gives."""
        _, messages = await self.ask(sql)
        row = next(message for message in messages if message.code == "D")
        return wire.row_values(row)[0] or ""

    def send_eof(self) -> None:
        """Say that the client will say nothing more."""
        self._backend.send_eof()

    def close(self) -> None:
        """Close the connection."""
        self._backend.close()


async def session_for_job(
    connect: Callable[[], Awaitable[SocketBackend]], startup: Message
) -> SocketBackend:
    """A session of the cluster's own, started up like a client's.

    Raises OSError where the server cannot be reached or asks for a password, which nobody has.
    """
    backend = await connect()
    await backend.send([startup])
    while messages := await backend.receive():
        for message in messages:
            if message.code == "Z":
                return backend
            if message.code == "E" or (message.code == "R" and message.body[:4] != bytes(4)):
                backend.close()
                raise OSError("the server does not let a job in without a password")
    raise OSError("the server closed a job's connection")


async def run_alone(backend: SocketBackend, sql: str) -> Message | None:
    """Run one message on a session of the cluster's own; the error, if there was one."""
    await backend.send([wire.query(sql)])
    error: Message | None = None
    while messages := await backend.receive():
        for message in messages:
            if message.code == "E":
                error = message
            if message.code == "Z":
                return error
    return error or wire.error("58C01", "the connection of a job was lost")
