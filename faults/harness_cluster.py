"""``python -m faults cluster``: runs over a real cluster of three nodes while nodes go away.

Each try migrates a new database by the command, as a user would, with every node in the URL; and
while it runs, one thing happens to the nodes (`STRIKES`). The command has to end by itself with
exit code 0, whatever happened, since a majority lives; then history, counters and catalog are
compared with what the migrations make. Every data change adds 1 to a counter of its own, so that
one that was lost or made twice is seen. In a part of the tries the command is one backfill, which
adds 1 to every row of a table, batch by batch, for about a minute.

``--together N`` runs so many commands at once, each in a database of its own and begun a bit later
than the one before: one node's end meets all of them, each somewhere else. Most of a try is waiting
for the cluster, so three at once are nearly three times as many.

``--log FILE`` keeps a line of JSON for each try, and a command that is given the same file goes on
behind the last one: what happens in a try hangs on its number and the seed alone. The table is of
all tries in it, and is printed whatever ends the command.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

import psycopg

from manticore_cockroachdb import ConnectionFailed, Database
from manticore_cockroachdb.local import cluster

COUNT = 40
ROWS = 20_000
"""Rows of a backfill."""
LONGEST = 480.0
"""Seconds that a command may take before it is said to hang. A schema change cannot go on before
the dead node's lease of the table's descriptor has run out, about 5 minutes after it was taken
(https://www.cockroachlabs.com/docs/stable/online-schema-changes), whoever works on it."""


def _kill_gateway(nodes: Nodes, gateway: int) -> None:
    nodes.signal(gateway, "KILL")


def _kill_other(nodes: Nodes, gateway: int) -> None:
    nodes.signal(nodes.after(gateway), "KILL")


def _drain(nodes: Nodes, gateway: int) -> None:
    nodes.signal(gateway, "TERM")


def _stop(nodes: Nodes, gateway: int) -> None:
    nodes.signal(gateway, "STOP")
    nodes.over.wait(25)
    nodes.signal(gateway, "CONT")


def _two(nodes: Nodes, gateway: int) -> None:
    for one in (gateway, nodes.after(gateway)):
        nodes.signal(one, "KILL")
        nodes.over.wait(2)
        nodes.start()
        nodes.over.wait(6)


def _rolling(nodes: Nodes, gateway: int) -> None:
    for number in (gateway, nodes.after(gateway), nodes.after(nodes.after(gateway))):
        nodes.signal(number, "TERM")
        nodes.gone(number)
        nodes.start()
        nodes.over.wait(3)


Strike: TypeAlias = "Callable[[Nodes, int], None]"

STRIKES: dict[str, tuple[str, Strike]] = {
    "kill -9 of the gateway": ("migrations", _kill_gateway),
    "kill -9 of another node": ("migrations", _kill_other),
    "drain of the gateway (SIGTERM)": ("migrations", _drain),
    "gateway stopped for 25 s (SIGSTOP)": ("migrations", _stop),
    "two killed and started again, one after the other": ("migrations", _two),
    "rolling restart": ("migrations", _rolling),
    "backfill: kill -9 of the gateway": ("backfill", _kill_gateway),
    "backfill: rolling restart": ("backfill", _rolling),
}
"""What is run, and what happens to the nodes meanwhile."""


@dataclass
class Nodes:
    """The cluster, and whether the run that is struck has ended."""

    home: Path
    over: threading.Event = field(default_factory=threading.Event)

    def after(self, number: int) -> int:
        """The node after another, in a ring."""
        return number % len(cluster.status(self.home).nodes) + 1

    def signal(self, number: int, name: str) -> None:
        """Send a signal to a node, if it runs."""
        if cluster.status(self.home).nodes[number - 1].pid is not None:
            cluster.kill(number, self.home, signal=name)

    def gone(self, number: int) -> None:
        """Wait until a drained node has ended; v20.2 can take its minute over it."""
        end = time.monotonic() + 20
        while cluster.status(self.home).nodes[number - 1].pid is not None:
            if time.monotonic() > end:
                self.signal(number, "KILL")
            time.sleep(0.1)

    def start(self) -> None:
        """Start what does not run."""
        cluster.start(self.home)


def write(directory: Path) -> None:
    """Forty migrations: new tables, data, and schema changes that run step by step."""
    for i in range(1, COUNT + 1):
        table, kind = f"t{(i - 1) // 5}", (i - 1) % 5
        add = f"UPDATE counters SET n = n + 1 WHERE id = {i};"
        body = (
            f"CREATE TABLE {table} (id INT8 PRIMARY KEY, a INT8, b TEXT);\n"
            f"INSERT INTO {table} SELECT g, g, g::TEXT FROM generate_series(1, 200) AS g;\n{add}",
            f"ALTER TABLE {table} ADD COLUMN c INT8 DEFAULT 7;",
            f"CREATE INDEX {table}_a ON {table} (a);",
            add,
            f"ALTER TABLE {table} DROP COLUMN b;\n{add}",
        )[kind]
        if i == 1:
            rows = ", ".join(f"({n}, 0)" for n in range(1, COUNT + 1))
            body = (
                "CREATE TABLE counters (id INT8 PRIMARY KEY, n INT8 NOT NULL);\n"
                f"INSERT INTO counters VALUES {rows};\n{body}"
            )
        (directory / f"{i:03}_m.sql").write_text(f"{body}\n", encoding="utf-8")


def wrong(url: str) -> list[str]:
    """What a finished run has lost, doubled or falsely recorded."""
    with psycopg.connect(url, autocommit=True) as connection:
        versions = [row[0] for row in connection.execute("SELECT version FROM _migrations")]
        counters: dict[int, int] = dict(connection.execute("SELECT id, n FROM counters").fetchall())
        left = connection.execute("SELECT count(*) FROM _migrations_steps").fetchone()
        columns = connection.execute(
            "SELECT table_name, string_agg(column_name, ',' ORDER BY ordinal_position)"
            " FROM information_schema.columns WHERE table_name LIKE 't_' GROUP BY 1"
        ).fetchall()
        indexes = connection.execute(
            "SELECT count(DISTINCT indexname) FROM pg_catalog.pg_indexes"
            " WHERE indexname LIKE 't__a'"
        ).fetchone()
    found = []
    if sorted(versions) != list(range(1, COUNT + 1)):
        found.append(f"the history is {sorted(versions)}")
    for i in range(1, COUNT + 1):
        wanted = int((i - 1) % 5 in (0, 3, 4))
        if counters.get(i) != wanted:
            found.append(f"counter {i} is {counters.get(i)} and not {wanted}")
    if left is None or left[0]:
        found.append(f"{left} rows are left in the journal")
    found += [f"{name} has {said}" for name, said in columns if said != "id,a,c"]
    if len(columns) != COUNT // 5 or indexes is None or indexes[0] != COUNT // 5:
        found.append(f"{len(columns)} tables and {indexes} indexes")
    return found


def write_backfill(directory: Path) -> None:
    """One backfill in small batches, with a pause after each, that takes about a minute."""
    text = (
        "-- @backfill items\n-- @batch rows 100..100, pause 200ms, workers 2\n"
        "UPDATE items SET n = n + 1 WHERE :batch;\n"
    )
    (directory / "001_items.sql").write_text(text, encoding="utf-8")


def fill(database: Database) -> None:
    """The rows that the backfill changes; the nodes may still be finding each other again."""
    end = time.monotonic() + 120
    while True:
        try:
            database.drop_table("items")
            database.create_table("items", {"id": "INT8 PRIMARY KEY", "n": "INT8 NOT NULL"})
            rows = ({"id": n, "n": 0} for n in range(1, ROWS + 1))
            database.batch_insert("items", rows, returning=False)
            return
        except (psycopg.Error, ConnectionFailed):
            if time.monotonic() > end:
                raise
            time.sleep(2)


def wrong_backfill(url: str) -> list[str]:
    """What a finished backfill has left out, done twice or falsely called complete."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT n, count(*) FROM items GROUP BY n"
        counts: dict[int, int] = dict(connection.execute(query).fetchall())
        states = connection.execute("SELECT version, state FROM _migrations_backfills").fetchall()
        history = connection.execute("SELECT version FROM _migrations").fetchall()
    found = [f"{many} rows were changed {n} times" for n, many in counts.items() if n != 1]
    if sum(counts.values()) != ROWS:
        found.append(f"{sum(counts.values())} rows are there")
    if [tuple(row) for row in states] != [(1, "complete")] or [row[0] for row in history] != [1]:
        found.append(f"states {states}, history {history}")
    return found


def replicated(url: str) -> None:
    """Wait until every range has a replica on every node: before that, one node can be all there
    is of a range, and to kill it is to have no majority."""
    query = (
        "SELECT count(*) FROM crdb_internal.ranges_no_leases WHERE array_length(replicas, 1) < 3"
    )
    end = time.monotonic() + 180
    with psycopg.connect(url, autocommit=True) as connection:
        while (row := connection.execute(query).fetchone()) is not None and row[0]:
            if time.monotonic() > end:
                raise TimeoutError(f"{row[0]} ranges still have fewer than three replicas")
            time.sleep(0.5)


@dataclass(frozen=True)
class Tried:
    """What became of a try."""

    number: int
    strike: str
    code: int | None
    seconds: float
    moment: float
    struck: bool
    problems: list[str]


@dataclass
class Run:
    """A command, its own database, and what it says."""

    number: int
    database: Database
    directory: Path
    said: IO[str]
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    ended: float | None = None

    @property
    def url(self) -> str:
        """The database's, with every node in it."""
        return self.database.settings.url(secrets=True)

    def start(self) -> None:
        """Start the command."""
        command = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "-v"]
        command += ["--url", self.url, "--dir", str(self.directory)]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=self.said, stderr=subprocess.STDOUT, text=True
        )

    def over(self) -> bool:
        """Whether it has ended; one that goes on for too long is killed."""
        assert self.process is not None
        now = time.monotonic()
        if self.ended is None and self.process.poll() is not None:
            self.ended = now
        if self.ended is None and now > self.started + LONGEST:
            self.process.kill()
            self.process.wait()
            self.process, self.ended = None, now
        return self.ended is not None

    def tried(self, strike: str, moment: float, struck: bool) -> Tried:
        """Look at what it has left."""
        assert self.ended is not None
        code = None if self.process is None else self.process.returncode
        self.said.seek(0)
        text = self.said.read()
        problems = [] if code == 0 else [f"exit code {code}: {text[:2500]} … {text[-1500:]}"]
        work, _ = STRIKES[strike]
        try:
            problems += (wrong if work == "migrations" else wrong_backfill)(self.url)
        except psycopg.Error as error:
            problems.append(f"the state could not be read: {error}")
        self.database.drop_database(str(self.database.settings.database), force=True)
        seconds, at = self.ended - self.started, moment - self.started
        state = "" if struck else " (over before it was struck)"
        print(f"{self.number}: {strike} at {at:.1f} s: exit {code} after {seconds:.0f} s{state}")
        for problem in problems:
            print(f"    {problem}")
        sys.stdout.flush()
        return Tried(self.number, strike, code, round(seconds, 1), round(at, 1), struck, problems)


