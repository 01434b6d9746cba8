"""One connection through the proxy: bytes in, bytes out, and the faults carried out.

Each direction has a reader, which stamps what arrives, and a writer, which passes it on when its
time has come. Between them lies a queue of (due time, messages): a delay moves every message by
the same amount and limits nothing, however many are under way. `faults.proxy_ledger` decides
what becomes of a message and `faults.proxy_talk` which answer belongs to which request; here the
decision is only carried out.

The server's side is a `Backend`, so that something other than a bare socket can stand there.
Encryption is refused as a server without certificates refuses it. The server's connection is
opened at the client's StartupMessage; when the server cannot be reached the client's connection
is closed without a word. A client that is gone is passed on as an end of file, and the server is
read until it closes: it may finish what it was asked, as it would without a proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from faults import wire
from faults.proxy_ledger import Ledger
from faults.proxy_rules import Answer, Call, Cut, Delay, Seen
from faults.proxy_talk import Swallow, Talk
from faults.wire import Message, Sender

_CHUNK = 1 << 16
_QUEUE = 1024
_LATE = 0.0005
_Queue = asyncio.Queue[tuple[float, list[Message]]]


class Backend(Protocol):
    """The server's side of a connection, a message at a time."""

    async def send(self, messages: list[Message]) -> None:
        """Pass messages on; what cannot be sent any more is lost."""

    async def receive(self) -> list[Message]:
        """The next messages; none at the end."""
        ...

    def send_eof(self) -> None:
        """The client will say nothing more."""

    def close(self) -> None:
        """Close now."""


