"""Backfills struck at random: ``python -m faults backfills --tries 200``.

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
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from faults.harness_runner import Colour, Ending, Job, Runners
from faults.harness_servers import Served, engines, served
from faults.proxy import Proxy
from faults.proxy_rules import Answer, Cut, Fault, What, When
from faults.wire import Sender

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
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.stop.is_set():
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


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code: 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults backfills")
    parser.add_argument("--tries", type=int, default=200, metavar="N", help="on each engine")
    parser.add_argument("--engine", action="append", metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1440.0, help="stop after so many")
    options = parser.parse_args(arguments)
    wanted = [one for one in engines(options.engine) if not one.startswith("imitated")]
    end = time.monotonic() + options.minutes * 60
    bad = 0
    with tempfile.TemporaryDirectory(prefix="manticore-backfills-") as root:
        for name, text in FILES.items():
            (Path(root) / name).write_text(text, encoding="utf-8")
        with served(wanted) as servers, Runners() as runners:
            for server in servers.values():
                bad += _on(server, root, runners, options, end)
    return 1 if bad else 0


def _on(
    server: Served, directory: str, runners: Runners, options: argparse.Namespace, end: float
) -> int:
    rng = random.Random(options.seed)
    url = server.fresh()
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    problems: list[str] = []
    kills = 0
    try:
        runners.run(Job(url, directory, "sync", "up", 2, TTL))
        for number in range(options.tries):
            if time.monotonic() > end:
                break
            (fate,) = rng.choices(list(FATES), SHARES)
            workers = rng.choice((1, 4))
            one = Try(server, url, directory, runners, rng)
            found = one.run(fate, workers)
            kills += one.kills
            counts[f"{workers} worker{'s' if workers > 1 else ''}"] += 1
            for problem in found:
                kinds[problem.partition(":")[0]] += 1
                problems.append(f"try {number + 1}, {fate}, {workers} workers: {problem}")
                print(problems[-1], flush=True)
    finally:
        server.drop(url)
    told = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS)
    tries = " and ".join(f"{n} with {kind}" for kind, n in sorted(counts.items()))
    print(
        f"{server.title}: {sum(counts.values())} tries ({tries}), {kills} kills,"
        f" seed {options.seed}: {told}.",
        flush=True,
    )
    return len(problems)


KINDS = ("missed", "doubled", "falsely complete", "otherwise wrong")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
