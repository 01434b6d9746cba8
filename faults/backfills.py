"""Backfills struck at random: ``python -m faults backfills --tries 1000 --server-kills 100``.

Each try is a backfill over a table in which every row counts how often it was changed, worked on by
runners in processes of their own, one of a single worker, or two of two, with a proxy between them
and the server. Meanwhile a foreground inserts rows, updates and deletes them. One misfortune
strikes, sometimes two; whoever has died is replaced, and at the end one runner works off what is
left, as anybody would. Then

* *missed*: a row that was there at the beginning, and is still there, was not changed;
* *doubled*: any row was changed twice;
* *falsely complete*: the backfill was said to be complete, and a row was missed;
* *otherwise wrong*: it did not come to its end, or a range is still held.

A row that the foreground inserts may be changed or not: it is before or behind the cursor.

Each try is drawn from the seed, its engine and its number, so one alone can be repeated. With
``--state FILE`` each is noted there when it has ended: a command that was stopped, or ran out of
its ``--minutes``, goes on with the next one, and its table is of all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

import psycopg

from faults.harness_runner import Colour, Ending, Job, Runners
from faults.harness_servers import Served, engines, killable, served
from faults.proxy import Proxy
from faults.proxy_rules import Answer, Cut, Fault, What, When
from faults.wire import Sender
from manticore_cockroachdb.database import Database

ROWS = 400
TTL = 1.0
FATES: dict[str, What | None] = {
    "kill": None,
    "kill all": None,
    "stopped for longer than its lease": None,
    "cut before a message": Cut(),
    "cut after a message": Cut(forward=True),
    "cut after it; the server goes on": Cut(forward=True, server="finish"),
    "cut after it; the server never hears of it": Cut(forward=True, server="hold"),
    "40001": Answer("40001", "restart transaction: injected", server="rollback"),
    "40003, and it was done": Answer("40003", "injected, and it was done", server="forward"),
    "40003, and it was not": Answer("40003", "injected, and it was not", server="rollback"),
    "57P01, and it was done": Answer("57P01", server="forward", severity="FATAL", close=True),
    "57P01, and it was not": Answer("57P01", server="rollback", severity="FATAL", close=True),
}
SHARES = (30, 12, 4, 10, 10, 10, 5, 6, 8, 8, 6, 6)
SERVER = "the server is killed"
SERVER_TRIES = 1_000_000
"""From this number on a try is on a server that is killed."""
FILES = {
    "1_users.sql": "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0,"
    " ours BOOL NOT NULL DEFAULT false, note TEXT);\n",
    "2_count.sql": "-- @background\n-- @batch rows 5..20, time 20ms\n-- @backfill users\n"
    "UPDATE users SET n = n + 1 WHERE :batch;\n",
}
RESET = (
    "DELETE FROM _migrations_backfill_ranges",
    "DELETE FROM _migrations_backfill_failures",
    "DELETE FROM _migrations_backfills",
    "DELETE FROM _migrations WHERE version = 2",
    "DELETE FROM users",
    f"INSERT INTO users (id) SELECT i * 10 FROM generate_series(1, {ROWS}) AS i",
)


@dataclass
class Foreground:
    """Somebody who uses the table all the while."""

    url: str
    rng: random.Random
    stop: threading.Event = field(default_factory=threading.Event)
    done: int = 0

    def run(self) -> None:
        """Insert, update and delete until told to stop."""
        with (
            suppress(psycopg.OperationalError),  # the server may be killed
            psycopg.connect(self.url, autocommit=True) as connection,
        ):
            while not self.stop.is_set() and not connection.broken:
                key = self.rng.randrange(1, ROWS * 10 + 200)
                text = self.rng.choice(
                    (
                        f"UPDATE users SET note = 'seen' WHERE id = {key // 10 * 10}",
                        f"INSERT INTO users (id, ours) VALUES ({key}, true) ON CONFLICT DO NOTHING",
                        f"DELETE FROM users WHERE id = {key // 10 * 10} AND id % 70 = 0",
                    )
                )
                with suppress(psycopg.Error):
                    connection.execute(text.encode())
                    self.done += 1
                self.stop.wait(0.002)


class Try:
    """One backfill, with what strikes it."""

    def __init__(
        self, server: Served, url: str, directory: str, runners: Runners, rng: random.Random
    ) -> None:
        self.server = server
        self.url = url
        self.directory = directory
        self.runners = runners
        self.rng = rng
        self.kills = 0
        self.outcome: Outcome | None = None

    def run(self, fate: str, workers: int) -> list[str]:
        """Do it; return what was wrong, each with the kind before a colon."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for text in RESET:
                connection.execute(text.encode())
        if (ended := self._migrate()).code != 0:
            return [f"otherwise wrong: it could not be registered: {ended}"]
        foreground = Foreground(self.url, random.Random(self.rng.random()))
        thread = threading.Thread(target=foreground.run, daemon=True)
        thread.start()
        try:
            with self.server.proxy(self.url)[0] as proxy:
                self._strike(proxy, fate, workers)
        finally:
            foreground.stop.set()
            thread.join()
        ended = self.runners.run(self._job(self.url, "sync", 1))
        problems = [] if ended.code == 0 else [f"otherwise wrong: the last runner: {ended}"]
        return problems + list(self._look())

    def _migrate(self) -> Ending:
        return self.runners.run(Job(self.url, self.directory, "sync", "up", 2, TTL))

    def _job(self, url: str, colour: Colour, workers: int) -> Job:
        return Job(url, self.directory, colour, "work", workers, TTL)

    def _strike(self, proxy: Proxy, fate: str, workers: int) -> None:
        processes, each = (1, 1) if workers == 1 else (2, workers // 2)
        if fate == SERVER:
            self._kill_server(processes, each)
            return
        what, url = FATES[fate], proxy.through(self.url)
        if what is not None:
            for _ in range(self.rng.choice((1, 1, 2))):
                sender = self.rng.choice((Sender.CLIENT, Sender.CLIENT, Sender.SERVER))
                kind = "Query" if isinstance(what, Answer) else None
                sender = Sender.CLIENT if kind else sender
                proxy.arm(Fault(When(sender, type=kind, nth=self.rng.randrange(1, 60)), what))
        colours: tuple[Colour, Colour] = ("sync", "async")
        pids = [self.runners.begin(self._job(url, c, each)) for c in colours[:processes]]
        if what is None:
            time.sleep(self.rng.uniform(0.01, 0.5))
            self._signal(fate, pids)
            if fate != "stopped for longer than its lease":
                pids.append(self.runners.begin(self._job(url, "async", each)))
        for pid in pids:
            self.runners.end(pid, limit=60)

    def _kill_server(self, processes: int, each: int) -> None:
        """Kill -9 of the server in the middle, and a new runner once it is back, maybe elsewhere;
        those of before go on by themselves or give up."""
        colours: tuple[Colour, Colour] = ("sync", "async")
        pids = [self.runners.begin(self._job(self.url, c, each)) for c in colours[:processes]]
        time.sleep(self.rng.uniform(0.05, 0.6))
        self.server.kill()
        self.kills += 1
        self.server.start()
        name = str(Database.from_url(self.url).settings.database)
        self.url = Database.from_url(self.server.url).sibling(name).settings.url(secrets=True)
        pids.append(self.runners.begin(self._job(self.url, "async", each)))
        for pid in pids:
            self.runners.end(pid, limit=90)

    def _signal(self, fate: str, pids: Sequence[int]) -> None:
        struck = list(pids) if fate == "kill all" else [self.rng.choice(pids)]
        for pid in struck:
            if not self.runners.lives(pid):
                continue
            if fate.startswith("kill"):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            else:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(1.3 * TTL)
                os.kill(pid, signal.SIGCONT)

    def _look(self) -> Iterator[str]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            ask = "SELECT id, n, ours FROM users WHERE n > 1 OR (n = 0 AND NOT ours)"
            rows = connection.execute(ask.encode()).fetchall()
            state = connection.execute(b"SELECT state, note FROM _migrations_backfills").fetchall()
            held = connection.execute(
                b"SELECT count(*) FROM _migrations_backfill_ranges WHERE owner IS NOT NULL"
            ).fetchone()
        missed = [row[0] for row in rows if row[1] == 0]
        doubled = [row[0] for row in rows if row[1] > 1]
        complete = [row[0] for row in state] == ["complete"]
        if missed:
            yield f"missed: {len(missed)} rows, {missed[:5]}"
        if doubled:
            yield f"doubled: {len(doubled)} rows, {doubled[:5]}"
        if complete and missed:
            yield "falsely complete: rows were missed"
        if not complete:
            yield f"otherwise wrong: the backfill is {state}"
        if held is None or held[0]:
            yield "otherwise wrong: a range is still held"


# --- many of them --------------------------------------------------------------------------------

KINDS = ("missed", "doubled", "falsely complete", "otherwise wrong")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try: how many were killed, and what was wrong."""

    engine: str
    title: str
    number: int
    fate: str
    workers: int
    kills: int = 0
    problems: tuple[str, ...] = ()


@dataclass
class Plan:
    """The tries of one engine, those that have ended left out: who is to be struck how."""

    engine: str
    seed: int
    tries: int
    server_kills: int
    done: frozenset[int] = frozenset()
    only: int | None = None

    def drawn(self, number: int) -> tuple[random.Random, str, int]:
        """One try: the rest of its luck, what strikes, and how many workers it has."""
        rng = random.Random(f"{self.seed} {self.engine} {number}")
        (fate,) = rng.choices(list(FATES), SHARES)
        workers = rng.choice((1, 4))
        return rng, SERVER if number > SERVER_TRIES else fate, workers

    def left(self, *, server: bool) -> list[int]:
        """The numbers of tries on a server that stays, or on one that is killed itself."""
        first, last = 1, self.tries
        if server:
            first, last = SERVER_TRIES + 1, SERVER_TRIES + self.server_kills
        every = range(first, last + 1) if self.only is None else [self.only]
        return [n for n in every if n not in self.done and first <= n <= last]


def one_try(server: Served, url: str, directory: str, runners: Runners, plan: Plan, n: int) -> Try:
    """Make a try of a plan; its outcome is `Try.outcome`."""
    rng, fate, workers = plan.drawn(n)
    one = Try(server, url, directory, runners, rng)
    try:
        problems = one.run(fate, workers)
    except psycopg.Error as error:
        problems = [f"otherwise wrong: the harness could not go on: {error}"]
    one.outcome = Outcome(plan.engine, server.title, n, fate, workers, one.kills, tuple(problems))
    return one


class Session:
    """Tries at once, on one engine after another, noted as they end."""

    def __init__(self, directory: str, state: Path | None, minutes: float, at_once: int) -> None:
        self.directory = directory
        self.state = state
        self.end = time.monotonic() + minutes * 60
        self.at_once = at_once
        self.outcomes: list[Outcome] = []
        self._lock = threading.Lock()
        if state is not None and state.exists():
            lines = state.read_text(encoding="utf-8").splitlines()
            read = [json.loads(line) for line in lines if line]
            self.outcomes = [Outcome(**{**one, "problems": tuple(one["problems"])}) for one in read]

    def done(self, engine: str) -> frozenset[int]:
        """The tries that have ended before."""
        return frozenset(one.number for one in self.outcomes if one.engine == engine)

    def run(self, plan: Plan) -> None:
        """Make the tries that are left, as far as there is time."""
        left = plan.left(server=False)
        if left:
            with served([plan.engine]) as servers:
                self._at_once(plan, left, lambda: _Same(servers[plan.engine]))
        left = plan.left(server=True)
        if left:
            self._at_once(plan, left, lambda: _Killable(plan.engine))

    def _at_once(self, plan: Plan, left: list[int], place: Callable[[], _Place]) -> None:
        waiting = list(reversed(left))

        def work() -> None:
            with place() as server, Runners() as runners:
                url = server.fresh()
                runners.run(Job(url, self.directory, "sync", "up", 2, TTL))
                while time.monotonic() < self.end:
                    with self._lock:
                        if not waiting:
                            break
                        number = waiting.pop()
                    one = one_try(server, url, self.directory, runners, plan, number)
                    url = one.url
                    assert one.outcome is not None
                    self._note(one.outcome)
                server.drop(url)

        threads = [threading.Thread(target=work) for _ in range(min(self.at_once, len(left)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _note(self, one: Outcome) -> None:
        with self._lock:
            self.outcomes.append(one)
            for problem in one.problems:
                print(f"{one.engine} {one.number}, {one.fate}, {one.workers} workers: {problem}")
            sys.stdout.flush()
            if self.state is not None:
                with self.state.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(one)) + "\n")


def table(outcomes: Sequence[Outcome]) -> str:
    """The table of what was tried and what was wrong, as Markdown."""
    head = ("", "tries", "kills", *KINDS)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for engine in dict.fromkeys(one.engine for one in outcomes):
        mine = [one for one in outcomes if one.engine == engine]
        lines.append(_line(f"**{mine[-1].title}**", mine))
        for fate in (*FATES, SERVER):
            if struck := [one for one in mine if one.fate == fate]:
                lines.append(_line(fate, struck))
    return "\n".join(lines)


def _line(what: str, outcomes: Sequence[Outcome]) -> str:
    kinds = Counter(p.partition(":")[0] for one in outcomes for p in one.problems)
    kills = sum(one.kills for one in outcomes)
    numbers = [len(outcomes), kills, *(kinds[kind] for kind in KINDS)]
    return f"| {what} | {' | '.join(f'{number:,}' for number in numbers)} |"


class _Same:
    """A server that stays, shared by all."""

    def __init__(self, server: Served) -> None:
        self.server = server

    def __enter__(self) -> Served:
        return self.server

    def __exit__(self, *_: object) -> None:
        pass


class _Killable:
    """A server of one's own, to be killed."""

    def __init__(self, engine: str) -> None:
        self._made = killable(engine)

    def __enter__(self) -> Served:
        return self._made.__enter__()

    def __exit__(self, *_: object) -> None:
        self._made.__exit__(None, None, None)


_Place: TypeAlias = _Same | _Killable


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code: 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults backfills")
    parser.add_argument("--tries", type=int, default=200, metavar="N", help="on each engine")
    parser.add_argument(
        "--server-kills", type=int, default=0, metavar="N", help="and so many on each engine"
    )
    parser.add_argument("--engine", action="append", metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1440.0, help="stop after so many")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="tries at once")
    parser.add_argument("--state", type=Path, metavar="FILE", help="note each there, and go on")
    parser.add_argument("--only", type=int, metavar="N", help="one of an engine's tries, again")
    options = parser.parse_args(arguments)
    wanted = [one for one in engines(options.engine) if not one.startswith("imitated")]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="manticore-backfills-") as root:
        for name, text in FILES.items():
            (Path(root) / name).write_text(text, encoding="utf-8")
        session = Session(root, options.state, options.minutes, options.at_once)
        for engine in wanted:
            counts = options.tries, options.server_kills, session.done(engine), options.only
            session.run(Plan(engine, options.seed, *counts))
    took = (time.monotonic() - began) / 60
    print(
        f"\n`python -m faults backfills {' '.join(arguments)}`: {len(session.outcomes):,} tries,"
        f" {sum(one.kills for one in session.outcomes):,} kills, seed {options.seed},"
        f" {took:.0f} minutes this time.\n\n{table(session.outcomes)}",
        flush=True,
    )
    return 1 if any(one.problems for one in session.outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
