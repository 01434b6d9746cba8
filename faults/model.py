"""A model of workers on one backfill, explored to the end: every interleaving, every misfortune.

    python -m faults model                      every state of two workers, and of three, bounded
    python -m faults model --without fence      what happens where one safeguard is missing: a story
    python -m faults model --of lease           the same of runs that migrate: see `model_lease`

Random kills strike where runs spend their time. What two or three workers can do to each other in
the gaps is found by looking at all of it: from the first state on, every step that anybody can take
next is taken, and every state that comes of it is looked at once.

What decides is the product's own: `manticore_cockroachdb.backfill.machine`, unchanged. What is
modelled is the server: keys are numbers, a transaction happens at one moment, and the tables are a
handful of values that the statements of `backfill.tables` change as they say. At each step

* a worker's next message happens and is answered;
* it happens and the answer is lost; it does not happen, and that is not heard either; or it is left
  on its way, and happens at any later time, or never;
* a worker dies, and another one begins;
* a lease expires, whether its holder lives or not.

How often each misfortune may strike is bounded; within the bounds nothing is left out. In every
state each row was changed at most once, and exactly those rows that the cursors say; complete is
only what is. From every state a worker that is left alone brings all to its end, and so do the
workers that are there.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

from faults import model_lease
from faults.model_story import story
from manticore_cockroachdb.backfill import machine as m
from manticore_cockroachdb.backfill.keys import Key
from manticore_cockroachdb.migrations.backfill import Batching

Safeguard = Literal["fence", "token", "tables"]
SAFEGUARDS: dict[Safeguard, str] = {
    "fence": "a batch commits whether or not the token is still the range's",
    "token": "after a lost answer the cursor is read, and what is on its way is not fenced off",
    "tables": "a worker that finds nothing to do says complete without asking the tables",
}
LIMIT = 10_000
TIME = Batching().time
"""Each batch takes what it should, so sizes stay as they are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is explored: how many workers, keys and rows a batch; `bad` is a row that cannot be
    changed; how often answers are lost, workers die and leases expire; what is left out."""

    workers: int = 2
    keys: int = 4
    rows: int = 2
    bad: int | None = None
    losses: int = 2
    crashes: int = 1
    expiries: int = 1
    ranges: int = 1
    without: Safeguard | None = None

    def __str__(self) -> str:
        text = (
            f"{self.workers} workers, {self.ranges} range{'s' if self.ranges > 1 else ''} of"
            f" {self.keys} keys, batches of {self.rows}; {self.losses} lost answers,"
            f" {self.crashes} deaths, {self.expiries} expiries"
        )
        return text if self.bad is None else f"{text}; key {self.bad} cannot be changed"


@dataclass(frozen=True, slots=True)
class Range:
    """A row of `_migrations_backfill_ranges`; keys are numbers, `hi` None: to the end."""

    lo: int
    hi: int | None
    cursor: int
    owner: int | None = None
    token: int = 0
    done: bool = False
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of a worker, as the server has it."""

    worker: int
    move: m.Move
    held: m.Held | None


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is. ``late`` are messages that may still happen."""

    counts: tuple[int, ...]
    ranges: tuple[Range, ...]
    workers: tuple[m.Worker | None, ...]
    wish: m.Wish = m.Wish.RUNNING
    idle: int = 0
    failed: tuple[int, ...] = ()
    late: frozenset[Sent] = frozenset()
    losses: int = 0
    crashes: int = 0
    expiries: int = 0


class Wrong(Exception):
    """A property that does not hold."""


# --- the server ----------------------------------------------------------------------------------


def _key(number: int) -> Key | None:
    return (str(number),) if number else None


def _number(key: Key | None) -> int:
    return int(key[0]) if key else 0


class Server:
    """What messages do, as functions from world to world."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def first(self) -> World:
        """The world before anybody has done anything."""
        s = self.setting
        cuts = [s.keys * i // s.ranges for i in range(1, s.ranges)]
        pairs = zip([0, *cuts], [*cuts, None], strict=True)
        worker = m.start(Batching(smallest=1, largest=s.rows))
        return World(
            (0,) * s.keys,
            tuple(Range(lo, hi, lo) for lo, hi in pairs),
            (worker,) * s.workers,
            losses=s.losses,
            crashes=s.crashes,
            expiries=s.expiries,
        )

    def do(self, world: World, sent: Sent) -> tuple[World, m.Answer]:
        """One message happens; the world after it and the answer."""
        held = sent.held
        match sent.move:
            case m.Take():
                return self._take(world, sent.worker)
            case m.Reclaim():
                return self._reclaim(world, sent.worker, held)
            case m.Look(rows=rows):
                ahead = self._ahead(_number(held.cursor if held else None), held, rows)
                return world, m.Found(ahead, self._told(world))
            case m.Batch():
                return self._batch(world, sent.move, held, sent.worker)
            case m.Divide():
                return self._divide(world, held)
            case m.Release():
                free = [
                    replace(r, owner=None, expired=False)
                    if r.owner == sent.worker and not r.done
                    else r
                    for r in world.ranges
                ]
                return replace(world, ranges=tuple(free)), m.Rested(self._told(world))
            case m.Wait(ask=ask):
                world = replace(world, idle=min(world.idle + ask, 1))
                return world, m.Rested(self._told(world))
            case m.Complete():
                left = sum(not r.done for r in world.ranges)
                if self.setting.without == "tables" or (
                    not left and not world.failed and world.wish is m.Wish.RUNNING
                ):
                    world, left = replace(world, wish=m.Wish.COMPLETE), 0
                return world, m.Settled(world.wish, left, len(world.failed))
            case _:
                raise AssertionError(sent.move)

    def _told(self, world: World) -> m.Told:
        return m.Told(world.wish, world.idle)

    def _ahead(self, cursor: int, held: m.Held | None, rows: int) -> m.Ahead:
        end = self.setting.keys if held is None or held.hi is None else _number(held.hi)
        last = min(cursor + rows, end)
        return m.Ahead(None, 0) if last <= cursor else m.Ahead(_key(last), last - cursor)

    def _held(self, world: World, number: int) -> m.Held:
        r = world.ranges[number]
        return m.Held(number, r.token, _key(r.cursor), None if r.hi is None else _key(r.hi), 0)

    def _take(self, world: World, worker: int) -> tuple[World, m.Answer]:
        for number, r in enumerate(world.ranges):
            if not r.done and (r.owner in (None, worker) or r.expired):
                taken = replace(r, owner=worker, token=r.token + 1, expired=False)
                world = _with(world, number, taken)
                return world, m.Taken(self._held(world, number), 1)
        return world, m.Taken(None, sum(not r.done for r in world.ranges))

    def _reclaim(self, world: World, worker: int, held: m.Held | None) -> tuple[World, m.Answer]:
        assert held is not None
        r = world.ranges[held.id]
        if r.done or r.owner != worker or r.token < held.token:
            return world, m.Taken(None)
        world = _with(world, held.id, replace(r, token=r.token + 1, expired=False))
        return world, m.Taken(self._held(world, held.id))

    def _batch(
        self, world: World, move: m.Batch, held: m.Held | None, worker: int
    ) -> tuple[World, m.Answer]:
        assert held is not None
        r, s = world.ranges[held.id], self.setting
        ours = not r.done and r.token == held.token and r.cursor == _number(held.cursor)
        if s.without == "token":
            ours = not r.done and r.owner == worker
        if not ours and s.without != "fence":
            return world, m.Stumbled(m.Trouble.ROW)
        begin = _number(held.cursor)
        end = _number(move.upto) if move.upto else (_number(held.hi) if held.hi else s.keys)
        rows = range(begin + 1, end + 1)
        if move.skip:
            world = replace(world, failed=(*world.failed, end))
        elif s.bad in rows:
            return world, m.Stumbled(m.Trouble.ROW)
        else:
            counts = tuple(n + (i in rows) for i, n in enumerate(world.counts, 1))
            world = replace(world, counts=counts)
        after = replace(r, cursor=end, expired=False)
        if move.upto is None:
            after = replace(after, done=True, owner=None)
        world = _with(world, held.id, after)
        if move.upto is None:
            left = sum(not r.done for r in world.ranges)
            return world, m.Committed(None, TIME, self._told(world), left)
        ahead = self._ahead(end, held, move.then)
        return world, m.Committed(ahead, TIME, self._told(world))

    def _divide(self, world: World, held: m.Held | None) -> tuple[World, m.Answer]:
        assert held is not None
        r = world.ranges[held.id]
        if r.done or r.token != held.token:
            return world, m.Stumbled(m.Trouble.ROW)
        # Behind the next batch, as the shell looks for it.
        begin = min(_number(held.cursor) + self.setting.rows, self.setting.keys)
        end = self.setting.keys if r.hi is None else r.hi
        middle = (begin + end) // 2
        if not begin < middle < end:
            return world, m.Divided(None)
        world = _with(world, held.id, replace(r, hi=middle))
        given = Range(middle, r.hi, middle)
        world = replace(world, ranges=(*world.ranges, given), idle=max(world.idle - 1, 0))
        return world, m.Divided(_key(middle))


def _with(world: World, number: int, r: Range) -> World:
    ranges = list(world.ranges)
    ranges[number] = r
    return replace(world, ranges=tuple(ranges))


# --- steps ---------------------------------------------------------------------------------------

WRITES = (m.Take, m.Reclaim, m.Batch, m.Divide, m.Release, m.Complete)


class Explorer:
    """Every state that a setting has, each looked at once."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.server = Server(setting)
        self.came: dict[World, tuple[World, str] | None] = {}
        self._ends_well: set[World] = set()
        self.steps = 0

    def explore(self) -> None:
        """Look at everything. Raises `Wrong`, with the story of how it came to it."""
        first = self.server.first()
        self.came[first] = None
        waiting = deque([first])
        while waiting:
            world = waiting.popleft()
            try:
                self.check(world)
                if self.setting.without is None:  # otherwise the story itself is wanted
                    self.ends(world)
            except Wrong as wrong:
                raise Wrong(self.story(world, str(wrong))) from None
            for said, after in self.next(world):
                self.steps += 1
                if after not in self.came:
                    self.came[after] = (world, said)
                    waiting.append(after)

    def next(self, world: World) -> Iterator[tuple[str, World]]:
        """Every step that can be taken, in words, and the world after it."""
        for number, worker in enumerate(world.workers):
            if worker is None or isinstance(move := m.decide(worker), m.Stop):
                continue
            sent = Sent(number, move, worker.held)
            told = f"worker {number + 1}: {describe(move, worker.held)}"
            after, answer = self.server.do(world, sent)
            yield f"{told}: {reply(answer)}", _heard(after, number, m.heard(worker, move, answer))
            if world.losses:
                lost = m.heard(worker, move, m.Stumbled(m.Trouble.LOST))
                less = replace(world, losses=world.losses - 1)
                yield f"{told}; it never arrives, and no answer comes", _heard(less, number, lost)
                if isinstance(move, WRITES):
                    done = replace(after, losses=world.losses - 1)
                    yield f"{told}: it is done, the answer is lost", _heard(done, number, lost)
                    late = replace(less, late=less.late | {sent})
                    yield (
                        f"{told}; no answer comes, it is still on its way",
                        _heard(late, number, lost),
                    )
            if world.crashes:
                dead = replace(world, crashes=world.crashes - 1)
                yield f"worker {number + 1} dies", _heard(dead, number, None)
                if isinstance(move, WRITES):
                    late = replace(dead, late=dead.late | {sent})
                    yield (
                        f"{told}, and dies; the message is still on its way",
                        _heard(late, number, None),
                    )
        for sent in world.late:
            rest = replace(world, late=world.late - {sent})
            after, answer = self.server.do(rest, sent)
            told = f"the late message of worker {sent.worker + 1} arrives"
            yield f"{told} ({describe(sent.move, sent.held)}): {reply(answer)}", after
        if world.expiries:
            less = replace(world, expiries=world.expiries - 1)
            for number, r in enumerate(world.ranges):
                if r.owner is not None and not r.expired and not r.done:
                    said = f"the lease of worker {r.owner + 1} on range {number + 1} expires"
                    yield said, _with(less, number, replace(r, expired=True))

    # --- properties ------------------------------------------------------------------------

    def check(self, world: World) -> None:
        """Nothing doubled, nothing falsely recorded. Raises `Wrong`."""
        recorded = [False] * self.setting.keys
        for r in world.ranges:
            end = r.cursor if not r.done else (self.setting.keys if r.hi is None else r.hi)
            for i in range(r.lo, end):
                recorded[i] = True
        for i, (count, done) in enumerate(zip(world.counts, recorded, strict=True), 1):
            if count > 1:
                raise Wrong(f"row {i} was changed {count} times")
            if i in world.failed:
                if count or world.failed.count(i) > 1 or i != self.setting.bad:
                    raise Wrong(f"row {i} is noted as one that cannot be changed")
            elif count != done:
                said = "is recorded as done and was not" if done else "was done and is not recorded"
                raise Wrong(f"row {i} {said}")
        if world.wish is m.Wish.COMPLETE and not all(world.counts):
            raise Wrong("the backfill is said to be complete, and it is not")

    def ends(self, world: World) -> None:
        """An undisturbed run from here ends well: of the workers there are, and of a new one
        alone, once every lease has expired. Raises `Wrong`."""
        quiet = replace(world, late=frozenset(), losses=0, crashes=0, expiries=0)
        self._run(replace(quiet, ranges=self._expired(world, but=world.workers)))
        expired = self._expired(world, but=())
        fresh = m.start(Batching(smallest=1, largest=self.setting.rows))
        nobody: tuple[m.Worker | None, ...] = (None,) * len(world.workers)
        self._run(replace(quiet, ranges=expired, workers=(*nobody, fresh), idle=0))

    def _expired(self, world: World, *, but: Sequence[m.Worker | None]) -> tuple[Range, ...]:
        """The ranges once the leases of all who are gone have expired."""
        lives = {number for number, worker in enumerate(but) if worker is not None}
        return tuple(
            replace(r, expired=True) if r.owner is not None and r.owner not in lives else r
            for r in world.ranges
        )

    def _run(self, world: World) -> None:
        seen: list[World] = []
        for _ in range(LIMIT):
            if world in self._ends_well:
                break
            seen.append(world)
            before = world
            for number, worker in enumerate(world.workers):
                if worker is None or isinstance(move := m.decide(worker), m.Stop):
                    continue
                sent = Sent(number, move, worker.held)
                world, answer = self.server.do(world, sent)
                world = _heard(world, number, m.heard(worker, move, answer))
                self.check(world)
            if world == before:
                self._finished(world)
                break
        else:
            raise Wrong("an undisturbed run from here never ends")
        self._ends_well.update(seen)

    def _finished(self, world: World) -> None:
        if not any(world.workers):
            return
        if any(w is not None and w.end == m.GAVE_UP for w in world.workers):
            raise Wrong("a worker gives up, although nothing is wrong")
        expected = m.Wish.RUNNING if world.failed else m.Wish.COMPLETE
        whole = all(n == (i not in world.failed) for i, n in enumerate(world.counts, 1))
        if world.wish is not expected or not whole:
            raise Wrong("an undisturbed run from here does not end with every row done")

    # --- words -----------------------------------------------------------------------------

    def story(self, world: World, wrong: str) -> str:
        """How it came to a state, step by step."""
        return story(self.came, world, wrong)


def _heard(world: World, number: int, worker: m.Worker | None) -> World:
    workers = list(world.workers)
    workers[number] = worker
    return replace(world, workers=tuple(workers))


def describe(move: m.Move, held: m.Held | None) -> str:
    """A move in words."""
    of = "" if held is None else f"range {held.id + 1}, token {held.token}"
    match move:
        case m.Take():
            return "takes a range"
        case m.Reclaim():
            return f"raises the token of {of}, and reads the cursor"
        case m.Look():
            return f"looks for the next key of {of}"
        case m.Batch(upto=upto, skip=skip):
            begin = _number(held.cursor if held else None) + 1
            rows = f"rows {begin} to {upto[0]}" if upto else f"whatever is left from row {begin} on"
            return f"{'passes over' if skip else 'changes'} {rows} under {of}"
        case m.Divide():
            return f"gives away half of {of}"
        case m.Release():
            return "lets go of what it holds"
        case m.Complete():
            return "says that all is done"
        case m.Wait():
            return "has nothing to do"
        case _:
            return "stops"


def reply(answer: m.Answer) -> str:
    """An answer in words."""
    match answer:
        case m.Taken(held=None, open=left):
            return f"nothing is free, {left} not done"
        case m.Taken(held=held):
            assert held is not None
            done = f"done up to row {held.cursor[0]}" if held.cursor else "nothing of it done"
            return f"range {held.id + 1}, token {held.token}, {done}"
        case m.Found(ahead=ahead):
            return f"row {ahead.upto[0]}" if ahead.upto else "none"
        case m.Committed():
            return "committed"
        case m.Divided(hi=hi):
            return "not worth while" if hi is None else f"it ends at row {hi[0]} now"
        case m.Settled(wish=wish, open=left):
            return f"{wish.value}, {left} ranges not done"
        case m.Stumbled():
            return "refused"
        case _:
            return "so be it"


# --- the command ---------------------------------------------------------------------------------

SETTINGS = (
    Setting(workers=2, keys=3, rows=2, losses=1, crashes=1, expiries=1),
    Setting(workers=2, keys=2, rows=1, losses=1, crashes=1, expiries=0, ranges=2),
    Setting(workers=2, keys=2, rows=2, losses=1, crashes=1, expiries=0, bad=1),
    Setting(workers=3, keys=2, rows=2, losses=1, crashes=0, expiries=1),
    Setting(workers=2, keys=3, rows=2, losses=2, crashes=0, expiries=1),
)
"""What the command explores; each bound is as large as some minutes allow."""

SMALL = (
    Setting(workers=2, keys=2, rows=1, losses=1, crashes=0, expiries=1),
    Setting(workers=2, keys=2, rows=2, losses=1, crashes=1, expiries=0),
    Setting(workers=1, keys=2, rows=2, losses=2, crashes=0, expiries=0, bad=1),
)
"""What the tests explore."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code: 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m faults model", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--of", choices=["backfill", "lease"], default="backfill")
    parser.add_argument("--without", metavar="SAFEGUARD", help="leave a safeguard out")
    parser.add_argument("--small", action="store_true", help="only what the tests explore")
    options = parser.parse_args(arguments)
    states = steps = 0
    began = monotonic()
    lease = options.of == "lease"
    every = [*model_lease.SAFEGUARDS.items()] if lease else [*SAFEGUARDS.items()]
    safeguards = {str(name): text for name, text in every}
    if options.without:
        if options.without not in safeguards:
            parser.error(f"its safeguards are {', '.join(safeguards)}")
        print(f"Without this safeguard: {safeguards[options.without]}.")
    settings: Sequence[Setting | model_lease.Setting] = SMALL if options.small else SETTINGS
    if lease:
        settings = model_lease.SMALL if options.small else model_lease.SETTINGS
    for setting in settings:
        explorer: Explorer | model_lease.Explorer
        if isinstance(setting, Setting):
            explorer = Explorer(replace(setting, without=options.without))
        else:
            explorer = model_lease.Explorer(replace(setting, without=options.without))
        print(f"{setting}:", end=" ", flush=True)
        try:
            explorer.explore()
        except (Wrong, model_lease.Wrong) as wrong:
            print(f"after {len(explorer.came):,} states this:\n{wrong}")
            return 1
        print(f"{len(explorer.came):,} states, {explorer.steps:,} steps", flush=True)
        states, steps = states + len(explorer.came), steps + explorer.steps
    print(f"All of {states:,} states and {steps:,} steps are well, in {monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