def attempt(nodes: Nodes, root: Path, name: str, numbers: range, rng: random.Random) -> list[Tried]:
    """Some runs at once, each in a database of its own, and one strike."""
    work, strike_with = STRIKES[name]
    found = cluster.start(nodes.home)
    gateway = numbers.start % len(found.nodes) + 1
    order = [gateway, *(n.number for n in found.nodes if n.number != gateway)]
    hosts = ",".join(f"127.0.0.1:{found.nodes[n - 1].port}" for n in order)
    url = f"postgresql://root@{hosts}/defaultdb?sslmode=disable"
    nodes.over.clear()
    with ExitStack() as stack:
        runs: list[Run] = []
        for number in numbers:
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            database = Database.from_url(url).sibling(f"cluster_{os.getpid()}_{number}")
            stack.callback(database.close)
            database.create_database(str(database.settings.database))
            if work == "backfill":
                fill(database)
            runs.append(Run(number, database, root / work, said))
        replicated(runs[0].url)
        for run in runs:
            if run is not runs[0]:
                time.sleep(rng.uniform(0.0, 3.0))  # each is struck somewhere else
            run.start()
        time.sleep(rng.uniform(0.5, 8.0 if work == "migrations" else 30.0))
        moment = time.monotonic()
        struck = [not run.over() for run in runs]
        strike = threading.Thread(target=strike_with, args=(nodes, gateway))
        strike.start()
        while not all([run.over() for run in runs]):  # noqa: C419 - each is asked
            time.sleep(0.1)
        nodes.over.set()
        strike.join()
        cluster.start(nodes.home)
        return [run.tried(name, moment, hit) for run, hit in zip(runs, struck, strict=True)]


