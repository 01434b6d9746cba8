"""Fleets killed at random: ``python -m faults fleets --runs 200``.

A walk is a database with tenants in schemas of their own. Fleet runs go over it, most of them
killed (`FATES`) at a moment drawn at random, each taking up what the one before left, until one
ends by itself with everything done; then the next walk begins. Each migration adds 1 to a row that
only it touches. After every run, killed or not, all tenants are read, each as it is at one moment:

* *doubled*: a row stands at 2;
* *lost*: a migration is recorded, and its row stands at 0;
* *touched*: a tenant that was finished before the run has a newer token of its lease, so somebody
  migrated where nothing was to be done;
* *falsely reported*: an event, or the report of a run that could still write one, says of a target
  what is not so: done, or nothing to do, and something is not applied; never tried, and its token
  has moved; or the sum is not the number of targets;
* *otherwise wrong*: a run that nobody killed does not end well.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from faults.harness_random import walked
from faults.harness_servers import Served

TENANTS = 24
# A migration in a transaction, one of data, one of both, one in steps; on CockroachDB more are.
FILES = {
    "1_counters.sql": "CREATE TABLE counters (id INT8 PRIMARY KEY, n INT8 NOT NULL);\n"
    "INSERT INTO counters VALUES (1, 1), (2, 0), (3, 0), (4, 0);\n",
    "2_data.sql": "UPDATE counters SET n = n + 1 WHERE id = 2;\n",
    "3_table.sql": "CREATE TABLE t (id INT8 PRIMARY KEY, a INT8);\n"
    "UPDATE counters SET n = n + 1 WHERE id = 3;\n",
    "4_index.sql": "UPDATE counters SET n = n + 1 WHERE id = 4;\n"
    "CREATE INDEX CONCURRENTLY t_a ON t (a);\n",
}
VERSIONS = (1, 2, 3, 4)
FATES = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None)
LIMIT = 300.0


@dataclass(frozen=True)
class Tenant:
    """What is in one tenant's schema at one moment."""

    versions: tuple[int, ...]
    counters: tuple[tuple[int, int], ...]
    token: int

    @property
    def finished(self) -> bool:
        """Whether everything is applied."""
        return self.versions == VERSIONS


