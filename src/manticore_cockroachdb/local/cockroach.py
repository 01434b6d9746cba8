"""CockroachDB: a single node from the machine's own ``cockroach`` binary.

``MANTICORE_COCKROACH`` names the binary, else PATH does. The node is insecure, as CockroachDB
calls a node without certificates: every user of this machine can connect to it through its
port on 127.0.0.1. It writes its pid and its URL into ``run/``; both are removed before a start.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import account as accounts
from manticore_cockroachdb.local import process
from manticore_cockroachdb.local.account import Account
from manticore_cockroachdb.local.engine import Endpoint, Launch
from manticore_cockroachdb.local.place import Engine, State


def find() -> Path | None:
    """The binary, if there is one. A MANTICORE_COCKROACH that is no program is an error."""
    named = os.environ.get("MANTICORE_COCKROACH")
    found = shutil.which(named or "cockroach")
    if found is None and named:
        raise LocalServerError(
            f"MANTICORE_COCKROACH names {named}, which is not a program",
            hint="correct or unset MANTICORE_COCKROACH",
        )
    return None if found is None else Path(found).absolute()


class Cockroach:
    """The engine this project is for."""

    name: Engine = "cockroachdb"
    title = "CockroachDB"
    stop_signal = "TERM"
    kill_signal = "KILL"

    def account(self, base: Path, *, new: bool) -> Account | None:
        """CockroachDB runs as whoever starts it, root included."""
        return None

    def create(self, home: Path, base: Path, account: Account | None) -> State:
        """The node makes its store itself, at its first start."""
        version = _version(_binary())
        accounts.private_directory(base / "data", account)
        return State("cockroachdb", version)

    def launch(self, launch: Launch, state: State) -> str:
        """``cockroach start-single-node``; without durability, in memory only."""
        binary = _binary()
        version = _version(binary)
        run = launch.base / "run"
        accounts.private_directory(run, launch.account)
        for name in ("pid", "url"):
            (run / name).unlink(missing_ok=True)
        store = str(launch.base / "data") if launch.durable else "type=mem,size=50%"
        log = process.open_log(launch.log)
        try:
            process.leave_running(
                [
                    str(binary),
                    "start-single-node",
                    "--insecure",
                    f"--store={store}",
                    "--listen-addr=127.0.0.1:0",
                    "--http-addr=127.0.0.1:0",
                    f"--pid-file={run / 'pid'}",
                    f"--listening-url-file={run / 'url'}",
                    "--logtostderr=WARNING",
                ],
                log=log,
                keep=[] if launch.alive is None else [launch.alive],
                account=launch.account,
                COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING="true",
            )
        finally:
            os.close(log)
        return version

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """What the node wrote into ``run/`` when it was ready."""
        try:
            pid = int((base / "run" / "pid").read_text(encoding="ascii"))
            port = urlsplit((base / "run" / "url").read_text(encoding="utf-8").strip()).port
        except (FileNotFoundError, ValueError):
            return None
        if port is None:
            return None
        url = f"postgresql://root@127.0.0.1:{port}/defaultdb?sslmode=disable"
        return Endpoint(pid, url, ("127.0.0.1", port), True)

    def clean_up(self, base: Path, endpoint: Endpoint | None) -> None:
        """Its pid and URL mean nothing any more."""
        for name in ("pid", "url"):
            (base / "run" / name).unlink(missing_ok=True)


def _binary() -> Path:
    found = find()
    if found is None:
        raise LocalServerError(
            "the data were made by CockroachDB, and there is no cockroach binary",
            hint="put it on PATH or name it in MANTICORE_COCKROACH, or use another directory",
        )
    return found


def _version(binary: Path) -> str:
    """Such as ``20.2.19``."""
    said = process.run([str(binary), "version"], None)
    match = re.search(r"Build Tag:\s*v?(\S+)", said)
    return match[1] if match else "unknown"
