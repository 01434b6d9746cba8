"""Repeatable files and hooks struck at random: ``python -m faults objects --runs 200``.

A walk is a database and a project: migrations that each add 1 to a row only they touch, two views
of which one needs the other, and four hooks that count how often they ran. Round by round the
project is edited, a migration added or a view's text changed, and `manticore migrate` runs until a
run ends well by itself; the others are killed, stopped, or lose their connection at a message drawn
at random, with or without its effect. After every run, once the server has ended what was under
way, all is read at one moment:

* *doubled*: a migration's row stands at 2; a hook ran more often in one run than there was cause;
* *lost*: a migration is recorded, and its row stands at 0; a view is away, or has lost its grant,
  after a run that ended well (on PostgreSQL: at any time);
* *falsely recorded*: a view is recorded with a text that is not the one it has, and no round is
  noted as under way; a run says that it ended well and the project is not what the database has;
  a hook ran where a run had nothing to do, or did not where it had and ended well;
* *otherwise wrong*: a run that nobody struck does not end well.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from faults.harness_random import walked
from faults.harness_servers import Served
from faults.proxy import Cut, Fault, Proxy, Sender, When
from manticore_cockroachdb.migrations.file import checksum

ROUNDS = 5
LIMIT = 300.0
HOOKS = ("before_migrate", "before_each", "after_each", "after_migrate")
FATES = ("kill", "kill", "terminate", "cut before", "cut after", "cut after", "none")
MESSAGES = 24  # a run has about so many on PostgreSQL


def migration(version: int) -> str:
    """The text of a migration."""
    return (
        f"CREATE TABLE t{version} (a INT8 PRIMARY KEY);\n"
        f"UPDATE counters SET n = n + 1 WHERE id = {version};\n"
    )


def views(a: int, b: int) -> dict[str, str]:
    """The repeatable files: the second needs the first."""
    return {
        "a_top.sql": f"CREATE VIEW top AS SELECT bottom.rev, x.mine"
        f" FROM bottom, (VALUES ({b})) AS x (mine);\n",
        "b_bottom.sql": f"CREATE VIEW bottom AS SELECT x.rev FROM (VALUES ({a})) AS x (rev);\n",
    }


@dataclass(frozen=True)
class State:
    """What is there at one moment. ``views`` are revisions, None for one that is away."""

    versions: tuple[int, ...] = ()
    counters: tuple[tuple[int, int], ...] = ()
    hooks: tuple[tuple[str, int], ...] = ()
    views: tuple[int | None, int | None] = (None, None)
    granted: int = 0
    recorded: tuple[tuple[str, str], ...] = ()
    under_way: bool = False


@dataclass
class Tally:
    """What was seen, over all runs."""

    runs: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    longest: float = 1.0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The tally, for people."""
        fates = ", ".join(f"{number} {fate}" for fate, number in sorted(self.runs.items()))
        yield f"{sum(self.runs.values())} runs ({fates}), {self.rounds} rounds to their end,"
        yield f"{len(self.wrong)} wrong"
        yield from self.wrong


