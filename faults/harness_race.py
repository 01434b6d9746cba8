"""Many runners at once: ``python -m faults race``.

Each is a process of its own, half of them in each colour. Every migration must be applied once,
nobody may fail, and the database must look as after a single runner.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from faults import harness_migrations as migrations
from faults.harness_runner import Colour, Job, Runners
from faults.harness_servers import Served, engines, served
from faults.harness_state import Reader
from faults.harness_walk import Directories


def race(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults race")
    parser.add_argument("--runners", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", action="append", metavar="NAME")
    options = parser.parse_args(arguments)
    failed = 0
    wanted = [one for one in engines(options.engine) if not one.startswith("imitated")]
    with tempfile.TemporaryDirectory(prefix="manticore-migrations-") as root:
        directories = Directories(Path(root))
        with served(wanted) as servers, Runners() as runners:
            for server in servers.values():
                for number in range(options.rounds):
                    problems = run(server, directories, runners, options.runners)
                    said = "; ".join(problems) or "each migration applied once, all exit 0"
                    print(
                        f"{server.title}, round {number + 1}, {options.runners} runners: {said}",
                        flush=True,
                    )
                    failed += bool(problems)
    return 1 if failed else 0


def run(server: Served, directories: Directories, runners: Runners, count: int) -> list[str]:
    """One race; what went wrong."""
    directory, target = directories.of(migrations.COUNT), migrations.COUNT
    urls = (server.fresh(), server.fresh())
    readers = [Reader(url) for url in urls]
    colours: tuple[Colour, ...] = ("sync", "async")
    try:
        alone = runners.run(Job(urls[0], directory, "sync", "up", target, 30.0))
        pids = [
            runners.begin(Job(urls[1], directory, colours[n % 2], "up", target, 30.0, wait=240.0))
            for n in range(count)
        ]
        endings = [runners.end(pid, limit=300.0) for pid in pids]
        problems = [str(one) for one in (alone, *endings) if one.code != 0]
        applied = sum(one.count or 0 for one in endings)
        if applied != target:
            problems.append(f"{applied} migrations were applied instead of {target}")
        return problems + readers[1].state().differences(readers[0].state())
    finally:
        for url, reader in zip(urls, readers, strict=True):
            reader.close()
            server.drop(url)
