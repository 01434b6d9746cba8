"""Walks: up and down over each migration, with one fault in each leg, until every try is made.

A walk's ``version`` is its leg's number: the migration's own, or one of those after the twenty,
where one run applies several (`harness_migrations.last_of`).

`Walk.attempt` is the whole of a try; see `faults.harness` for the idea. After a try that went
wrong, or that needs a person, the database is thrown away and built anew.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from faults import harness_migrations as migrations
from faults.harness import COMMIT, KINDS, TTL, Leg, Point, Try, draw, fault, sweep
from faults.harness_runner import Colour, Direction, Ending, Job, Runners
from faults.harness_servers import Served
from faults.harness_state import Reader, State
from faults.harness_strike import Strike
from faults.harness_truth import untruths
from faults.imitate import Imitation
from faults.proxy import Proxy, Seen
from faults.wire import Sender
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.dialect import capabilities
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import plan_script
from manticore_cockroachdb.migrations.script import MigrationPlan, script_of

_VERSION = re.compile(r"\bmigration (\d+)", re.IGNORECASE)
DOWN: dict[Direction, Direction] = {"up": "down", "down": "up"}


ENTRIES = 3


class Disturbed(Exception):
    """A run without a fault of ours did not end well."""


class Gone(Exception):
    """A server that was killed came back, and then ended by itself: nothing to judge us by."""


@dataclass(slots=True)
class Result:
    """What became of one try. Every list but ``person`` must be empty."""

    one: Try
    mode: str
    struck: bool = True
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    person: list[str] = field(default_factory=list)
    first: Ending | None = None
    again: Ending | None = None
    seen: Seen | None = None
    seconds: float = 0.0
    pids: list[int] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.lost or self.doubled or self.false or self.other)

    def holds(self, owner: str | None) -> bool:
        """Whether a run of this try, not one that was killed earlier, is the lease's owner."""
        return owner is not None and int(owner.split(":")[-2]) in self.pids

    def told(self) -> str:
        """All of it, for a person who has to find out why."""
        lines = [f"{self.one} ({self.mode}, {self.seconds:.1f} s)"]
        if self.seen is not None:
            text = " ".join((self.seen.text or "").split())
            lines.append(f"  at {self.seen.sender} {self.seen.type} {text[:160]}")
        lines += [f"  first: {self.first}", f"  again: {self.again}"]
        for name in ("lost", "doubled", "false", "other", "person"):
            lines += [f"  {name}: {line}" for line in getattr(self, name)[:6]]
        lines.append(f"  replay: python -m faults --only {self.one}")
        return "\n".join(lines)


Listener = Callable[[Result], None]


