"""The servers that faults strike: started here, one for all tries or one to be killed itself.

PostgreSQL is the embedded one; CockroachDB needs a binary (``MANTICORE_COCKROACH`` or on PATH);
an imitated CockroachDB is `faults.imitate` before that PostgreSQL. A server that is to be killed
keeps its data in a directory, since what it had committed must be there when it is back. It skips
waiting for the disk: a process that is killed loses nothing by that, a machine would.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from faults.imitate import Imitation
from faults.proxy import Proxy
from manticore_cockroachdb import local
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.dialect import Server, server_of
from manticore_cockroachdb.errors import ManticoreError
from manticore_cockroachdb.local import cockroach
from manticore_cockroachdb.local.place import Engine

IMITATED = ("v25.4.3", "v26.2.0")
_numbers = itertools.count(1)


def engines(wanted: list[str] | None = None) -> list[str]:
    """The engines there are here, or those of them that are wanted."""
    found = ["postgresql", *(["cockroachdb"] if cockroach.find() else [])]
    found += [f"imitated-{version}" for version in IMITATED]
    if not wanted:
        return found
    return [one for one in found if one in wanted or one.split("-")[0] in wanted]


@dataclass
class Served:
    """One running server, as an engine of the harness.

    ``server`` decides how migrations are planned; ``imitated`` is the version announced by the
    proxy, None for a server as it is.
    """

    engine: str
    url: str
    server: Server
    title: str
    imitated: str | None = None
    home: Path | None = None
    _made: list[str] = field(default_factory=list)

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"faults_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return Database.from_url(self.url).sibling(name).settings.url(secrets=True)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = str(Database.from_url(url).settings.database)
        with suppress(psycopg.Error, ManticoreError):
            Database.from_url(self.url).drop_database(name, force=True)

    def proxy(self, url: str) -> tuple[Proxy, Imitation | None]:
        """A proxy before a database of this server, and the cluster it imitates."""
        imitation = None if self.imitated is None else Imitation(self.imitated)
        return Proxy.before(url, imitation=imitation), imitation

    # --- killing the server itself ----------------------------------------------------------

    def kill(self) -> None:
        """Kill -9 of all its processes."""
        assert self.home is not None
        pid = local.status(self.home).pid
        if pid is None:
            return
        family = [pid, *children(pid)]
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        # A process is gone when its last thread is, which is later than the first looks dead.
        while local.status(self.home).running or any(_lives(one) for one in family):
            time.sleep(0.005)

    def ended_by_itself(self) -> bool:
        """Whether this server, which is killed and started again here, is not there."""
        return self.home is not None and not local.status(self.home).running

    def start(self) -> None:
        """Start it again; its URL may be another."""
        assert self.home is not None
        found = local.start(self.home, durable=False)
        assert found.url is not None
        self.url = found.url


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def served(names: list[str]) -> Iterator[dict[str, Served]]:
    """The engines of these names, by name; servers in memory, gone after the block."""
    urls: dict[Engine, str] = {}
    with ExitStack() as stack:
        for engine in {_engine(name) for name in names}:
            urls[engine] = stack.enter_context(local.scratch(engine=engine))
        yield {name: _served(name, urls[_engine(name)]) for name in names}


@contextmanager
def killable(name: str) -> Iterator[Served]:
    """A server with data in a directory, for `Served.kill`; gone after the block."""
    home = Path(tempfile.mkdtemp(prefix="manticore-killable-"))
    home.chmod(0o711)
    try:
        found = local.start(home, engine=_engine(name), durable=False)
        assert found.url is not None
        server = _served(name, found.url)
        server.home = home
        yield server
    finally:
        local.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


def _engine(name: str) -> Engine:
    return "cockroachdb" if name == "cockroachdb" else "postgresql"


def _served(name: str, url: str) -> Served:
    with psycopg.connect(url, autocommit=True) as connection:
        announced = connection.info.parameter_status("crdb_version")
        server = server_of(announced, connection.info.server_version)
        title = str(server)
        if announced is not None:
            # Thousands of finished schema changes would slow down every look at the jobs.
            connection.execute("SET CLUSTER SETTING jobs.retention_time = '2m'")
    if name.startswith("imitated-"):
        version = name.partition("-")[2]
        server = server_of(f"CockroachDB {version}", 0)
        return Served(name, url, server, f"{server}, imitated", version)
    return Served(name, url, server, title)
