"""The proxy as a process of its own: ``python -m faults.proxy``, and `ProxyProcess` to hold one.

In a process of its own the proxy does not share Python's lock with the program it is measuring.
It prints its port on a line and runs until SIGTERM, SIGINT or the end of its standard input when
``--control`` is given. With ``--control`` it also answers each line ``count`` on standard input by
a line of JSON, ``{"connections": 2, "round_trips": 14}``, and forgets all at ``reset``.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from faults.proxy import LOOPBACK, Proxy, target_of

if TYPE_CHECKING:
    from faults.imitate import Imitation


def main(arguments: list[str] | None = None) -> None:
    """Run a proxy until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m faults.proxy",
        description="Stand between a PostgreSQL client and its server, delaying and counting.",
    )
    parser.add_argument(
        "--target",
        required=True,
        help="the server: host:port, /directory:port, a socket's path or a libpq URL",
    )
    parser.add_argument("--listen", default=f"{LOOPBACK}:0", help="default %(default)s")
    parser.add_argument(
        "--delay-ms", type=float, default=0.0, help="time added to a round trip; default 0"
    )
    parser.add_argument(
        "--imitate",
        metavar="VERSION",
        type=_imitation,
        help="answer as this CockroachDB, for instance v25.4.3",
    )
    parser.add_argument(
        "--control", action="store_true", help="answer `count` and `reset` on standard input"
    )
    options = parser.parse_args(arguments)
    listen_host, listen_port = target_of(options.listen)
    if listen_host not in (LOOPBACK, "localhost"):
        parser.error(f"--listen must be on {LOOPBACK}")
    host, port = target_of(options.target)
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    with Proxy(
        host,
        port,
        listen_port=listen_port,
        delay_ms=options.delay_ms,
        imitation=options.imitate,
    ) as proxy:
        print(proxy.port, flush=True)
        if options.control:
            threading.Thread(target=_control, args=(proxy, stop), daemon=True).start()
        stop.wait()


def _imitation(version: str) -> Imitation:
    from faults.imitate import Imitation

    return Imitation(version)


def _control(proxy: Proxy, stop: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "count":
            counts = {"connections": len(proxy.connections), "round_trips": proxy.round_trips()}
            print(json.dumps(counts), flush=True)
        elif line.strip() == "reset":
            proxy.reset()
            print("{}", flush=True)
    stop.set()


class ProxyProcess:
    """A proxy in a process of its own, for as long as the ``with`` lasts."""

    def __init__(self, target: str, *, delay_ms: float = 0.0) -> None:
        self._command = [
            sys.executable,
            "-m",
            "faults.proxy",
            f"--target={target}",
            f"--delay-ms={delay_ms}",
            "--control",
        ]
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
        self.port = int(self._line())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=10)

    def counts(self) -> tuple[int, int]:
        """Connections and round trips since the start or the last `reset`."""
        counts = json.loads(self._ask("count"))
        return counts["connections"], counts["round_trips"]

    def reset(self) -> None:
        """Close all connections and count from 0."""
        self._ask("reset")

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the proxy process ended")
        return line
