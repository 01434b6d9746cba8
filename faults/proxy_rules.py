"""What the proxy does to which message: rules as values, and the pure function that applies them.

A `Fault` is a `When` (which message) and a `What` (what becomes of it). `When` names a message by
the conditions that are given, and among the messages that meet them takes the ``nth``, counted
over the whole proxy: ``When(Sender.CLIENT, nth=7)`` is the seventh message that any client sends,
``When(type="Query", text="COMMIT")`` the first Query that contains COMMIT,
``When(Sender.SERVER, type="CommandComplete", nth=3, connection=2)`` the third CommandComplete of
the second connection. A fault fires ``times`` times, on that message and the matching ones after
it; then it is spent. When two faults match one message the one armed first acts, and both count.

`decide` takes the armed faults and what was seen and returns the faults as they are afterwards
and the one to act on. It knows nothing of sockets or clocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from faults import wire
from faults.wire import Message, Sender


@dataclass(frozen=True, slots=True)
class Seen:
    """One message, as the trace keeps it.

    ``number`` counts the messages of this sender over the whole proxy from 1, ``connection`` the
    connections in the order in which they were accepted from 1; ``length`` is in bytes, type byte
    and length included; ``text`` is the SQL of Query and Parse, the tag of CommandComplete, the
    message of errors and notices; ``at`` is in seconds since the proxy started.
    """

    sender: Sender
    type: str
    number: int
    connection: int
    length: int
    at: float
    text: str | None = None
    sqlstate: str | None = None


def seen(sender: Sender, message: Message, *, number: int, connection: int, at: float) -> Seen:
    """The record of one message."""
    text = sqlstate = None
    if sender is Sender.CLIENT:
        if message.code in ("Q", "P"):
            text = wire.query_text(message)
    elif message.code in ("E", "N"):
        fields = wire.fields(message)
        text, sqlstate = fields.get("M"), fields.get("C")
    elif message.code == "C":
        text = wire.command_tag(message)
    kind = wire.name(sender, message)
    return Seen(sender, kind, number, connection, len(message.raw), at, text, sqlstate)


@dataclass(frozen=True, slots=True)
class When:
    """Which message: the ``nth`` of those that meet every condition given.

    ``text`` is found anywhere in the record's text, whatever its case, within words too (COMMIT in
    autocommit); a compiled pattern is searched for as it is.
    """

    sender: Sender | None = None
    type: str | None = None
    text: str | re.Pattern[str] | None = None
    sqlstate: str | None = None
    nth: int = 1
    connection: int | None = None

    def matches(self, record: Seen) -> bool:
        """Whether a message meets the conditions, its turn aside."""
        return (
            self.sender in (None, record.sender)
            and self.type in (None, record.type)
            and self.sqlstate in (None, record.sqlstate)
            and self.connection in (None, record.connection)
            and (self.text is None or _contains(record.text, self.text))
        )


def _contains(text: str | None, wanted: str | re.Pattern[str]) -> bool:
    if text is None:
        return False
    if isinstance(wanted, str):
        return wanted.lower() in text.lower()
    return wanted.search(text) is not None


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection at this message.

    ``forward`` says whether the message still arrives. The client's side is always closed, with a
    TCP reset if ``reset``. The server's side is closed too (``"close"``; what it makes of a request
    that had arrived is its own affair, and it may be at it for a while), or left until the server
    has answered what reached it (``"finish"``), or left open and silent until the proxy closes
    (``"hold"``), as when a network swallows the client without a word.
    """

    forward: bool = False
    server: Literal["close", "finish", "hold"] = "close"
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold this message, and with it all that its sender says later, for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer an error in place of what the server answers.

    Acts on a request of the client's: a Query is answered as a whole, however many statements it
    holds; a message of the extended protocol together with the rest of its batch up to Sync. What
    the server says to it is swallowed. ``server`` is what really happens there:

    - ``"forward"``: the request is run, with its real outcome;
    - ``"rollback"``: the request is not run and an open transaction is rolled back;
    - ``"skip"``: the request is not run and nothing else happens.

    ``status`` is the transaction status that the closing ReadyForQuery shows: by default the
    server's own; with ``"rollback"``, ``"E"`` leaves a failed transaction open on the server, so
    that client and server agree about it.

    On a message of the server's, the error takes the place of that message and of the rest of the
    answer. With ``close`` both sides are closed behind the error, as after a FATAL one.
    """

    sqlstate: str
    message: str = "injected by the proxy"
    server: Literal["forward", "rollback", "skip"] = "forward"
    status: Literal["I", "T", "E"] | None = None
    severity: str = "ERROR"
    hint: str | None = None
    close: bool = False

    def error(self) -> Message:
        """The ErrorResponse."""
        return wire.error(self.sqlstate, self.message, severity=self.severity, hint=self.hint)

    def instead(self, request: Message) -> Message:
        """What the server gets in place of a request whose answer will be swallowed.

        A Sync is answered by nothing but ReadyForQuery, which is what skipping takes.
        """
        if self.server == "forward":
            return request
        if self.server == "skip":
            return wire.SYNC
        return wire.query("BEGIN; SELECT 1/0" if self.status == "E" else "ROLLBACK")


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function with the record, then forward the message.

    The function runs in the proxy's thread and holds all traffic meanwhile: the place to kill a
    process at a chosen message.
    """

    function: Callable[[Seen], object]


What = Cut | Delay | Answer | Call


@dataclass(frozen=True, slots=True)
class Fault:
    """At this message, do that; ``times`` is how often, None for ever."""

    when: When
    what: What
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault and how many messages have matched it."""

    fault: Fault
    matched: int = 0


def decide(armed: tuple[Armed, ...], record: Seen) -> tuple[tuple[Armed, ...], Fault | None]:
    """The faults as they are after this message, and the one that acts on it."""
    acting: Fault | None = None
    after: list[Armed] = []
    for one in armed:
        if not one.fault.when.matches(record):
            after.append(one)
            continue
        one = replace(one, matched=one.matched + 1)
        turn = one.matched - one.fault.when.nth + 1
        if turn >= 1 and acting is None:
            acting = one.fault
        if one.fault.times is None or turn < one.fault.times:
            after.append(one)
    return tuple(after), acting