def logged(path: Path | None) -> list[Tried]:
    """The tries of a log; none where there is none. The last line may have been cut."""
    found = []
    if path is not None and path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                found.append(Tried(**json.loads(line)))
    return found


def table(tries: list[Tried]) -> str:
    """The tries by what happened to the nodes."""
    lines = [
        "| what happens to the nodes | tries | struck | wrong | median s | longest s |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in STRIKES:
        those = [one for one in tries if one.strike == name]
        if those:
            seconds = sorted(one.seconds for one in those)
            struck, bad = sum(one.struck for one in those), sum(bool(x.problems) for x in those)
            middle = seconds[len(seconds) // 2]
            lines.append(
                f"| {name} | {len(those)} | {struck} | {bad} | {middle:.0f} | {seconds[-1]:.0f} |"
            )
    return "\n".join(lines)


def run(given: list[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults cluster")
    parser.add_argument("--tries", type=int, default=16, metavar="N", help="in all, with --log")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no try after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, default=1, metavar="N", help="commands at once")
    parser.add_argument("--strikes", help="numbers from 0, separated by commas")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep tries, and go on there")
    options = parser.parse_args(given)
    names = list(STRIKES)
    if options.strikes:
        names = [names[int(one)] for one in options.strikes.split(",")]
    tries = logged(options.log)
    first = max((one.number for one in tries), default=-1) + 1
    end = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="manticore-cluster-") as place:
        root = Path(place)
        for work, writes in (("migrations", write), ("backfill", write_backfill)):
            (root / work).mkdir()
            writes(root / work)
        try:
            nodes = Nodes(root / "cluster")
            together = max(1, options.together)
            for number in range(first, options.tries, together):
                if time.monotonic() > end:
                    print(f"time is up before try {number}", flush=True)
                    break
                rng = random.Random(f"{options.seed} {number}")
                numbers = range(number, min(number + together, options.tries))
                name = names[number // together % len(names)]
                found = attempt(nodes, root, name, numbers, rng)
                tries += found
                if options.log is not None:
                    with options.log.open("a", encoding="utf-8") as log:
                        log.writelines(json.dumps(asdict(one)) + "\n" for one in found)
        finally:
            cluster.destroy(root / "cluster")
            print(f"\n{table(tries)}", flush=True)
    return 1 if any(one.problems for one in tries) else 0
