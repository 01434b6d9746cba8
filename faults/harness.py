"""What the harness tries: kinds of fault, and the faults of one run as values with names.

    postgresql:async:up:5:cut-after:client:12

is one `Try`: on PostgreSQL, in the asynchronous half, while migration 5 is applied, the connection
is cut after the twelfth message of the client. ``python -m faults --only NAME`` does it again.

Theory of operation. A *leg* applies or rolls back one of the twenty migrations in a process of its
own, from its first connection to its last message; the twenty-first leg does so with seven short
ones, which share messages. A *try* is a leg with one fault in it, then the
leg once more without, as a person would run it again; what is then in the database is compared
with what an undisturbed leg left there. The next try begins where this one ended, in the other
direction: a *walk* goes up and down over each leg until every try has been made.

How many messages a leg has is counted first, in each direction, so that every message of either
side can be hit. A fault whose message never came, because the leg took a shorter way, is no try.

The parts: `harness_migrations` what is run, `harness_runner` its processes, `harness_servers` the
servers, `harness_state` what is in a database, `harness_truth` whether what an error says is so,
`harness_walk` the tries, `harness_strike` what happens at a try's moment, `harness_session` a whole
run, `harness_race` many runners at once, `harness_table` the table.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from faults.harness_runner import Colour, Direction
from faults.proxy_rules import Answer, Call, Cut, Delay, Fault, Seen, What, When
from faults.wire import Sender

Point = Literal["client", "server", "query", "commit", "moment", "step"]
"""What the number of a try counts: messages of a side, Query messages, those that end in COMMIT,
thousandths of the time
that the leg takes undisturbed, steps that run alone."""


TTL = 1.0
"""How long a lease lives without a heartbeat, in seconds: as long as whoever comes after waits."""
COMMIT = re.compile(r";\s*COMMIT\s*$")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: ``points`` are where it may strike, ``share`` how often it is drawn.

    ``sweep``: it is also made at every message. ``imitated``: only where a newer CockroachDB is.
    """

    name: str
    title: str
    points: tuple[Point, ...]
    share: int = 10
    sweep: bool = False
    imitated: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("cut-before", "connection cut before a message", ("client", "server"), 20, True),
        Kind("cut-after", "connection cut after a message", ("client", "server"), 20, True),
        Kind("cut-finish", "cut after it; the server goes on to the end", ("client",), 10, True),
        Kind("cut-hold", "cut after it; the server never hears of it", ("client",), 10, True),
        Kind("kill", "kill -9 of the runner at a message", ("client", "server"), 90),
        Kind("kill-random", "kill -9 of the runner at a random moment", ("moment",), 50),
        Kind("sigint", "SIGINT to the runner at a message", ("client",), 6),
        Kind("sigterm", "SIGTERM to the command at a message", ("client",), 6),
        Kind("zombie", "runner stopped for longer than its lease", ("client",), 4),
        Kind("40001", "40001 in place of an answer", ("query",), 12),
        Kind("40003-done", "40003, although it was done", ("query",), 12),
        Kind("40003-not", "40003, and it was not done", ("query",), 12),
        Kind("57P01-done", "57P01 and the end of the session, it was done", ("query",), 10),
        Kind("57P01-not", "57P01 and the end of the session, it was not", ("query",), 10),
        Kind("delay", "an answer that takes 1.5 times the lease", ("server",), 3),
        Kind("53100", "disk full (53100)", ("query",), 4),
        Kind("25006", "read-only (25006)", ("query",), 4),
        Kind("42501", "permission denied (42501)", ("query",), 4),
        Kind("28P01", "wrong password (28P01)", ("server",), 1),
        Kind("XXA00", "XXA00 at COMMIT", ("commit",), 12, imitated=True),
        Kind("job-failed", "a schema change job fails", ("step",), 20, imitated=True),
        Kind("job-paused", "a schema change job is paused", ("step",), 12, imitated=True),
        Kind("server-kill", "kill -9 of the server at a message", ("client", "server"), 0),
        Kind("server-kill-random", "kill -9 of the server at a random moment", ("moment",), 0),
    )
}


@dataclass(frozen=True, slots=True)
class Try:
    """One fault in one leg; ``str`` is its name, `parse` the way back."""

    engine: str
    colour: Colour
    direction: Direction
    version: int
    kind: str
    point: Point
    number: int

    def __str__(self) -> str:
        return (
            f"{self.engine}:{self.colour}:{self.direction}:{self.version}"
            f":{self.kind}:{self.point}:{self.number}"
        )


