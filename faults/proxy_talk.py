"""Which answer belongs to which request, and how often a client waited: pure bookkeeping.

The protocol numbers nothing, yet every request is answered in order by messages that end with a
known type:

    request                     its answer ends with
    Parse                       ParseComplete
    Bind                        BindComplete
    Describe                    RowDescription or NoData
    Execute                     CommandComplete, EmptyQueryResponse or PortalSuspended
    Close                       CloseComplete
    Sync, Query, FunctionCall   ReadyForQuery
    StartupMessage              ReadyForQuery

Flush, Terminate and the messages of a copy or a password exchange ask for nothing of their own.
After an ErrorResponse the server skips what it was sent up to the next Sync; in a Query the
ReadyForQuery still comes. While a client copies data in, the server ignores Sync. Notices,
parameter changes and notifications belong to no request.

A `Talk` keeps the requests that are not yet answered. `Trips` counts with it: a round trip
starts with the first message that a client sends when everything it had asked for has been
answered, or when it was just told to go on with copying data in. A client that sends a hundred
requests before it reads makes one; one that sends a request, reads, and sends the next makes two.
Nothing counts before the first ReadyForQuery, nor does Terminate. Counted at the client's edge,
the number does not depend on how fast the server is, except for a client that pipelines so
slowly that its answers overtake it; behind a delay that cannot happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from faults.proxy_rules import Answer

_ENDS: Mapping[str, str] = MappingProxyType(
    {
        "": "Z",
        "P": "1",
        "B": "2",
        "D": "Tn",
        "E": "CIs",
        "C": "3",
        "S": "Z",
        "Q": "Z",
        "F": "Z",
    }
)
_ASYNCHRONOUS = frozenset("NSA")


@dataclass(frozen=True, slots=True)
class Swallow:
    """The answer to this request is not for the client, who is told ``answer`` at its end."""

    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request that awaits its answer: the client's type byte, "" for the start-up."""

    code: str
    mark: Swallow | None = None


class Talk:
    """The unanswered requests of one connection."""

    __slots__ = ("_pending", "copying")

    def __init__(self) -> None:
        self._pending: deque[Request] = deque()
        self.copying = False

    @property
    def idle(self) -> bool:
        """Whether everything asked for has been answered."""
        return not self._pending

    def sent(self, code: str, mark: Swallow | None = None) -> None:
        """The client said this; "" is its StartupMessage."""
        if self.copying:
            self.copying = code not in ("c", "f")
        elif code in _ENDS:
            self._pending.append(Request(code, mark))

    def mark(self, mark: Swallow) -> None:
        """Mark the request that is being answered and what follows it up to ReadyForQuery."""
        for at, request in enumerate(self._pending):
            self._pending[at] = Request(request.code, mark)
            if "Z" in _ENDS[request.code]:
                break

    def received(self, code: str) -> Request | None:
        """The request that this message of the server's answers, if it answers one."""
        if code in _ASYNCHRONOUS or not self._pending:
            return None
        request = self._pending[0]
        ends = _ENDS[request.code]
        if code in ends:
            self._pending.popleft()
            self.copying = False
        elif code == "E":
            self.copying = False
            while self._pending and "Z" not in _ENDS[self._pending[0].code]:
                self._pending.popleft()
        elif code == "G":
            self.copying = True
            while len(self._pending) > 1 and request.code == "E":
                self._pending.pop()
        return request


class Trips:
    """How often the client of one connection waited for the server."""

    __slots__ = ("_flowing", "_ready", "_talk", "count")

    def __init__(self) -> None:
        self._talk = Talk()
        self._ready = False
        self._flowing = False
        self.count = 0

    def sent(self, code: str) -> None:
        """The client said this, now."""
        if self._ready and not self._flowing and code != "X":
            self.count += 1
            self._flowing = True
        self._talk.sent(code)

    def received(self, code: str) -> None:
        """The client was told this, now."""
        self._talk.received(code)
        if code == "Z":
            self._ready = True
        if code not in _ASYNCHRONOUS and (self._talk.idle or code == "G"):
            self._flowing = False
