"""What `server` asks of an engine, and what an engine answers."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from manticore_cockroachdb.local.account import Account
from manticore_cockroachdb.local.place import Engine, State

CONNECT_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens, by its own files. ``address`` is a socket or (host, port)."""

    pid: int
    url: str
    address: str | tuple[str, int]
    ready: bool

    def accepts(self) -> bool:
        """Whether somebody takes a connection there."""
        if isinstance(self.address, str):
            sock = socket.socket(socket.AF_UNIX)
        else:
            sock = socket.socket(socket.AF_INET)
        with sock:
            sock.settimeout(CONNECT_TIMEOUT)
            try:
                sock.connect(self.address)
            except OSError:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is to be started: ``server`` decides, an engine does."""

    base: Path
    account: Account | None
    alive: int | None  # the locked descriptor to inherit
    log: Path
    durable: bool


class LocalEngine(Protocol):
    """One engine: how its data are made, how it is started, stopped and found."""

    name: Engine
    title: str
    stop_signal: str
    kill_signal: str

    def account(self, base: Path, *, new: bool) -> Account | None:
        """Whose name the server runs under."""
        ...

    def create(self, home: Path, base: Path, account: Account | None) -> State:
        """Make ``base/data``, as a whole or not at all; the state without its place."""
        ...

    def launch(self, launch: Launch, state: State) -> str:
        """Start it in the background and return its version."""
        ...

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """Where it listens; None if its files do not say."""
        ...

    def clean_up(self, base: Path, endpoint: Endpoint | None) -> None:
        """Remove what a stopped server left outside of ``base``."""
        ...
