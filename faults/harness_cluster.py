"""``python -m faults cluster``: runs over a real cluster of three nodes while nodes go away.

Each try migrates a new database by the command, as a user would, with every node in the URL; and
while it runs, one thing happens to the nodes (`STRIKES`). The command has to end by itself with
exit code 0, whatever happened, since a majority lives; then history, counters and catalog are
compared with what the migrations make. Every data change adds 1 to a counter of its own, so that
one that was lost or made twice is seen.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from manticore_cockroachdb import Database
from manticore_cockroachdb.local import cluster

COUNT = 40
LONGEST = 240.0  # seconds that a command may take before it is said to hang


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


STRIKES: dict[str, Callable[[Nodes, int], None]] = {
    "kill -9 of the gateway": _kill_gateway,
    "kill -9 of another node": _kill_other,
    "drain of the gateway (SIGTERM)": _drain,
    "gateway stopped for 25 s (SIGSTOP)": _stop,
    "two killed and started again, one after the other": _two,
    "rolling restart": _rolling,
}


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


def attempt(nodes: Nodes, directory: Path, name: str, number: int, rng: random.Random) -> list[str]:
    """One run with one strike; what was wrong."""
    found = cluster.start(nodes.home)
    gateway = number % len(found.nodes) + 1
    order = [gateway, *(n.number for n in found.nodes if n.number != gateway)]
    hosts = ",".join(f"127.0.0.1:{found.nodes[n - 1].port}" for n in order)
    url = f"postgresql://root@{hosts}/defaultdb?sslmode=disable"
    database = Database.from_url(url).sibling(f"cluster_{os.getpid()}_{number}")
    database.create_database(str(database.settings.database))
    url = database.settings.url(secrets=True)
    replicated(url)
    nodes.over.clear()
    command = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "-v", "--url", url]
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*command, "--dir", str(directory)], stdout=said, stderr=subprocess.STDOUT
        )
        moment = rng.uniform(0.5, 8.0)
        time.sleep(moment)
        struck = process.poll() is None
        strike = threading.Thread(target=STRIKES[name], args=(nodes, gateway))
        strike.start()
        try:
            code: int | None = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        nodes.over.set()
        strike.join()
        seconds = time.monotonic() - started
        said.seek(0)
        text = said.read()
    cluster.start(nodes.home)
    problems = [] if code == 0 else [f"exit code {code}: {text[:2500]} … {text[-1500:]}"]
    try:
        problems += wrong(url)
    except psycopg.Error as error:
        problems.append(f"the state could not be read: {error}")
    database.drop_database(str(database.settings.database), force=True)
    state = "" if struck else " (over before it was struck)"
    print(
        f"{number}: {name} at {moment:.1f} s: exit {code} after {seconds:.0f} s{state}", flush=True
    )
    for problem in problems:
        print(f"    {problem}", flush=True)
    return problems


def run(given: list[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults cluster")
    parser.add_argument("--tries", type=int, default=12, metavar="N")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strikes", help="numbers from 0, separated by commas")
    options = parser.parse_args(given)
    names = list(STRIKES)
    if options.strikes:
        names = [names[int(one)] for one in options.strikes.split(",")]
    rng, tries, bad = random.Random(options.seed), Counter[str](), Counter[str]()
    end = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="manticore-cluster-") as root:
        home, directory = Path(root) / "cluster", Path(root) / "migrations"
        directory.mkdir()
        write(directory)
        try:
            nodes = Nodes(home)
            cluster.start(home)
            for number, name in enumerate(itertools.cycle(names)):
                if number == options.tries or time.monotonic() > end:
                    break
                tries[name] += 1
                bad[name] += bool(attempt(nodes, directory, name, number, rng))
        finally:
            cluster.destroy(home)
    print("\n| what happens to the nodes | tries | wrong |\n|---|---:|---:|")
    for name in tries:
        print(f"| {name} | {tries[name]} | {bad[name]} |")
    return 1 if bad.total() else 0