class SocketBackend:
    """A server behind a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = wire.Framer(Sender.SERVER)
        writer.transport.set_write_buffer_limits(high=0)

    async def send(self, messages: list[Message]) -> None:
        await _write(self._writer, messages)

    async def receive(self) -> list[Message]:
        with contextlib.suppress(OSError):
            while data := await self._reader.read(_CHUNK):
                if messages := self._framer.feed(data):
                    return messages
        return []

    def send_eof(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


async def _write(writer: asyncio.StreamWriter, messages: list[Message]) -> None:
    with contextlib.suppress(OSError):
        writer.write(b"".join(message.raw for message in messages))
        await writer.drain()


class Relay:
    """One client's connection, from accept to close."""

    def __init__(
        self,
        ledger: Ledger,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connect: Callable[[], Awaitable[Backend]],
        *,
        one_way: float = 0.0,
    ) -> None:
        self.number = ledger.accept()
        self._ledger = ledger
        self._trips = ledger.trips(self.number)
        self._reader = reader
        self._writer = writer
        # The write buffer's limit is 0 so that drain() means "handed to the kernel": a cut right
        # after a message must not overtake it.
        writer.transport.set_write_buffer_limits(high=0)
        self._connect = connect
        self._one_way = one_way
        self._backend: Backend | None = None
        self._up: _Queue = asyncio.Queue(_QUEUE)
        self._down: _Queue = asyncio.Queue(_QUEUE)
        self._talk = Talk()
        self._skipping: Answer | None = None
        self._failed = False
        self._over = asyncio.Event()
        self._linger: Cut | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Serve the connection until it is over; raises what went wrong in here."""
        try:
            self._start(self._read_client())
            self._start(self._serve_client())
            self._start(self._serve_server())
            await self._over.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
            self._writer.close()
            if self._backend is not None:
                self._backend.close()
            self._ledger.closed(self.number)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def _start(self, work: Coroutine[None, None, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:
                self._over.set()
                raise

        self._tasks.append(asyncio.create_task(guarded()))

    # --- readers: stamp and queue -----------------------------------------------------------

    async def _read_client(self) -> None:
        framer = wire.Framer(Sender.CLIENT)
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(OSError, wire.ProtocolError):
            while data := await self._reader.read(_CHUNK):
                due = clock() + self._one_way
                if messages := framer.feed(data):
                    for message in messages:
                        if message.code:
                            self._trips.sent(message.code)
                    await self._up.put((due, messages))
        await self._up.put((clock() + self._one_way, []))

    async def _read_server(self, backend: Backend) -> None:
        clock = asyncio.get_running_loop().time
        while messages := await backend.receive():
            await self._down.put((clock() + self._one_way, messages))
        await self._down.put((clock() + self._one_way, []))

    # --- writers: decide and pass on --------------------------------------------------------

    async def _serve_client(self) -> None:
        while True:
            due, messages = await self._up.get()
            await _sleep_until(due)
            if not messages:
                break
            ready: list[Message] = []
            for message in messages:
                record, fault = self._ledger.note(self.number, Sender.CLIENT, message)
                if fault is not None:
                    await self._to_server(ready)
                    ready = []
                    if isinstance(fault.what, Answer):
                        ready += await self._substitute(fault.what, message)
                        continue
                    if not await self._act(fault.what, record, message):
                        return
                ready += await self._request(message)
            await self._to_server(ready)
        if self._backend is None:
            self._over.set()
        else:
            self._backend.send_eof()

    async def _serve_server(self) -> None:
        while not self._over.is_set():
            due, messages = await self._down.get()
            await _sleep_until(due)
            if not messages:
                self._over.set()
                return
            ready: list[Message] = []
            for message in messages:
                ready += await self._answer(message, ready)
            await self._to_client(ready)
            if self._linger is not None:
                self._finished(self._linger)

    async def _answer(self, message: Message, before: list[Message]) -> list[Message]:
        """What the client is to get for a message of the server's.

        ``before`` waits to be written; it is, and emptied, where a fault must not overtake it.
        """
        request = self._talk.received(message.code) if message.code else None
        if self._linger is not None or self._over.is_set():
            return []
        if request is not None and request.mark is not None:
            return await self._replaced(message, request.mark, before)
        record, fault = self._ledger.note(self.number, Sender.SERVER, message)
        if fault is not None:
            await self._to_client(before)
            before.clear()
            if isinstance(fault.what, Answer):
                mark = Swallow(fault.what)
                if message.code == "Z":
                    return await self._replaced(message, mark, before)
                self._talk.mark(mark)
                return []
            if not await self._act(fault.what, record, message):
                return []
        self._failed = message.code == "E" or (self._failed and message.code != "Z")
        return [message]

    async def _replaced(
        self, message: Message, mark: Swallow, before: list[Message]
    ) -> list[Message]:
        """What the client is told in place of a message that is swallowed."""
        if message.code != "Z" or mark.answer is None:
            return []
        answer = mark.answer
        said = [] if self._failed else [answer.error()]
        self._failed = False
        if not answer.close:
            said.append(wire.ready(answer.status or wire.tx_status(message)))
        for one in said:
            self._ledger.note(self.number, Sender.SERVER, one)
        if answer.close:
            await self._to_client(before + said)
            before.clear()
            self._over.set()
            return []
        return said

    async def _to_server(self, messages: list[Message]) -> None:
        if messages and self._backend is not None:
            await self._backend.send(messages)

    async def _to_client(self, messages: list[Message]) -> None:
        for message in messages:
            if message.code:
                self._trips.received(message.code)
        if messages:
            await _write(self._writer, messages)

    # --- requests ---------------------------------------------------------------------------

    async def _request(self, message: Message) -> list[Message]:
        """What the server is to get for a message that is let through."""
        if not message.code:
            return await self._untyped(message)
        if self._skipping is not None:
            return self._skip(message, self._skipping)
        self._talk.sent(message.code)
        return [message]

    async def _untyped(self, message: Message) -> list[Message]:
        kind = wire.name(Sender.CLIENT, message)
        if kind in ("SSLRequest", "GSSENCRequest"):
            due = asyncio.get_running_loop().time() + self._one_way
            await self._down.put((due, [wire.REFUSAL]))
            return []
        try:
            self._backend = await self._connect()
        except OSError:
            self._over.set()
            return []
        self._start(self._read_server(self._backend))
        if kind == "StartupMessage":
            self._ledger.started(self.number, wire.startup_parameters(message))
            self._talk.sent("")
        return [message]

    def _skip(self, message: Message, answer: Answer) -> list[Message]:
        """An extended batch whose answer is replaced: forward it or drop it, up to Sync."""
        last = message.code == "S"
        if last:
            self._skipping = None
        if answer.server == "forward":
            self._talk.sent(message.code, Swallow(answer if last else None))
            return [message]
        if not last:
            return []
        self._talk.sent("S", Swallow())
        self._talk.sent("Q", Swallow(answer))
        return [wire.SYNC, answer.instead(message)]

    # --- faults -----------------------------------------------------------------------------

    async def _act(self, what: Cut | Delay | Call, record: Seen, message: Message) -> bool:
        """Carry a fault out, apart from letting its message through; False: it is over."""
        if isinstance(what, Cut):
            await self._cut(what, record.sender, message)
            return False
        if isinstance(what, Delay):
            await asyncio.sleep(what.seconds)
        else:
            what.function(record)
        return True

    async def _substitute(self, answer: Answer, message: Message) -> list[Message]:
        """What the server is to get in place of a request whose answer is replaced."""
        if not message.code:
            return await self._request(message)
        if message.code == "Q":
            self._talk.sent("Q", Swallow(answer))
            return [answer.instead(message)]
        self._skipping = answer
        return self._skip(message, answer)

    async def _cut(self, cut: Cut, sender: Sender, message: Message) -> None:
        if cut.forward and sender is Sender.CLIENT:
            await self._to_server(await self._request(message))
        elif cut.forward:
            await self._to_client([message])
        if cut.reset:
            linger = struct.pack("ii", 1, 0)
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.close()
        if cut.server == "close":
            self._over.set()
        else:
            self._linger = cut
            self._finished(cut)

    def _finished(self, cut: Cut) -> None:
        """After a cut that spares the server: is it done?"""
        if cut.server == "finish" and self._talk.idle:
            self._over.set()


async def _sleep_until(due: float) -> None:
    """Sleep to within some 0.1 ms: timers ring late, so the last half millisecond is polled."""
    clock = asyncio.get_running_loop().time
    wait = due - clock()
    if wait > _LATE:
        await asyncio.sleep(wait - _LATE)
    while clock() < due:
        await asyncio.sleep(0)
