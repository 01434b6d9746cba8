"""A primary and a standby: two embedded PostgreSQLs with streaming replication, asynchronous.

The standby is a `pg_basebackup` of the primary, started by hand, since `local` takes only a server
that accepts writes for one that has started. Both listen on sockets, and are gone after the block.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from faults.harness_servers import children
from manticore_cockroachdb import local
from manticore_cockroachdb.local import account as accounts
from manticore_cockroachdb.local import process, programs

PATIENCE = 30.0


class Pair:
    """Both servers. ``url`` names both, the primary of the beginning first."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.first = home / "first"
        self.second = home / "second"
        self.standby = ""
        found = local.start(self.first, engine="postgresql", durable=False)
        assert found.url is not None and found.data is not None
        self.primary = found.url
        self._account = accounts.for_existing_data(found.data)
        accounts.private_directory(self.second, self._account)

    def start_standby(self) -> None:
        """Copy the primary and start the copy as its standby."""
        run = self.second / "run"
        accounts.private_directory(run, self._account)
        data = self.second / "data"
        backup = str(programs.find("pg_basebackup", self._account))
        process.run(
            [backup, "-D", str(data), "-d", self.primary, "-R", "-c", "fast", "--no-sync"],
            self._account,
        )
        process.leave_running(
            [
                str(programs.find("postgres", self._account)),
                *("-D", str(data)),
                *("-c", f"unix_socket_directories={run}"),
                *("-c", "listen_addresses="),
                *("-c", "fsync=off"),
            ],
            log=self.second / "server.log",
            keep=[],
            account=self._account,
            cwd=Path("/"),
        )
        self.standby = f"postgresql://root@/defaultdb?host={quote(str(run))}&port=5432"
        self._until(self.standby, "SELECT pg_is_in_recovery()")

    def url(self, database: str) -> str:
        """A database, on whichever of the two takes writes."""
        sockets = ",".join(str(one / "run") for one in (self.first, self.second))
        return f"postgresql://root@/{database}?host={quote(sockets, safe=',/')}&port=5432,5432"

    def create(self, database: str) -> None:
        """Make a database, and wait until the standby has it."""
        with psycopg.connect(self.primary, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}".encode())
        self._until(self.standby, f"SELECT 1 FROM pg_database WHERE datname = '{database}'")

    def cut(self) -> None:
        """Let nothing reach the standby any more: what is committed from here on, it lacks."""
        with psycopg.connect(self.standby, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            connection.execute("SELECT pg_reload_conf()")
        self._until(self.standby, "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")

    def kill_primary(self) -> None:
        """Kill -9 of all processes of the primary."""
        pid = local.status(self.first).pid
        assert pid is not None
        for one in [pid, *children(pid)]:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)

    def promote(self) -> None:
        """Make the standby the primary."""
        with psycopg.connect(self.standby, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def close(self) -> None:
        """End both."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.second / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            end = time.monotonic() + 10
            while time.monotonic() < end and Path(f"/proc/{pid}").exists():
                time.sleep(0.02)
        local.destroy(self.first)

    def _until(self, url: str, query: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    if connection.execute(query.encode()).fetchone() is not None:
                        return
            except psycopg.OperationalError:
                pass
            if time.monotonic() > end:
                log = self.second / "server.log"
                raise AssertionError(f"{query}: not in time\n{log.read_text()[-2000:]}")
            time.sleep(0.02)


@contextmanager
def pair() -> Iterator[Pair]:
    """Lend a primary with its standby."""
    # As short as can be: a socket's path has 107 bytes.
    memory = Path("/dev/shm")
    place = str(memory) if os.access(memory, os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="mc-pair-", dir=place))
    if accounts.is_root():  # whose servers run under another name, and must walk through
        home.chmod(0o711)
    both = Pair(home)
    try:
        both.start_standby()
        yield both
    finally:
        both.close()
        shutil.rmtree(home, ignore_errors=True)
