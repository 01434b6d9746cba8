"""A pooler between client and server, which lends a session for one transaction at a time.

As PgBouncer does in its transaction mode: a few sessions of the server serve any number of clients,
each until the server says that no transaction is open, and then the one that was idle for longest
is next. So two statements of a client hardly ever meet the same session, and settings that one
client makes for "its" session are another's. Names of prepared statements are passed on as they
are, which is to say that they do not work.
"""

from __future__ import annotations

import queue
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from faults.wire import Framer, Message, Sender, name
from manticore_cockroachdb.config import resolve


@dataclass(eq=False)
class Session:
    """One session of the server; ``hello`` is what it said of itself."""

    socket: socket.socket
    framer: Framer = field(default_factory=lambda: Framer(Sender.SERVER))
    hello: list[Message] = field(default_factory=list)


class Pooler:
    """Listens on a port of loopback and lends ``size`` sessions of the database of ``url``."""

    def __init__(self, url: str, size: int) -> None:
        self._settings = resolve(url)
        self._idle: queue.Queue[Session] = queue.Queue()
        self._sockets: set[socket.socket] = set()
        self.lent = 0
        """How often a session was lent."""
        for _ in range(size):
            self._idle.put(self._connect())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database, through the pooler."""
        parameters = {**dict(self._settings.parameters), "sslmode": "disable"}
        settings = replace(
            self._settings,
            hosts=("127.0.0.1",),
            ports=(self.port,),
            parameters=tuple(sorted(parameters.items())),
        )
        return settings.url(secrets=True)

    def close(self) -> None:
        """End everything."""
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _connect(self) -> Session:
        host, port = self._settings.hosts[0], self._settings.ports[0]
        if host.startswith("/"):
            made = socket.socket(socket.AF_UNIX)
            made.connect(str(Path(host) / f".s.PGSQL.{port}"))
        else:
            made = socket.create_connection((host, port))
        self._sockets.add(made)
        words = {"user": self._settings.user, "database": self._settings.database}
        body = b"".join(f"{k}\0{v}\0".encode() for k, v in words.items()) + b"\0"
        head = (len(body) + 8).to_bytes(4, "big") + (196608).to_bytes(4, "big")
        made.sendall(head + body)
        session = Session(made)
        while not session.hello or session.hello[-1].code != "Z":
            data = made.recv(1 << 16)
            assert data, "the server closed"
            session.hello += session.framer.feed(data)
        return session

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        framer = Framer(Sender.CLIENT)
        session: Session | None = None
        try:
            while True:
                data = client.recv(1 << 16)
                if not data:
                    return
                messages = framer.feed(data)
                while messages and not messages[0].code:
                    if not self._greet(client, messages.pop(0)):
                        return
                if messages and messages[0].code == "X":
                    return
                if messages:
                    session = self._idle.get()
                    self.lent += 1
                    _transaction(client, framer, session, messages)
                    self._idle.put(session)
                    session = None
        except (OSError, EOFError):
            pass
        finally:
            client.close()
            if session is not None:  # in the middle of something, which its end undoes
                session.socket.close()
                with suppress(OSError, AssertionError):
                    self._idle.put(self._connect())

    def _greet(self, client: socket.socket, message: Message) -> bool:
        """Answer what comes before a client is through; False where that is all."""
        kind = name(Sender.CLIENT, message)
        if kind in ("SSLRequest", "GSSENCRequest"):
            client.sendall(b"N")
            return True
        if kind != "StartupMessage":  # a cancellation: whose it is, nobody knows here
            return False
        session = self._idle.get()
        self._idle.put(session)
        client.sendall(b"".join(m.raw for m in session.hello if m.code in "RSKZ"))
        return True


def _transaction(
    client: socket.socket, framer: Framer, session: Session, messages: list[Message]
) -> None:
    """Pass on until no answer is owed and no transaction is open."""
    owed, copies, status = 0, False, b"T"
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        selector.register(session.socket, selectors.EVENT_READ)
        while True:
            for message in messages:
                if message.code == "X":
                    raise EOFError
                # What synchronizes within a COPY that extended messages began is not answered.
                owed += message.code in "QF" or (message.code == "S" and not copies)
                if message.code in "cf":
                    copies = False
            if messages:
                session.socket.sendall(b"".join(message.raw for message in messages))
            messages = []
            if not owed and status == b"I":
                return
            for key, _ in selector.select():
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not data:
                    raise EOFError
                if key.fileobj is client:
                    messages += framer.feed(data)
                    continue
                answers = session.framer.feed(data)
                for answer in answers:
                    if answer.code == "Z":
                        owed, status = owed - 1, answer.body
                client.sendall(b"".join(answer.raw for answer in answers))


@contextmanager
def pooler(url: str, size: int = 3) -> Iterator[Pooler]:
    """Lend a pooler before a database."""
    found = Pooler(url, size)
    try:
        yield found
    finally:
        found.close()