class Directories:
    """The migrations of the first n legs, for every n, written once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for count in range(1, migrations.LEGS + 1):
            (root / str(count)).mkdir()
            migrations.write(root / str(count), count)

    def of(self, count: int) -> str:
        """The directory of the first ``count`` legs."""
        return str(self._root / str(count))

    def plan(self, version: int, direction: Direction, served: Served) -> MigrationPlan:
        """How a server runs a migration."""
        (path,) = self._root.glob(f"{migrations.LEGS}/{version}_*")
        file = parse_file(path.name, path.read_text(encoding="utf-8"), str(path))
        return plan_script(script_of(file, down=direction == "down"), capabilities(served.server))


class Walk:
    """Tries in one database of one server, in one colour."""

    def __init__(
        self,
        served: Served,
        colour: Colour,
        directories: Directories,
        runners: Runners,
        listener: Listener,
    ) -> None:
        self.served = served
        self.colour: Colour = colour
        self.directories = directories
        self.runners = runners
        self.listener = listener
        self.goals: dict[Direction, State] = {}
        self.plans: dict[Direction, MigrationPlan] = {}
        self.between: dict[tuple[int, ...], State] = {}
        self.url = ""
        self.version = 0

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()

    # --- databases --------------------------------------------------------------------------

    def _enter(self, version: int) -> None:
        """A new database in which this many migrations are applied.

        A server that was just killed may answer with an internal error; then another one is made.
        """
        for attempt in range(ENTRIES):
            self._leave()
            try:
                self._build(version)
                return
            except Disturbed as error:
                if attempt + 1 == ENTRIES or "internal error" not in str(error):
                    raise
                print(f"begun again in a new database: {error}", flush=True)

    def _build(self, version: int) -> None:
        self.url = self.served.fresh()
        self.proxy: Proxy
        self.imitation: Imitation | None
        self.proxy, self.imitation = self.served.proxy(self.url)
        self.proxy.start()
        self.reader = Reader(self.url)
        if version:
            self._must(self._job("up", version, migrations.last_of(version)))

    def _leave(self) -> None:
        if self.url:
            self.reader.close()
            self.proxy.close()
            self.served.drop(self.url)
            self.url = ""

    def moved(self) -> None:
        """The server was started again, perhaps at another address."""
        name = str(Database.from_url(self.url).settings.database)
        self.reader.close()
        self.url = Database.from_url(self.served.url).sibling(name).settings.url(secrets=True)
        self.reader = Reader(self.url)

    def _job(self, direction: Direction, version: int, target: int, colour: str = "") -> Job:
        through = bool(colour) or self.served.imitated is not None
        url = self.proxy.through(self.url) if through else self.url
        chosen: Colour = "cli" if colour == "cli" else self.colour
        directory = self.directories.of(max(version, 1))
        return Job(url, directory, chosen, direction, target, TTL)

    def _leg(self, direction: Direction, colour: str = "") -> Job:
        target = migrations.last_of(self.version - (direction == "down"))
        return self._job(direction, self.version, target, colour)

    def _must(self, job: Job) -> None:
        ending = self.runners.run(job)
        if ending.code != 0:
            raise Disturbed(f"an undisturbed run ended with {ending}")

    # --- over one migration -----------------------------------------------------------------

    def over(
        self,
        version: int,
        *,
        kinds: Sequence[str],
        count: float,
        seed: int,
        every: bool = False,
        thorough: bool = False,
        before: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Every try that is due at one migration; leaves it applied.

        Returns False when ``before``, which is asked before each, has stopped it.
        """
        due: dict[Direction, list[Try]] = {"up": [], "down": []}
        chosen = [KINDS[name] for name in kinds if self.served.imitated or not KINDS[name].imitated]
        if migrations.several(version):
            # A server stops at the COMMIT that it answers so; the proxy's would do all the rest.
            chosen = [kind for kind in chosen if kind.name != "XXA00"]
        for leg in self.legs(version):
            name = f"{seed}:{leg.engine}:{leg.colour}:{leg.version}:{leg.direction}"
            rng = random.Random(name)
            tries = sweep(leg, chosen, thorough=thorough) if every else []
            drawn = draw(leg, chosen, int(count + rng.random()), rng)
            due[leg.direction] = list(dict.fromkeys(tries + drawn))
        direction: Direction = "up"
        while (due["up"] or due["down"]) and before():
            if due[direction]:
                self.attempt(due[direction].pop())
            else:
                self._must(self._leg(direction))
            direction = DOWN[direction]
        if direction == "up":
            self._must(self._leg("up"))
        return not due["up"] and not due["down"]

    def legs(self, version: int) -> list[Leg]:
        """Both legs over a migration, counted undisturbed; ends before it is applied."""
        if not self.url or self.version != version - 1:
            self._enter(version - 1)
        self.version = version
        self.between = self._between() if migrations.several(version) else {}
        found: list[Leg] = []
        directions: tuple[Direction, ...] = ("up", "down")
        for direction in directions:
            self.proxy.reset()
            started = time.monotonic()
            self._must(self._leg(direction, self.colour))
            seconds = time.monotonic() - started
            plan = self.directories.plan(migrations.first_of(version), direction, self.served)
            trace = self.proxy.trace
            queries = [m.text or "" for m in trace if m.type == "Query"]
            counts: dict[Point, int] = {
                "client": self.proxy.messages(Sender.CLIENT),
                "server": self.proxy.messages(Sender.SERVER),
                "query": len(queries),
                "commit": sum(1 for text in queries if COMMIT.search(text)),
                "moment": max(1, int(seconds * 1000)),
                "step": sum(1 for step in plan.steps if not step.atomic),
            }
            self.goals[direction] = self.reader.state()
            self.plans[direction] = plan
            own = _own(trace)
            found.append(Leg(self.served.engine, self.colour, direction, version, counts, own))
        return found

    def _between(self) -> dict[tuple[int, ...], State]:
        """What is in the database after each of the migrations that run together, by history."""
        found = [self.reader.state()]
        first, last = migrations.first_of(self.version), migrations.last_of(self.version)
        for version in range(first, last + 1):
            self._must(self._job("up", self.version, version))
            found.append(self.reader.state())
        self._must(self._leg("down"))
        return {state.history: state for state in found}

    def only(self, one: Try) -> None:
        """One try by itself."""
        self.legs(one.version)
        if one.direction == "down":
            self._must(self._leg("up"))
        self.attempt(one)

    # --- one try ----------------------------------------------------------------------------

    def attempt(self, one: Try) -> None:
        """A leg with a fault in it, and another without; what then is in the database."""
        result = Result(one, str(self.plans[one.direction].mode))
        started = time.monotonic()
        try:
            self._disturbed(one, result)
            if result.struck or result.first is None or result.first.code != 0:
                self._look(one, result)
            self._again(one, result)
        except psycopg.Error as error:
            result.other.append(f"the state could not be read: {error!r}")
        result.seconds = time.monotonic() - started
        if self.served.ended_by_itself():
            raise Gone(str(one))
        self.listener(result)
        if result.bad or result.person:
            version = self.version
            self._enter(version if one.direction == "up" else version - 1)

    def _disturbed(self, one: Try, result: Result) -> None:
        self.proxy.reset()
        strike = Strike(self, one)
        if (made := fault(one, strike.at_message)) is not None:
            self.proxy.arm(made)
        by_command = one.kind == "sigterm" or (one.kind == "sigint" and self.colour == "sync")
        pid = self.runners.begin(self._leg(one.direction, "cli" if by_command else self.colour))
        strike.begun(pid)
        if one.kind == "zombie" and strike.wait(10):
            other = self.runners.run(self._leg(one.direction))
            if other.code != 0:
                result.other.append(f"the run that took over ended with {other}")
            os.kill(pid, signal.SIGCONT)
        result.pids.append(pid)
        result.first = self.runners.end(pid)
        self.proxy.disarm()
        fired = self.proxy.fired
        strike.over(at_message=bool(fired))
        result.struck = strike.struck or bool(fired)
        result.seen = fired[0][1] if fired else None
        if strike.problem:
            result.other.append(strike.problem)
        self._judge_first(one, result)

    def _judge_first(self, one: Try, result: Result) -> None:
        first = result.first
        assert first is not None
        killed = one.kind.startswith("kill") and first.code == -signal.SIGKILL
        if first.code is None:
            result.other.append("the disturbed run never ended")
        elif first.code == 70 or (first.code < 0 and not killed):
            result.other.append(f"the disturbed run ended with {first}")
        elif one.kind in ("sigint", "sigterm") and result.struck:
            wanted = 130 if one.kind == "sigint" else 143
            if first.code not in (0, wanted):
                result.other.append(f"exit code {first.code} after {one.kind}")
            if result.holds(holder := self.reader.holder()):
                result.other.append(f"{holder} still holds the lease")
        elif one.kind == "zombie" and first.error not in (None, "LeaseLost"):
            result.other.append(f"the run that had lost its lease ended with {first}")

    def _look(self, one: Try, result: Result) -> None:
        """What is recorded after the fault has happened, and what is said not to has not."""
        first = result.first
        assert first is not None
        if first.code == 0:
            return  # looked at when all is over
        if migrations.several(self.version):
            result.false += self._not_as_recorded()
            return
        recorded = (self.version in self.reader.history()) == (one.direction == "up")
        start = self.goals[DOWN[one.direction]]
        if recorded:
            wrong = self.reader.state().differences(self.goals[one.direction])
            result.false += [f"recorded, but {line}" for line in wrong]
        elif first.error == "MigrationFailed":
            wrong = self.reader.state().differences(start)
            result.false += [f"said that nothing remains, but {line}" for line in wrong]
        elif first.error == "PartialMigration":
            result.false += self._untruths(one, first)

    def _not_as_recorded(self) -> list[str]:
        state = self.reader.state()
        if state.journal:  # a step may have been done
            return []
        if state.history not in self.between:
            return [f"recorded is {state.history}"]
        return state.differences(self.between[state.history])

    def _untruths(self, one: Try, ending: Ending) -> list[str]:
        plan, start = self.plans[one.direction], self.goals[DOWN[one.direction]]
        if migrations.several(self.version) and (found := _VERSION.search(ending.text)):
            plan = self.directories.plan(int(found[1]), one.direction, self.served)
        goal = self.goals[one.direction]
        return untruths(ending.text, plan, start, goal, self.reader.state())

    def _again(self, one: Try, result: Result) -> None:
        result.pids.append(self.runners.begin(self._leg(one.direction)))
        result.again = again = self.runners.end(result.pids[-1])
        if again.error == "PartialMigration":
            wrong = self._untruths(one, again)
            result.false += wrong
            if not wrong:
                result.person.append(again.text)
            return
        if again.code != 0:
            result.other.append(f"the second run ended with {again}")
            return
        state, goal = self.reader.state(), self.goals[one.direction]
        start = self.goals[DOWN[one.direction]]
        for line in state.differences(goal):
            beyond = line.startswith("counter") and _beyond(line, start, goal)
            (result.doubled if beyond else result.lost).append(line)
        if state.journal:
            result.other.append(f"the journal still says {state.journal}")
        # Whoever was killed, or whose server was, leaves the lease to expire by itself.
        if result.holds(state.holder) and (again.count or "kill" not in one.kind):
            result.other.append(f"{state.holder} still holds the lease")


def _beyond(line: str, start: State, goal: State) -> bool:
    """Whether a counter went past where one application takes it."""
    number, has = int(line.split()[1]), line.split()[3].rstrip(",")
    if has == "None":
        return False
    return int(has) not in (start.counters.get(number), goal.counters.get(number))


def _own(trace: Sequence[Seen]) -> dict[Point, range]:
    """The messages of either side between taking the lease and giving it back."""
    taken = next(i for i, m in enumerate(trace) if "SET previous_owner" in (m.text or ""))
    back = next(i for i, m in enumerate(trace) if "_lease SET owner = NULL" in (m.text or ""))
    found: dict[Point, range] = {}
    points: tuple[Point, ...] = ("client", "server")
    for point in points:
        numbers = [m.number for m in trace[taken + 1 : back] if m.sender == point]
        found[point] = range(min(numbers), max(numbers) + 1)
    return found
