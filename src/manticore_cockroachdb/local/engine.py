"""What `server` asks of an engine, and what an engine answers."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .account import Account
from .place import Engine, State

_CONNECT_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens, by its own files. ``address`` is a socket or (host, port)."""

    pid: int
    url: str
    address: str | tuple[str, int]
    ready: bool

    def accepts(self) -> bool:
        """Whether somebody takes a connection there."""
        if sys.platform != "win32" and isinstance(self.address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET
        with socket.socket(family) as sock:
            sock.settimeout(_CONNECT_TIMEOUT)
            try:
                sock.connect(self.address)
            except OSError:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is to be started. ``alive`` is the locked descriptor it inherits.

    Not ``durable``: what is committed survives a crash of the server, but not of the machine.
    ``throwaway``: nothing need survive anything.
    """

    base: Path
    log: Path
    alive: int | None
    account: Account | None
    durable: bool
    throwaway: bool


class LocalEngine(Protocol):
    """One engine: how its data are made, how its server is started, found and signalled."""

    name: Engine
    title: str

    def account(self, base: Path, *, new: bool) -> Account | None:
        """Under whose name the server runs, or will."""
        ...

    def create(self, base: Path, account: Account | None) -> State:
        """Make ``base/data.new``, complete; the state without its place."""
        ...

    def launch(self, launch: Launch) -> str:
        """Start the server, which need not be ready yet, and return its version."""
        ...

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """Where the server listens; None if its files do not say."""
        ...

    def end(self, pid: int, account: Account | None, *, at_once: bool) -> None:
        """Ask the server to end: cleanly, or without writing anything more."""
        ...

    def clean_up(self, base: Path, endpoint: Endpoint) -> None:
        """Remove what a server that ended left behind of its endpoint."""
        ...
