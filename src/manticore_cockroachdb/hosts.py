"""Which of several hosts the next connection goes to.

The one with the fewest connections, so that they spread evenly, and among equals a random one. A
host that refused, or whose connection broke, is left out for a while that doubles with each
failure in a row, from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds; where no other host answers it is
tried all the same, so a pause never costs a connection.

Connections move as they are given back: whoever is on a host that has two more than the emptiest
one, which may have just returned, is closed, at most one a second, and its successor goes there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakSet

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
MOVE_EVERY = 1.0


class Closing(Protocol):
    """A connection, as far as it matters here."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        ...


@dataclass(eq=False)
class Host:
    """One host: ``keywords`` are libpq's for it, ``until`` is when its pause ends."""

    keywords: Mapping[str, str | int]
    connections: WeakSet[Closing] = field(default_factory=WeakSet)
    connecting: int = 0
    failures: int = 0
    until: float = 0.0

    def __str__(self) -> str:
        """Return where it is, for a log."""
        where = self.keywords.get("host", "the host that libpq chooses")
        return f"{where}:{self.keywords['port']}" if "port" in self.keywords else str(where)

    def load(self) -> int:
        """Return how many connections it has or is about to have."""
        return self.connecting + sum(not connection.closed for connection in self.connections)


@dataclass(eq=False)
class Hosts:
    """All hosts of a database, of which most have only one; times are of a monotonic clock."""

    hosts: Sequence[Host]
    trouble: tuple[float, Exception] | None = None
    """When and why a connection was refused, or broke, last."""
    look_again: float = 0.0

    def order(self, now: float, shuffled: Sequence[float]) -> list[Host]:
        """Return the hosts to try, best first; ``shuffled`` is a random number for each."""
        chances = dict(zip(map(id, self.hosts), shuffled, strict=True))
        return sorted(self.hosts, key=lambda h: (max(0.0, h.until - now), h.load(), chances[id(h)]))

    def opened(self, host: Host, connection: Closing) -> None:
        """Note a new connection."""
        host.connections.add(connection)
        host.failures, host.until = 0, 0.0

    def failed(self, host: Host, now: float, reason: Exception) -> None:
        """Note that a host refused, or broke a connection."""
        self.trouble = now, reason
        if now < host.until:  # one failure, told by many connections
            return
        host.failures += 1
        # The exponent is bounded only to keep the number small.
        host.until = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(host.failures - 1, 60))

    def surplus(self, host: Host | None, now: float) -> bool:
        """Return whether a connection to this host had better be one to another."""
        if host is None or len(self.hosts) < 2 or now < self.look_again:
            return False
        self.look_again = now + MOVE_EVERY
        loads = [other.load() for other in self.hosts if other.until <= now]
        return bool(loads) and host.load() - min(loads) >= 2


def hosts_of(hosts: Sequence[str], ports: Sequence[int], hostaddr: str | None = None) -> Hosts:
    """Return the hosts of a list; one without keywords of its own where libpq decides."""
    if not hosts:
        return Hosts([Host({})])
    addresses = hostaddr.split(",") if hostaddr else []
    found: list[Host] = []
    for number, (host, port) in enumerate(zip(hosts, ports, strict=True)):
        keywords: dict[str, str | int] = {"host": host, "port": port}
        if len(addresses) == len(hosts):
            keywords["hostaddr"] = addresses[number]
        found.append(Host(keywords))
    return Hosts(found)
