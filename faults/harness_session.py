"""A whole run of the harness: servers, workers that walk, and the table they fill."""

from __future__ import annotations

import queue
import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults import harness_migrations as migrations
from faults.harness import KINDS, Try
from faults.harness_runner import Colour, Runners
from faults.harness_servers import Served, killable, served
from faults.harness_table import Table
from faults.harness_walk import Directories, Gone, Result, Walk

COLOURS: tuple[Colour, ...] = ("sync", "async")
# What a worker walks over at a time. Building a database up to the first migration costs most
# on CockroachDB, whose walks are also the longest.
STRETCH = 2
# A try takes longer on CockroachDB than on PostgreSQL, and a real server says more than an
# imitated one.
FACTORS = {"cockroachdb": 2.0, "postgresql": 3.0}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some migrations that one worker walks over, on one engine in one colour."""

    engine: str
    colour: Colour
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: ``count`` faults in all, and how long it may take."""

    engines: tuple[str, ...]
    kinds: tuple[str, ...]
    count: int
    seed: int
    every: bool = False
    server_kills: int = 0
    versions: tuple[int, ...] = tuple(range(1, migrations.LEGS + 1))
    colours: tuple[Colour, ...] = COLOURS
    workers: int = 6
    seconds: float = 86400.0

    def stretches(self, engine: str) -> list[Stretch]:
        """The work on one engine, in an order that a time limit may cut anywhere."""
        found = [
            Stretch(engine, colour, self.versions[at : at + STRETCH])
            for at in range(0, len(self.versions), STRETCH)
            for colour in self.colours
        ]
        random.Random(f"{self.seed}:{engine}").shuffle(found)
        return found

    def count_each(self, engine: str) -> float:
        """How many faults are drawn for each leg on an engine."""
        total = sum(FACTORS.get(one, 1.0) for one in self.engines)
        share = self.count * FACTORS.get(engine, 1.0) / total
        return share / (2 * len(self.versions) * len(self.colours))