class Walk:
    """One project on one database."""

    def __init__(self, server: Served, url: str, home: Path, rng: random.Random, tally: Tally):
        self.server, self.url, self.home = server, url, home
        self.rng, self.tally = rng, tally
        self.cockroachdb = server.title.startswith("CockroachDB")
        self.newest, self.a, self.b = 1, 1, 1
        self.granted = False
        for folder in ("repeatable", "hooks"):
            (home / folder).mkdir(parents=True)
        for name in HOOKS:
            text = f"UPDATE hooks SET n = n + 1 WHERE name = '{name}';\n"
            (home / f"hooks/{name}.sql").write_text(text)
        with self.connect() as connection:
            for statement in (
                "CREATE TABLE counters (id INT8 PRIMARY KEY, n INT8 NOT NULL)",
                "CREATE TABLE hooks (name TEXT PRIMARY KEY, n INT8 NOT NULL)",
                "INSERT INTO counters SELECT i, 0 FROM generate_series(1, 99) AS g (i)",
                *(f"INSERT INTO hooks VALUES ('{name}', 0)" for name in HOOKS),
            ):
                connection.execute(statement.encode())
        self._write()

    def rounds(self, left: int) -> int:
        """Go through all rounds, or so many runs; return how many runs were made."""
        made = 0
        for _ in range(ROUNDS):
            while made < left:
                made += 1
                if self.once(last=made == left):
                    self.tally.rounds += 1
                    break
            if made >= left:
                break
            self._edit()
        return made

    def once(self, *, last: bool) -> bool:
        """One run; whether it ended well, so that the round is over."""
        fate = "none" if last else self.rng.choice(FATES)
        before = self.look()
        started = time.monotonic()
        code, err = self._run(fate)
        self.tally.runs["ended" if code == 0 else "struck"] += 1
        took = time.monotonic() - started
        if code == 0:
            self.tally.longest = 0.5 * self.tally.longest + 0.5 * took
        self._settle()
        now = self.look()
        if fate == "none" and code != 0:
            self._wrong(f"a run that nobody struck ended with {code}: {err[-2000:]}", before, now)
        self.hold(before, now, ended=code == 0)
        if code == 0 and not self.granted:
            with self.connect() as connection:
                connection.execute(b"GRANT SELECT ON bottom TO PUBLIC")
                connection.execute(b"GRANT SELECT ON top TO PUBLIC")
            self.granted = True
        return code == 0

    def _run(self, fate: str) -> tuple[int, str]:
        if fate.startswith("cut"):
            with Proxy.before(self.url) as proxy:
                when = When(sender=Sender.CLIENT, nth=self.rng.randint(1, MESSAGES))
                server = self.rng.choice(("finish", "cut"))
                what = Cut(forward=fate == "cut after", server=server)  # type: ignore[arg-type]
                proxy.arm(Fault(when, what))
                return self._process(proxy.through(self.url), None, 0.0)
        signals = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}
        moment = self.rng.uniform(0.2, max(self.tally.longest, 0.5))
        return self._process(self.url, signals.get(fate), moment)

    def _process(self, url: str, fate: signal.Signals | None, after: float) -> tuple[int, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "manticore_cockroachdb", "migrate", "--dir", str(self.home)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DATABASE_URL": url, "MANTICORE_LEASE_TTL": "5"},
        )
        try:
            if fate is not None:
                try:
                    process.wait(after)
                except subprocess.TimeoutExpired:
                    process.send_signal(fate)
            _, err = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            process.communicate()
        return process.returncode, err

    # --- the project ---------------------------------------------------------------------------

    def _edit(self) -> None:
        """Change the project, as somebody does between two deployments."""
        what = self.rng.choice(("migration", "bottom", "top", "all"))
        if what in ("migration", "all"):
            self.newest += 1
        if what in ("bottom", "all"):
            self.a += 1
        if what in ("top", "all"):
            self.b += 1
        self._write()

    def _write(self) -> None:
        (self.home / f"{self.newest}_t.sql").write_text(migration(self.newest))
        for name, text in views(self.a, self.b).items():
            (self.home / "repeatable" / name).write_text(text)

    # --- the database --------------------------------------------------------------------------

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def _settle(self) -> None:
        """Wait until no other session of this database is at work."""
        question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        question += " AND pid <> pg_backend_pid() AND state <> 'idle'"
        if self.cockroachdb:
            question = "SELECT count(*) - 1 FROM [SHOW SESSIONS] WHERE active_queries <> ''"
        end = time.monotonic() + 30
        with self.connect() as connection:
            while time.monotonic() < end:
                row = connection.execute(question.encode()).fetchone()
                if row is None or int(str(row[0])) <= 0:
                    return
                time.sleep(0.1)

    def look(self) -> State:
        """What is there. The database is settled, so that several statements see one moment."""
        with self.connect() as connection:

            def rows(sql: str) -> list[tuple[object, ...]]:
                with suppress(psycopg.errors.UndefinedTable):
                    return connection.execute(sql.encode()).fetchall()
                return []

            versions = tuple(int(str(v)) for (v,) in rows("SELECT version FROM _migrations"))
            counters = rows("SELECT id, n FROM counters WHERE n > 0 ORDER BY id")
            hooks = rows("SELECT name, n FROM hooks ORDER BY name")
            scripts = rows("SELECT kind, name, checksum FROM _migrations_scripts ORDER BY name")
            bottom = rows("SELECT rev FROM bottom")
            top = rows("SELECT mine FROM top")
            granted = rows(
                "SELECT table_name FROM information_schema.table_privileges WHERE"
                " lower(grantee) = 'public' AND privilege_type = 'SELECT'"
                " AND table_name IN ('top', 'bottom')"
            )
        return State(
            versions=tuple(sorted(versions)),
            counters=tuple((int(str(i)), int(str(n))) for i, n in counters),
            hooks=tuple((str(name), int(str(n))) for name, n in hooks),
            views=(_only(bottom), _only(top)),
            granted=len(granted),
            recorded=tuple((str(n), str(c)) for kind, n, c in scripts if kind == "repeatable"),
            under_way=any(kind == "round" for kind, *_ in scripts),
        )

    # --- what has to hold ----------------------------------------------------------------------

    def hold(self, before: State, now: State, *, ended: bool) -> None:
        def wrong(text: str) -> None:
            self._wrong(text, before, now)

        for version, number in now.counters:
            if number > 1:
                wrong(f"doubled: migration {version}")
        done = {version for version, _ in now.counters}
        for version in now.versions:
            if version not in done:
                wrong(f"lost: migration {version}")
        self._hold_views(now, wrong, ended=ended)
        self._hold_hooks(before, now, wrong, ended=ended)
        if ended and now.versions != tuple(range(1, self.newest + 1)):
            wrong("falsely recorded: the run ended well, and not everything is applied")

    def _hold_views(self, now: State, wrong: object, *, ended: bool) -> None:
        assert callable(wrong)
        names = dict(zip(("b_bottom.sql", "a_top.sql"), now.views, strict=True))
        for name, recorded in now.recorded:
            texts = {
                rev: checksum(views(rev, rev)[name]) for rev in range(1, max(self.a, self.b) + 1)
            }
            if not now.under_way and texts.get(names[name] or 0) != recorded:
                wrong(f"falsely recorded: {name} has revision {names[name]}")
        there = all(rev is not None for rev in now.views)
        if self.granted and (ended or not self.cockroachdb):
            if not there:
                wrong("lost: a view is away")
            elif now.granted != 2:
                wrong("lost: a view has lost its grant")
        if ended and now.views != (self.a, self.b):
            wrong("falsely recorded: the run ended well, and a view is not what its file says")
        if ended and now.under_way:
            wrong("falsely recorded: the run ended well, and a round is under way")

    def _hold_hooks(self, before: State, now: State, wrong: object, *, ended: bool) -> None:
        assert callable(wrong)
        old, new = dict(before.hooks), dict(now.hooks)
        ran = {name: new.get(name, 0) - old.get(name, 0) for name in HOOKS}
        applied = len(now.versions) - len(before.versions)
        due = (
            self.newest > len(before.versions)
            or before.views != (self.a, self.b)
            or before.under_way
            or len(before.recorded) < 2
        )
        most = {
            "before_migrate": int(due),
            "before_each": applied + (0 if ended else 1),
            "after_each": applied,
            "after_migrate": int(due),
        }
        least = {
            "before_migrate": int(due and ended),
            "before_each": applied,
            "after_each": applied if ended else max(applied - 1, 0),
            "after_migrate": int(due and ended and bool(applied or before.views != now.views)),
        }
        for name in HOOKS:
            if ran[name] > most[name]:
                wrong(f"doubled: the hook {name} ran {ran[name]} times, {applied} applied")
            if ran[name] < least[name]:
                wrong(f"falsely recorded: the hook {name} ran {ran[name]} times, {applied} applied")

    def _wrong(self, text: str, before: State, now: State) -> None:
        self.tally.wrong.append(f"{text}\n  before {before}\n  after  {now}")


def _only(rows: list[tuple[object, ...]]) -> int | None:
    return int(str(rows[0][0])) if rows else None


def walks(server: Served, runs: int, seed: int, *, minutes: float = 60.0) -> Tally:
    """Make so many runs, in as many walks as they take, or as the time allows."""
    tally, rng = Tally(), random.Random(seed)
    end = time.monotonic() + minutes * 60
    while (made := sum(tally.runs.values())) < runs and time.monotonic() < end:
        url = server.fresh()
        try:
            with tempfile.TemporaryDirectory() as folder:
                Walk(server, url, Path(folder) / "migrations", rng, tally).rounds(runs - made)
        finally:
            server.drop(url)
    return tally


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    return walked("objects", __doc__, walks, arguments)
