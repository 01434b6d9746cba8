"""A CockroachDB cluster of several nodes on this machine, to see what a run does when nodes die.

Theory. A *home* holds ``cluster.json`` (the ports of the nodes, chosen once, since the nodes know
each other by them) and a directory for each node: its store, its logs, its pid. A node runs if
the process of its pid was started with its store. There is no lock as for a single server:
`start` starts what does not run, and two at once meet in the stores' own locks.

The nodes are insecure and listen on 127.0.0.1 only.
"""

from __future__ import annotations

import json
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import LocalServerError
from . import place, process
from .cockroach import binary

NODES = 3
_FILE = "cluster.json"
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Node:
    """One node, counted from 1; ``pid`` None while it does not run."""

    number: int
    port: int
    directory: Path
    pid: int | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes in ``directory``."""

    directory: Path
    nodes: tuple[Node, ...]

    @property
    def url(self) -> str:
        """A URL with every node in it, whether it runs or not."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://root@{hosts}/defaultdb?sslmode=disable"


def default_directory() -> Path:
    """Where the cluster is that no directory is named for."""
    return place.default_directory().with_name("cluster")


def there_is(directory: Path | str | None = None) -> bool:
    """Whether a cluster was made in ``directory``."""
    return (_home(directory) / _FILE).is_file()


def start(directory: Path | str | None = None, *, nodes: int = NODES) -> Cluster:
    """Start the nodes that do not run, ``nodes`` of them where there are none yet.

    Returns when a majority answers. Raises LocalServerError.
    """
    home = _home(directory)
    if not there_is(home):
        if nodes < 1:
            raise LocalServerError(f"A cluster of {nodes} nodes is none.", hint="--nodes 3")
        binary("A cluster was asked for")
        place.create(home)
        place.expect_empty(home)
        text = json.dumps({"ports": _free_ports(nodes)})
        (home / _FILE).write_text(text, encoding="utf-8")
    found = status(home)
    for node in found.nodes:
        if node.pid is None:
            _start(node, found)
    _initialize(found)
    return _ready(home)


def status(directory: Path | str | None = None) -> Cluster:
    """Which nodes run. Raises LocalServerError where there is no cluster."""
    home = _home(directory)
    try:
        ports = json.loads((home / _FILE).read_text(encoding="utf-8"))["ports"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalServerError(
            f"There is no cluster in {home}.", hint="manticore local start --nodes 3"
        ) from error
    nodes = (
        Node(number, int(port), directory, _pid(directory))
        for number, port in enumerate(ports, 1)
        for directory in (home / f"node{number}",)
    )
    return Cluster(home, tuple(nodes))


def kill(number: int, directory: Path | str | None = None, *, signal: str = "KILL") -> Node:
    """Send a signal to one node: ``KILL``, ``TERM`` (drain), ``STOP`` or ``CONT``.

    Returns the node. Raises LocalServerError where it does not run.
    """
    found = status(directory)
    node = next((node for node in found.nodes if node.number == number), None)
    if node is None or node.pid is None:
        raise LocalServerError(
            f"Node {number} does not run.",
            hint=f"there are nodes 1 to {len(found.nodes)}; `manticore local status` shows them",
        )
    process.send(node.pid, signal, None)
    return node


def stop(directory: Path | str | None = None) -> bool:
    """Stop every node at once, a minute of patience for all; False if none ran."""
    running = [node for node in status(directory).nodes if node.pid is not None]
    for name, patience in (("CONT", 0.0), ("TERM", 10.0), ("KILL", _PATIENCE)):
        for node in running:
            assert node.pid is not None
            process.send(node.pid, name, None)
        end = time.monotonic() + patience
        while any(_pid(node.directory) for node in running) and time.monotonic() < end:
            time.sleep(0.05)
    return bool(running)


def destroy(directory: Path | str) -> None:
    """Kill every node, and remove the directory."""
    for node in status(directory).nodes:
        if node.pid is not None:
            process.send(node.pid, "KILL", None)
            while _pid(node.directory):
                time.sleep(0.02)
    shutil.rmtree(_home(directory), ignore_errors=True)


def _home(directory: Path | str | None) -> Path:
    return default_directory() if directory is None else place.locate(directory)


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()


def _pid(directory: Path) -> int | None:
    try:
        pid = int((directory / "pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return pid if f"--store={directory / 'data'}" in process.command_line(pid) else None


def _start(node: Node, cluster: Cluster) -> None:
    node.directory.mkdir(mode=0o700, exist_ok=True)
    (node.directory / "pid").unlink(missing_ok=True)
    process.leave_running(
        [
            str(binary("A cluster was asked for")),
            *("start", "--insecure", f"--store={node.directory / 'data'}"),
            *(f"--listen-addr=127.0.0.1:{node.port}", "--http-addr=127.0.0.1:0"),
            f"--join={','.join(f'127.0.0.1:{one.port}' for one in cluster.nodes)}",
            *("--cache=64MiB", "--max-sql-memory=128MiB"),
            *(f"--pid-file={node.directory / 'pid'}", f"--log-dir={node.directory / 'logs'}"),
        ],
        log=node.directory / "server.log",
        keep=[],
        account=None,
        cwd=node.directory,
        COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING="true",
    )


def _initialize(cluster: Cluster) -> None:
    """`cockroach init`, once in a cluster's life."""
    done = cluster.directory / "initialized"
    first, end = cluster.nodes[0], time.monotonic() + _PATIENCE
    program = str(binary("A cluster was asked for"))
    while not done.exists():
        try:
            process.run([program, "init", "--insecure", f"--host=127.0.0.1:{first.port}"], None)
        except LocalServerError as error:
            if "already been initialized" not in f"{error.message} {error.hint}":
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)
                continue
        done.touch()


def _ready(home: Path) -> Cluster:
    """Wait until more than half of the nodes take connections, and a while for the others."""
    end = time.monotonic() + _PATIENCE
    enough = time.monotonic() + _PATIENCE / 6
    while True:
        found = status(home)
        answer = sum(_answers(node) for node in found.nodes)
        late = time.monotonic() > enough
        if answer == len(found.nodes) or (late and answer * 2 > len(found.nodes)):
            return found
        if time.monotonic() > end:
            log = found.nodes[0].directory / "server.log"
            raise process.failure("The cluster", log)
        time.sleep(0.2)


def _answers(node: Node) -> bool:
    import psycopg

    url = f"postgresql://root@127.0.0.1:{node.port}/defaultdb?sslmode=disable&connect_timeout=2"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT 1 FROM pg_catalog.pg_namespace LIMIT 1")
    except psycopg.Error:
        return False
    return True