class Session:
    """One run of the harness: servers, workers, and the table they fill."""

    def __init__(self, wanted: Wanted, *, quiet: bool = False) -> None:
        self.wanted = wanted
        self.table = Table()
        self.titles: dict[str, str] = {}
        self.seconds = 0.0
        self.errors: list[BaseException] = []
        self.walked: dict[str, int] = {}
        self.gone: list[str] = []
        self._quiet = quiet
        self._end = 0.0  # from when the servers are there: how long they take says nothing here

    def run(self) -> None:
        """Make every try."""
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="manticore-migrations-") as root:
            directories = Directories(Path(root))
            with served(list(self.wanted.engines)) as servers:
                self.titles = {name: servers[name].title for name in self.wanted.engines}
                self._end = time.monotonic() + self.wanted.seconds
                self._work(servers, directories)
        self.seconds = time.monotonic() - started

    def only(self, one: Try) -> None:
        """Make one try."""
        with tempfile.TemporaryDirectory(prefix="manticore-migrations-") as root, Runners() as run:
            directories = Directories(Path(root))
            if one.kind.startswith("server-kill"):
                with killable(one.engine) as server:
                    self._one(one, server, directories, run)
                return
            with served([one.engine]) as servers:
                self._one(one, servers[one.engine], directories, run)

    def _one(self, one: Try, server: Served, directories: Directories, run: Runners) -> None:
        self.titles = {one.engine: server.title}
        with Walk(server, one.colour, directories, run, self._note) as walk:
            walk.only(one)

    def _note(self, result: Result) -> None:
        self.table.note(result)
        if result.bad or (not self._quiet and result.person):
            print(result.told(), flush=True)

    # --- workers ----------------------------------------------------------------------------

    def _work(self, servers: dict[str, Served], directories: Directories) -> None:
        """Each engine has workers of its own, so that none waits for a slower one."""
        waiting: dict[str, queue.SimpleQueue[Stretch]] = {}
        for engine in servers:
            waiting[engine] = queue.SimpleQueue()
            for stretch in self.wanted.stretches(engine):
                waiting[engine].put(stretch)

        def worker(engine: str) -> None:
            with suppress(queue.Empty):
                while True:
                    stretch = waiting[engine].get_nowait()
                    self._guarded(partial(self._stretch, servers, stretch, directories))

        each = max(1, self.wanted.workers // len(servers))
        work = [partial(worker, engine) for engine in servers for _ in range(each)]
        work += [
            partial(self._kill_servers, engine, directories)
            for engine in servers
            if self.wanted.server_kills and not engine.startswith("imitated")
        ]
        threads = [threading.Thread(target=self._guarded, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _stretch(
        self, servers: dict[str, Served], stretch: Stretch, directories: Directories
    ) -> None:
        """Walk with a runner process of its own and, on CockroachDB, a server of its own: what
        thousands of tries have dropped slows it down, and in the end v20.2 dies of it."""
        with ExitStack() as stack:
            runners = stack.enter_context(Runners())
            if stretch.engine == "cockroachdb":
                servers = stack.enter_context(served([stretch.engine]))
            self._walk(servers[stretch.engine], stretch, directories, runners)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do some of the work; what stops it is told at the end, and the rest goes on."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the report
            traceback.print_exc()
            self.errors.append(error)

    def _walk(
        self, server: Served, stretch: Stretch, directories: Directories, runners: Runners
    ) -> None:
        wanted = self.wanted
        started = time.monotonic()
        with Walk(server, stretch.colour, directories, runners, self._note) as walk:
            for version in stretch.versions:
                if time.monotonic() > self._end:
                    return
                done = walk.over(
                    version,
                    kinds=wanted.kinds,
                    count=wanted.count_each(stretch.engine),
                    seed=wanted.seed,
                    every=wanted.every and not stretch.engine.startswith("imitated"),
                    thorough=stretch.engine == "postgresql",
                    before=self._may_go_on,
                )
                self.walked[stretch.engine] = self.walked.get(stretch.engine, 0) + done
        if not self._quiet:
            seconds, total = time.monotonic() - started, self.table.sum().tries
            span = f"{stretch.versions[0]} to {stretch.versions[-1]}"
            print(
                f"{stretch.engine} {stretch.colour} {span}: {seconds:.0f} s, {total} tries so far",
                flush=True,
            )

    def _may_go_on(self) -> bool:
        return time.monotonic() < self._end

    # --- servers that are killed ------------------------------------------------------------

    def _kill_servers(self, engine: str, directories: Directories) -> None:
        for colour in self.wanted.colours:
            left = -(-self.wanted.server_kills // 4)
            while left > 0:
                with (
                    killable(engine) as server,
                    Runners() as runners,
                    Walk(server, colour, directories, runners, self._note) as walk,
                ):
                    try:
                        left = self._kill_server(walk, left)
                    except Gone as gone:
                        self.gone.append(str(gone))
                        left -= 1

    def _kill_server(self, walk: Walk, turns: int) -> int:
        """So many turns, as far as time allows; returns how many are left, none when time is up."""
        rng = random.Random(f"{self.wanted.seed}:{walk.served.engine}:{walk.colour}:{turns}")
        kinds = [KINDS["server-kill"], KINDS["server-kill-random"]]
        share = (self._end - time.monotonic()) / (2 if walk.colour == self.wanted.colours[0] else 1)
        end = time.monotonic() + share
        for turn in range(turns):
            if time.monotonic() > end:
                break
            version = rng.choice(self.wanted.versions)
            up, down = walk.legs(version)
            for leg in (up, down):
                kind = kinds[(turn + (leg is up)) % 2]
                point = rng.choice(kind.points)
                number = rng.randint(1, leg.counts[point])
                one = Try(leg.engine, leg.colour, leg.direction, version, kind.name, point, number)
                walk.attempt(one)
        return 0
