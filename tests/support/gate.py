"""A way to a server that can be shut: one of several "hosts", or a server that restarts."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from manticore_cockroachdb.config import resolve


class Gate:
    """Listens on a port of loopback and hands everything on to the server behind ``url``."""

    def __init__(self, url: str) -> None:
        settings = resolve(url)
        self._host, self._port = settings.hosts[0], settings.ports[0]
        self._listener: socket.socket | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.port = 0
        self.open()

    def url(self, url: str, *others: Gate) -> str:
        """Return the URL of the same database through this gate, or through several."""
        from dataclasses import replace

        ports = tuple(gate.port for gate in (self, *others))
        settings = replace(resolve(url), hosts=("127.0.0.1",) * len(ports), ports=ports)
        return settings.url(secrets=True)

    @property
    def connections(self) -> int:
        """How many connections go through it now."""
        return len(self._pairs)

    def open(self) -> None:
        """Take connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections and break those that are there."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for pair in list(self._pairs):
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            server = socket.create_connection((self._host, self._port))
        pair = (client, server)
        self._pairs.add(pair)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        source, target = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)
        except OSError:
            return
        finally:
            client.close()
            server.close()
            self._pairs.discard(pair)


@contextmanager
def gates(url: str, count: int) -> Iterator[list[Gate]]:
    """Lend gates to one server."""
    found = [Gate(url) for _ in range(count)]
    try:
        yield found
    finally:
        for gate in found:
            gate.shut()
