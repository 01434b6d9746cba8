"""What a proxy has seen and is yet to do: the state its connections share, without any I/O.

The proxy's own thread writes it and the test's thread reads it and arms faults, so each method
takes the lock for the moment it needs. Everything handed out is a copy or frozen.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace

from faults.proxy_rules import Armed, Fault, Seen, decide, seen
from faults.proxy_talk import Trips
from faults.wire import Message, Sender

_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class Connection:
    """One client connection: its start-up parameters, and its round trips so far."""

    number: int
    user: str | None
    database: str | None
    application_name: str | None
    round_trips: int
    open: bool


@dataclass(slots=True)
class _Line:
    parameters: dict[str, str] | None = None
    trips: Trips = field(default_factory=Trips)
    open: bool = True


class Ledger:
    """Trace, counts, faults and connections of one proxy."""

    def __init__(self, faults: tuple[Fault, ...] = (), *, trace: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._length = trace
        self.reset()
        self.arm(*faults)

    def reset(self) -> None:
        """Forget everything, armed faults included."""
        with self._lock:
            self._started = time.monotonic()
            self._trace: deque[Seen] = deque(maxlen=self._length)
            self._messages = {Sender.CLIENT: 0, Sender.SERVER: 0}
            self._armed: tuple[Armed, ...] = ()
            self._fired: list[tuple[Fault, Seen]] = []
            self._lines: dict[int, _Line] = {}
            self._accepted = 0

    # --- the relays' side ---

    def accept(self) -> int:
        """A new connection's number."""
        with self._lock:
            self._accepted += 1
            self._lines[self._accepted] = _Line()
            return self._accepted

    def trips(self, connection: int) -> Trips:
        """The round-trip counter of a connection."""
        return self._lines[connection].trips

    def started(self, connection: int, parameters: dict[str, str]) -> None:
        """The connection's StartupMessage was read."""
        self._lines[connection].parameters = parameters

    def closed(self, connection: int) -> None:
        """The connection is over."""
        self._lines[connection].open = False

    def note(self, connection: int, sender: Sender, message: Message) -> tuple[Seen, Fault | None]:
        """Record a message; the fault to act on, if there is one."""
        with self._lock:
            self._messages[sender] += 1
            number = self._messages[sender]
            at = time.monotonic() - self._started
            record = seen(sender, message, number=number, connection=connection, at=at)
            kept = record
            if record.text is not None and len(record.text) > _TEXT:
                kept = replace(record, text=record.text[:_TEXT])
            self._trace.append(kept)
            if not self._armed:
                return record, None
            self._armed, fault = decide(self._armed, record)
            if fault is not None:
                self._fired.append((fault, kept))
            return record, fault

    # --- the user's side ---

    def arm(self, *faults: Fault) -> None:
        """Add faults; each counts from now on."""
        with self._lock:
            self._armed += tuple(Armed(fault) for fault in faults)

    def disarm(self) -> None:
        """Remove every fault that is still to fire."""
        with self._lock:
            self._armed = ()

    def trace(self) -> list[Seen]:
        """The newest messages, oldest first; texts are kept up to 100,000 characters."""
        with self._lock:
            return list(self._trace)

    def messages(self, sender: Sender) -> int:
        """How many messages this side has sent."""
        with self._lock:
            return self._messages[sender]

    def fired(self) -> list[tuple[Fault, Seen]]:
        """The faults that acted, each with the message it acted on."""
        with self._lock:
            return list(self._fired)

    def connections(self) -> tuple[Connection, ...]:
        """Every connection that said who it was, open or not, in the order of acceptance."""
        with self._lock:
            return tuple(
                Connection(
                    number,
                    line.parameters.get("user"),
                    line.parameters.get("database"),
                    line.parameters.get("application_name"),
                    line.trips.count,
                    line.open,
                )
                for number, line in self._lines.items()
                if line.parameters is not None
            )
