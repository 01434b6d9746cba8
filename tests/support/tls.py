"""A way to a server that speaks TLS, whatever the server itself can do."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from manticore_cockroachdb.config import resolve

SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL's documentation, message formats


class TlsGate:
    """Takes connections on loopback, agrees to TLS and nothing else, and hands all on."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        settings = resolve(url)
        self._host, self._port = settings.hosts[0], settings.ports[0]
        self._context = context
        self.port = 0

    def url(self, url: str, **parameters: str) -> str:
        """Return the URL of the same database through this gate, by the name ``localhost``."""
        own = dict(resolve(url).parameters) | {"hostaddr": "127.0.0.1"} | parameters
        settings = replace(
            resolve(url),
            hosts=("localhost",),
            ports=(self.port,),
            parameters=tuple(sorted(own.items())),
        )
        return settings.url(secrets=True)

    async def serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        server.close()

    def stop(self) -> None:
        """End, and with it every connection."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                if self._host.startswith("/"):
                    path = f"{self._host}/.s.PGSQL.{self._port}"
                    behind = await asyncio.open_unix_connection(path)
                else:
                    behind = await asyncio.open_connection(self._host, self._port)
                await asyncio.gather(_pass_on(reader, behind[1]), _pass_on(behind[0], writer))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def tls(url: str, context: ssl.SSLContext) -> Iterator[TlsGate]:
    """Lend a gate that presents the certificate of ``context``."""
    gate, started = TlsGate(url, context), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(gate.serve(started)), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield gate
    finally:
        gate.stop()
        thread.join(10)