def parse(name: str) -> Try:
    """The try of that name. Raises ValueError."""
    engine, colour, direction, version, kind, point, number = name.split(":")
    if colour not in ("sync", "async") or direction not in ("up", "down") or kind not in KINDS:
        raise ValueError(f"{name!r} names no try")
    if point not in KINDS[kind].points:
        raise ValueError(f"{kind} does not strike at a {point}")
    return Try(engine, colour, direction, int(version), kind, point, int(number))  # type: ignore[arg-type]


# --- which tries there are ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leg:
    """One way over one migration, or the short ones together, as counted undisturbed."""

    engine: str
    colour: Colour
    direction: Direction
    version: int
    counts: dict[Point, int]
    own: dict[Point, range]
    """The messages of either side between taking the lease and giving it back."""


def tries(leg: Leg, kind: Kind) -> Iterator[Try]:
    """Every try of one kind in a leg."""
    for point in kind.points:
        for number in range(1, leg.counts.get(point, 0) + 1):
            yield Try(leg.engine, leg.colour, leg.direction, leg.version, kind.name, point, number)


def sweep(leg: Leg, kinds: Sequence[Kind], *, thorough: bool) -> list[Try]:
    """Cuts at every message of a run over the twenty migrations.

    What comes before the first statement and after the last is the same in every leg, so it is
    cut in those of the first migration. Each client's message is cut before, and after with every
    fate of the server's side; each server's message before in one colour, after in the other.
    Where not ``thorough``, only applying is swept, with one of the fates after each client's
    message, in turn; and a server's message is only cut before, since after one is before the next.
    """
    turn = 0 if leg.colour == "sync" else 1
    chosen = [
        one
        for kind in kinds
        if kind.sweep
        for one in tries(leg, kind)
        if leg.version == 1 or one.number in leg.own[one.point]
    ]
    if thorough:
        place = ("cut-before", "cut-after")[turn]
        return [one for one in chosen if one.point == "client" or one.kind == place]
    if leg.direction == "down":
        return []
    fates = ("cut-after", "cut-finish", "cut-hold")
    return [
        one
        for one in chosen
        if one.kind == "cut-before"
        or (one.point == "client" and one.kind == fates[(one.number + turn) % 3])
    ]


def draw(leg: Leg, kinds: Sequence[Kind], count: int, rng: random.Random) -> list[Try]:
    """So many tries of a leg, each kind with its share, no try twice."""
    waiting = {kind: list(tries(leg, kind)) for kind in kinds if kind.share}
    for every in waiting.values():
        rng.shuffle(every)
    drawn: list[Try] = []
    while len(drawn) < count and (possible := [k for k, every in waiting.items() if every]):
        (kind,) = rng.choices(possible, [k.share for k in possible])
        drawn.append(waiting[kind].pop())
    return drawn


# --- what is done to a message ------------------------------------------------------------------


def when(one: Try) -> When:
    """The message of a try."""
    if one.point == "query":
        return When(Sender.CLIENT, type="Query", nth=one.number)
    if one.point == "commit":
        return When(Sender.CLIENT, type="Query", text=COMMIT, nth=one.number)
    if one.kind == "28P01":
        return When(Sender.SERVER, type="Authentication", nth=one.number)
    return When(Sender.CLIENT if one.point == "client" else Sender.SERVER, nth=one.number)


def fault(one: Try, hook: Callable[[Seen], object]) -> Fault | None:
    """What the proxy does; ``hook`` is called where something happens to a process instead."""
    if one.point in ("moment", "step"):
        return None
    what: What
    match one.kind:
        case "cut-before":
            what = Cut()
        case "cut-after":
            what = Cut(forward=True)
        case "cut-finish":
            what = Cut(forward=True, server="finish")
        case "cut-hold":
            what = Cut(forward=True, server="hold")
        case "40001":
            what = Answer("40001", "restart transaction: injected", server="rollback")
        case "40003-done" | "XXA00":
            what = Answer(one.kind[:5], "injected, and it was done", server="forward")
        case "40003-not":
            what = Answer("40003", "result is ambiguous: injected", server="rollback")
        case "57P01-done":
            what = Answer("57P01", server="forward", severity="FATAL", close=True)
        case "57P01-not":
            what = Answer("57P01", server="rollback", severity="FATAL", close=True)
        case "28P01":
            what = Answer("28P01", "password authentication failed", severity="FATAL", close=True)
        case "53100" | "25006" | "42501":
            what = Answer(one.kind, server="rollback")
        case "delay":
            what = Delay(1.5 * TTL)
        case _:
            what = Call(hook)
    return Fault(when(one), what)
