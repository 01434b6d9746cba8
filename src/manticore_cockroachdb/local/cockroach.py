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

from ..errors import LocalServerError
from . import account as accounts
from . import process
from .account import Account
from .engine import Endpoint, Launch
from .place import Engine, State


def find() -> Path | None:
    """The binary, if there is one. A MANTICORE_COCKROACH that is no program is an error."""
    named = os.environ.get("MANTICORE_COCKROACH")
    found = shutil.which(named or "cockroach")
    if found is None and named:
        raise LocalServerError(
            f"MANTICORE_COCKROACH names {named}, which is not a program.",
            hint="Correct or unset MANTICORE_COCKROACH.",
        )
    return None if found is None else Path(found).absolute()


class Cockroach:
    """The engine this project is for."""

    name: Engine = "cockroachdb"
    title = "CockroachDB"

    def account(self, base: Path, *, new: bool) -> Account | None:
        """CockroachDB runs as whoever starts it, root included."""
        return None

    def create(self, base: Path, account: Account | None) -> State:
        """The node makes its store itself, at its first start."""
        version = _version(binary("CockroachDB was asked for"))
        accounts.private_directory(base / "data.new", account)
        return State("cockroachdb", version)

    def launch(self, launch: Launch) -> str:
        """``cockroach start-single-node``; a throwaway one keeps its data in memory."""
        program = binary(f"The data in {launch.base} were made by CockroachDB")
        version = _version(program)
        run = launch.base / "run"
        accounts.private_directory(run, launch.account)
        _forget(run)
        store = "type=mem,size=25%" if launch.throwaway else str(launch.base / "data")
        process.leave_running(
            [
                str(program),
                "start-single-node",
                "--insecure",
                f"--store={store}",
                "--listen-addr=127.0.0.1:0",
                "--http-addr=127.0.0.1:0",
                f"--pid-file={run / 'pid'}",
                f"--listening-url-file={run / 'url'}",
                f"--log-dir={launch.base / 'logs'}",
            ],
            log=launch.log,
            keep=[] if launch.alive is None else [launch.alive],
            account=launch.account,
            cwd=launch.base,
            COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING="true",
        )
        return version

    def endpoint(self, base: Path, state: State) -> Endpoint | None:
        """What the node wrote into ``run/`` when it was ready."""
        try:
            pid = int((base / "run" / "pid").read_text(encoding="utf-8"))
            port = urlsplit((base / "run" / "url").read_text(encoding="utf-8").strip()).port
        except (FileNotFoundError, ValueError):
            return None
        if port is None:
            return None
        url = f"postgresql://root@127.0.0.1:{port}/defaultdb?sslmode=disable"
        return Endpoint(pid, url, ("127.0.0.1", port), ready=True)

    def end(self, pid: int, account: Account | None, *, at_once: bool) -> None:
        """A drain, or none."""
        process.send(pid, "KILL" if at_once else "TERM", account)

    def clean_up(self, base: Path, endpoint: Endpoint) -> None:
        """Its pid and URL mean nothing any more."""
        _forget(base / "run")


def _forget(run: Path) -> None:
    for name in ("pid", "url"):
        (run / name).unlink(missing_ok=True)


def binary(why: str) -> Path:
    found = find()
    if found is None:
        raise LocalServerError(
            f"{why}, and there is no cockroach binary.",
            hint="Put one on PATH, or name it in MANTICORE_COCKROACH.",
        )
    return found


def _version(binary: Path) -> str:
    """Such as ``20.2.19``."""
    said = process.run([str(binary), "version"], None)
    match = re.search(r"Build Tag:\s*v?(\S+)", said)
    return match[1] if match else "unknown"