@dataclass
class Tally:
    """What was seen, over all runs."""

    runs: Counter[str] = field(default_factory=Counter)
    walks: int = 0
    longest: float = 2.0
    """Seconds that a run takes, about."""
    reports: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The tally, for people."""
        fates = ", ".join(f"{number} {fate}" for fate, number in sorted(self.runs.items()))
        yield f"{sum(self.runs.values())} runs ({fates}), {self.walks} walks to their end,"
        yield f"{self.reports} words on targets held against what is there: {len(self.wrong)} wrong"
        yield from self.wrong


class Walk:
    """One database, taken to its end by runs of which most are killed."""

    def __init__(self, url: str, folder: Path, rng: random.Random, tally: Tally) -> None:
        self.url = url
        self.folder = folder
        self.rng = rng
        self.tally = tally
        self.names = [f"t{number:02}" for number in range(TENANTS)]
        directory = folder / "migrations"
        directory.mkdir()
        for name, text in FILES.items():
            (directory / name).write_text(text, encoding="utf-8")
        (folder / "manticore.toml").write_text(
            f"[fleets.all]\nnames = {json.dumps(self.names)}\n"
            'schema = "tenant_{name}"\nparallel = 4\ncreate = true\n',
            encoding="utf-8",
        )

    def run(self, left: int) -> int:
        """Go on until everything is done, or so many runs are made; return how many were."""
        for number in range(1, left + 1):
            fate = self.rng.choice(FATES) if number < left else None
            before = self.look()
            self.once(before, fate, self.rng.uniform(0.2, self.tally.longest))
            now = self.look()
            if all(name in now and now[name].finished for name in self.names):
                self.tally.walks += 1
                return number
        return left

    def once(self, before: dict[str, Tenant], fate: signal.Signals | None, after: float) -> None:
        """One run, struck after so many seconds unless its fate is to end."""
        told = self.folder / "events"
        told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--fleet", "all"]
        command += ["--json", "--verbose", "--max-failures", "100%", "--events", str(told)]
        if self.rng.random() < 0.5:
            command += ["--waves", "1,25%,rest"]
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DATABASE_URL": self.url, "MANTICORE_LEASE_TTL": "5"},
        )
        try:
            if fate is not None:
                try:
                    process.wait(after)
                except subprocess.TimeoutExpired:
                    process.send_signal(fate)
            out, err = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            process.communicate()
        killed = process.returncode < 0
        name = "ended" if process.returncode == 0 else "killed" if killed else "stopped"
        self.tally.runs[name] += 1
        took = time.monotonic() - started
        if name == "ended":  # so that the next is killed while it is at work
            self.tally.longest = 0.5 * self.tally.longest + 0.5 * took
        elif took >= self.tally.longest * 0.9:
            self.tally.longest *= 1.2
        if fate is None and process.returncode != 0:
            self._wrong(f"a run that nobody killed ended with {process.returncode}: {err[-3000:]}")
        self._hold(before, told, None if killed or not out.strip() else json.loads(out))

    def look(self) -> dict[str, Tenant]:
        """Every tenant as it is; none of whose schema there is nothing yet."""
        found: dict[str, Tenant] = {}
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in self.names:
                try:
                    found[name] = _look(connection, f"tenant_{name}")
                except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                    continue
        return found

    def _hold(self, before: dict[str, Tenant], told: Path, report: dict[str, Any] | None) -> None:
        """Hold what was said against what is there."""
        now = self.look()
        for name, tenant in now.items():
            counters = dict(tenant.counters)
            for version in VERSIONS:
                if counters.get(version, 0) > 1:
                    self._wrong(f"doubled: {name} {version}: {tenant}")
                if version in tenant.versions and counters.get(version, 0) < 1:
                    self._wrong(f"lost: {name} {version}: {tenant}")
            old = before.get(name)
            if old is not None and old.finished and old.token != tenant.token:
                self._wrong(f"touched: {name} was finished: {old}, {tenant}")
        said = []
        if told.exists():
            for line in told.read_text(encoding="utf-8").splitlines():
                event = json.loads(line) if line.endswith("}") else {}
                if event.get("event") == "target_finished":
                    said.append((str(event["target"]), str(event["state"])))
        if report is not None and "outcomes" in report:
            outcomes = [(str(one["name"]), str(one["state"])) for one in report["outcomes"]]
            said += outcomes
            numbers = [report[k] for k in ("done", "nothing_to_do", "failed", "never_tried")]
            if sum(numbers) != TENANTS or sorted(n for n, _ in outcomes) != self.names:
                self._wrong(f"falsely reported: it does not add up: {report}")
        for name, state in said:
            self.tally.reports += 1
            here, old = now.get(name), before.get(name)
            finished = here is not None and here.finished
            same = (old.token if old else 0) == (here.token if here else 0)
            if state in ("done", "nothing_to_do") and not finished:
                self._wrong(f"falsely reported: {name} is said to be {state}: {here}")
            if state == "never_tried" and not same:
                self._wrong(f"falsely reported: {name} was never tried: {old}, {here}")

    def _wrong(self, text: str) -> None:
        self.tally.wrong.append(text)


def _look(connection: psycopg.Connection[Any], schema: str) -> Tenant:
    """One statement, so that all is of one moment, also while a dead client's message runs."""
    at = f'"{schema}".'
    try:
        row = connection.execute(
            f"SELECT (SELECT array_agg(version ORDER BY version) FROM {at}_migrations),"
            f" (SELECT array_agg(id::TEXT || ' ' || n::TEXT ORDER BY id) FROM {at}counters),"
            f" (SELECT token FROM {at}_migrations_lease)".encode()
        ).fetchone()
    except psycopg.errors.UndefinedTable:
        row = connection.execute(
            f"SELECT (SELECT array_agg(version) FROM {at}_migrations), NULL,"
            f" (SELECT token FROM {at}_migrations_lease)".encode()
        ).fetchone()
    assert row is not None
    versions, counters, token = row
    pairs = [tuple(map(int, text.split())) for text in counters or ()]
    return Tenant(tuple(versions or ()), tuple(pairs), int(token or 0))  # type: ignore[arg-type]


@contextmanager
def _database(server: Served) -> Iterator[str]:
    url = server.fresh()
    try:
        yield url
    finally:
        server.drop(url)


def walks(server: Served, runs: int, seed: int, *, minutes: float = 60.0) -> Tally:
    """Make so many runs, in as many walks as they take, or as the time allows."""
    tally, rng = Tally(), random.Random(seed)
    end = time.monotonic() + minutes * 60
    while (made := sum(tally.runs.values())) < runs and time.monotonic() < end:
        with _database(server) as url, tempfile.TemporaryDirectory() as folder:
            Walk(url, Path(folder), rng, tally).run(runs - made)
    return tally


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    return walked("fleets", __doc__, walks, arguments)
