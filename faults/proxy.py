"""A proxy between a PostgreSQL client and its server that delays, counts, cuts and falsifies.

    with Proxy("127.0.0.1", 5432, delay_ms=40) as proxy:
        connection = psycopg.connect(proxy.url(user="postgres", dbname="app"))
        ...
        proxy.round_trips()

    with Proxy.before(database_url) as proxy:
        proxy.arm(Fault(When(type="Query", text="COMMIT"), Cut(forward=True)))
        ...connect to proxy.through(database_url)...

It runs in a thread of its own, so that synchronous and asynchronous tests use it alike, or in a
process of its own: ``python -m faults.proxy --target 127.0.0.1:5432 --delay-ms 40`` prints the
port it listens on. It only ever listens on 127.0.0.1, reaches its server over TCP or a UNIX
socket, and answers requests for encryption with "no": URLs it makes say ``sslmode=disable``.

The delay makes every exchange take ``delay_ms`` longer: half on the way to the server and half on
the way back, for start-up and authentication too, and however much is under way at once. What it
cannot delay is TCP's own handshake, which the kernel answers before the proxy hears of it: over a
real line of that length opening a connection takes one round trip more.

The parts: `faults.wire` the protocol, `faults.proxy_rules` the faults, `faults.proxy_talk` what a
round trip is, `faults.proxy_ledger` the shared state, `faults.proxy_relay` one connection.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from faults.proxy_ledger import Connection, Ledger
from faults.proxy_relay import Backend, Relay, SocketBackend
from faults.proxy_rules import Answer, Call, Cut, Delay, Fault, Seen, When
from faults.wire import Sender

if TYPE_CHECKING:
    from faults.imitate import Imitation

__all__ = [
    "Answer",
    "Call",
    "Connection",
    "Cut",
    "Delay",
    "Fault",
    "Proxy",
    "Seen",
    "Sender",
    "When",
    "target_of",
]

LOOPBACK = "127.0.0.1"


class Proxy:
    """A proxy before the server at ``host`` and ``port``; ``host`` may be a socket's directory.

    Listens from ``__enter__`` (or `start`) to ``__exit__`` (or `close`), on ``listen_port`` or a
    free port. ``delay_ms`` is the time added to a round trip, ``faults`` are armed at once,
    ``imitation`` makes the server answer as a newer CockroachDB, and ``trace`` is how many
    messages the trace keeps. `close` raises what went wrong inside.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        listen_port: int = 0,
        delay_ms: float = 0.0,
        faults: tuple[Fault, ...] = (),
        imitation: Imitation | None = None,
        trace: int = 10_000,
    ) -> None:
        self._host = host
        self._target_port = port
        self._one_way = delay_ms / 2000
        self._imitation = imitation
        self._ledger = Ledger(faults, trace=trace)
        self._relays: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="faults.proxy", daemon=True)
        self._ready = threading.Event()
        self.port = listen_port

    @classmethod
    def before(
        cls,
        url: str,
        *,
        delay_ms: float = 0.0,
        faults: tuple[Fault, ...] = (),
        imitation: Imitation | None = None,
    ) -> Self:
        """A proxy before the server that a libpq URL names."""
        host, port = target_of(url)
        return cls(host, port, delay_ms=delay_ms, faults=faults, imitation=imitation)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._ready.wait()
        if self._errors:
            self.close()

    def lead_to(self, url: str) -> None:
        """Lead new connections to the server that a libpq URL names."""
        self._host, self._target_port = target_of(url)

    def close(self) -> None:
        """Close every connection and stop; raises the first error of the proxy's own."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._errors:
            raise self._errors[0]

    # --- addresses --------------------------------------------------------------------------

    def url(self, *, user: str | None = None, dbname: str = "", password: str | None = None) -> str:
        """A libpq URL that leads through the proxy."""
        login = "" if user is None else quote(user, safe="")
        if password is not None:
            login += ":" + quote(password, safe="")
        at = f"{login}@" if login else ""
        return f"postgresql://{at}{LOOPBACK}:{self.port}/{quote(dbname, safe='')}?sslmode=disable"

    def through(self, url: str) -> str:
        """The same libpq URL, leading through the proxy instead."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        kept = [
            (key, value)
            for key, value in parse_qsl(parts.query, keep_blank_values=True)
            if key not in ("host", "hostaddr", "port", "sslmode")
        ]
        query = urlencode([*kept, ("sslmode", "disable")], quote_via=quote)
        netloc = f"{login}{at}{LOOPBACK}:{self.port}"
        return urlunsplit((parts.scheme, netloc, parts.path, query, ""))

    # --- what it saw and will do ------------------------------------------------------------

    def arm(self, *faults: Fault) -> None:
        """Add faults; each counts messages from now on."""
        self._ledger.arm(*faults)

    def disarm(self) -> None:
        """Remove every fault that is still to fire."""
        self._ledger.disarm()

    @property
    def fired(self) -> list[tuple[Fault, Seen]]:
        """The faults that acted, each with the message it acted on."""
        return self._ledger.fired()

    @property
    def trace(self) -> list[Seen]:
        """The newest messages of both directions, oldest first."""
        return self._ledger.trace()

    def messages(self, sender: Sender) -> int:
        """How many messages this side has sent."""
        return self._ledger.messages(sender)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection a client started up, closed ones included."""
        return self._ledger.connections()

    def round_trips(self, connection: int | None = None) -> int:
        """How often clients waited for the server after start-up, on one connection or all."""
        return sum(one.round_trips for one in self.connections if connection in (None, one.number))

    def reset(self) -> None:
        """Close all connections and forget everything, faults included, as if just started."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._ledger.reset()

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_precise_loop if self._one_way else None) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits in close()
            self._errors.append(error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await self._hang_up()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = Relay(self._ledger, reader, writer, self._connect, one_way=self._one_way)
        task = asyncio.create_task(relay.run())
        self._relays.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._relays.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    async def _hang_up(self) -> None:
        relays = list(self._relays)
        for task in relays:
            task.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
        if self._imitation is not None:
            await self._imitation.stop()

    async def _connect(self) -> Backend:
        server = await self._reach()
        if self._imitation is None:
            return server
        return self._imitation.backend(server, self._reach)

    async def _reach(self) -> SocketBackend:
        if self._host.startswith("/"):
            path = f"{self._host}/.s.PGSQL.{self._target_port}"
            return SocketBackend(*await asyncio.open_unix_connection(path))
        return SocketBackend(*await asyncio.open_connection(self._host, self._target_port))


def _precise_loop() -> asyncio.AbstractEventLoop:
    """A loop whose timers are exact to some 0.1 ms: epoll's round up to whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def target_of(url: str) -> tuple[str, int]:
    """Host (or socket directory) and port of a server.

    Takes a libpq URL, ``host:port``, ``/directory:port`` or the path of a socket. Of several
    hosts in a URL it is the first.
    """
    if "://" in url:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2].split(",")[0]
        host, _, port = place.rpartition(":") if _has_port(place) else (place, "", "")
        query = dict(parse_qsl(parts.query))
        host = query.get("host", unquote(host)).split(",")[0]
        port = query.get("port", port).split(",")[0]
        default = "26257" if parts.scheme == "cockroachdb" else "5432"
        return host.strip("[]") or "localhost", int(port or default)
    directory, socket, port = url.rpartition("/.s.PGSQL.")
    if socket:
        return directory, int(port)
    host, _, port = url.rpartition(":")
    return host.strip("[]"), int(port)


def _has_port(place: str) -> bool:
    return ":" in place.rpartition("]")[2]


if __name__ == "__main__":
    from faults.proxy_process import main

    main()
