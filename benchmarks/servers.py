"""Servers and databases to measure on, at 0 ms and behind a delay."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

import psycopg

from faults.proxy_process import ProxyProcess
from manticore_cockroachdb import local
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.local import cockroach
from manticore_cockroachdb.local.place import Engine

ENGINES: tuple[Engine, ...] = ("postgresql", "cockroachdb")
SHORT: dict[Engine, str] = {"postgresql": "PostgreSQL", "cockroachdb": "CockroachDB"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is: `host` is an address or a socket's directory."""

    engine: Engine
    host: str
    port: int
    user: str
    database: str

    @property
    def on_socket(self) -> bool:
        """Whether `host` is a directory."""
        return self.host.startswith("/")

    def url(self, scheme: str = "postgresql", *, key: str = "host", **more: str) -> str:
        """A URL; a socket's directory goes into the query, as ``key``."""
        query = dict(more)
        if self.on_socket:
            at = f"{self.user}@"
            query |= {key: self.host, "port": str(self.port)}
        else:
            at = f"{self.user}@{self.host}:{self.port}"
        text = "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items())
        return f"{scheme}://{at}/{self.database}" + (f"?{text}" if text else "")

    def through(self, proxy: ProxyProcess) -> Place:
        """The same database, by way of a proxy."""
        return replace(self, host="127.0.0.1", port=proxy.port)

    def connect(self) -> psycopg.Connection:
        """A connection in autocommit mode, for preparing and checking."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            dbname=self.database,
            sslmode="disable",
            autocommit=True,
        )


def available() -> tuple[Engine, ...]:
    """The engines that can be measured here."""
    return ENGINES if cockroach.find() else ("postgresql",)


@contextmanager
def server(engine: Engine) -> Iterator[Server]:
    """A server of our own that is not durable and gone after the block."""
    with local.scratch(engine=engine, memory=False) as url:
        yield Server(engine, url)


class Server:
    """A running server."""

    def __init__(self, engine: Engine, url: str) -> None:
        settings = Database.from_url(url).settings
        self.place = Place(
            engine,
            settings.hosts[0],
            settings.ports[0],
            settings.user or "",
            settings.database or "",
        )

    @property
    def engine(self) -> Engine:
        """Which engine it is."""
        return self.place.engine

    def version(self) -> str:
        """What it says it is, in two words."""
        with self.place.connect() as connection:
            (text,) = connection.execute("SELECT version()").fetchone() or ("?",)
        return " ".join(w for w in str(text).split()[:3] if w not in ("OSS", "CCL", "on"))

    @contextmanager
    def database(self) -> Iterator[Place]:
        """An empty database, dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:10]}"
        with self.place.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            yield replace(self.place, database=name)
            how = "CASCADE" if self.engine == "cockroachdb" else "WITH (FORCE)"
            connection.execute(f"DROP DATABASE {name} {how}".encode())

    @contextmanager
    def proxy(self, delay_ms: float) -> Iterator[ProxyProcess]:
        """A proxy before it, in a process of its own."""
        target = f"{self.place.host}:{self.place.port}"
        with ProxyProcess(target, delay_ms=delay_ms) as proxy:
            yield proxy
