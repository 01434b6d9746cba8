"""Runs of the migrator in processes of their own, begun within milliseconds.

What is to be killed must be a process, and a thousand interpreters take longer to start than a
thousand migrations to run. So one process imports everything, waits, and forks for each run:
every run is a real process, with its own pid to kill, stop or signal. `Runners` holds that
process. It is spoken to in lines of JSON: a job is answered with the pid of its run, a number with
how that run ended, as soon as it has.

A run leaves what it has to say in a file: what it returned or the error it ended with.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import manticore_cockroachdb
from manticore_cockroachdb import cli
from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.async_migration import AsyncMigrator
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.errors import ManticoreError
from manticore_cockroachdb.migration import Migration

Colour = Literal["sync", "async", "cli"]
Direction = Literal["up", "down", "work"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run: `migrate` to ``target``, `rollback` of one migration, or work on backfills until
    none is left, with ``target`` workers."""

    url: str
    directory: str
    colour: Colour
    direction: Direction
    target: int
    ttl: float
    wait: float = 20.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    ``code`` is its exit code, negative for a signal, None when it had to be killed because it
    never ended; ``count`` what it returned, ``error`` the name of its error's class.
    """

    code: int | None
    count: int | None = None
    error: str | None = None
    sqlstate: str | None = None
    text: str = ""

    def __str__(self) -> str:
        if self.error is not None:
            return f"exit {self.code}, {self.error}: {self.text}"
        return f"exit {self.code}, count {self.count} {self.text}".rstrip()


class Runners:
    """The process that forks, for as long as the ``with`` lasts."""

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="manticore-runs-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.harness_runner", self._files.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parent.parent,
        )
        self._line()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=10)
        self._files.cleanup()

    def begin(self, job: Job) -> int:
        """Start a run; return its pid."""
        return int(self._ask(asdict(job)))

    def end(self, pid: int, *, limit: float = 90.0) -> Ending:
        """Wait until a run has ended; kill it after ``limit`` seconds."""
        code = self._ask({"pid": pid, "limit": limit})
        said = Path(self._files.name) / str(pid)
        if not said.exists():
            return Ending(code)
        found = json.loads(said.read_text(encoding="utf-8"))
        said.unlink()
        return Ending(code, **found)

    def lives(self, pid: int) -> bool:
        """Whether this is a run of ours that nobody has waited for yet."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return int(stat.rpartition(")")[2].split()[1]) == self._process.pid

    def run(self, job: Job) -> Ending:
        """A run from beginning to end."""
        return self.end(self.begin(job))

    def _ask(self, what: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that begins runs has ended")
        return json.loads(line)


# --- the process that forks ---------------------------------------------------------------------


def main(files: str) -> None:
    """Fork for each job on standard input until it ends."""
    for module in pkgutil.walk_packages(manticore_cockroachdb.__path__, "manticore_cockroachdb."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    _answer("ready")
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        _answer(_wait(**asked) if "pid" in asked else _fork(Job(**asked), Path(files)))


def _answer(value: object) -> None:
    sys.stdout.buffer.write(json.dumps(value).encode() + b"\n")
    sys.stdout.buffer.flush()


def _wait(pid: int, limit: float) -> int | None:
    end = time.monotonic() + limit
    pause = 0.001
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _fork(job: Job, files: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _child(job, files / str(os.getpid()))
    finally:
        os._exit(code)


def _child(job: Job, said: Path) -> int:
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 0)
    os.dup2(silence, 1)
    if job.colour == "cli":
        return _by_command(job, said)
    work: Callable[[Job], int] = _sync if job.colour == "sync" else _async
    found: dict[str, object]
    try:
        found, code = {"count": work(job)}, 0
    except ManticoreError as error:
        sqlstate = getattr(error, "sqlstate", None)
        found = {"error": type(error).__name__, "sqlstate": sqlstate, "text": str(error)}
        code = 1
    except KeyboardInterrupt:
        found, code = {"text": "interrupted"}, 130
    except Exception as error:  # noqa: BLE001 - told to whoever asked for the run
        found, code = {"error": type(error).__name__, "text": repr(error)}, 70
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run is over
    _say(said, found)
    return code


def _say(said: Path, found: dict[str, object]) -> None:
    said.with_suffix(".part").write_text(json.dumps(found), encoding="utf-8")
    said.with_suffix(".part").rename(said)


def _sync(job: Job) -> int:
    db = Database.from_url(job.url)
    try:
        migration = Migration(db, job.directory, lease_ttl=job.ttl, lease_wait=job.wait)
        if job.direction == "up":
            return migration.migrate(job.target)
        if job.direction == "work":
            return len(migration.run_backfills(workers=job.target))
        return migration.rollback(target_version=job.target)
    finally:
        db.close()


def _async(job: Job) -> int:
    async def run() -> int:
        db = AsyncDatabase.from_url(job.url)
        try:
            migrator = AsyncMigrator(db, job.directory, lease_ttl=job.ttl, lease_wait=job.wait)
            if job.direction == "up":
                return await migrator.migrate(job.target)
            if job.direction == "work":
                return len(await migrator.run_backfills(workers=job.target))
            return await migrator.rollback(target_version=job.target)
        finally:
            await db.close()

    return asyncio.run(run())


def _by_command(job: Job, said: Path) -> int:
    verb = ["migrate"] if job.direction == "up" else ["rollback", "--yes"]
    arguments = [
        *verb,
        *("--to", str(job.target), "--url", job.url, "--dir", job.directory),
        *("--lease-ttl", str(job.ttl), "--lease-wait", str(job.wait)),
    ]
    err = os.open(said.with_suffix(".err"), os.O_CREAT | os.O_RDWR)
    os.dup2(err, 2)
    code = 70
    for number in (signal.SIGINT, signal.SIGTERM):  # what comes before and after the command
        signal.signal(number, lambda *_: None)
    try:
        code = cli.main(arguments) or 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        with contextlib.suppress(OSError):
            text = said.with_suffix(".err").read_text(encoding="utf-8", errors="replace")
            _say(said, {"text": " ".join(text.split())})
    return code


if __name__ == "__main__":
    main(sys.argv[1])
