"""Walks struck at random moments, by a command of their own: what `fleets` and `objects` share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from faults.harness_servers import engines, served


class Tallied(Protocol):
    """What was seen, over all runs."""

    wrong: list[str]

    def lines(self) -> Iterator[str]:
        """Yield the tally, for people."""


def walked(
    name: str, about: str | None, walks: Callable[..., Tallied], arguments: Sequence[str]
) -> int:
    """Run `python -m faults NAME` on each engine there is; return its exit code.

    ``walks`` takes a server, how many runs, a seed and ``minutes``.
    """
    parser = argparse.ArgumentParser(prog=f"python -m faults {name}", description=about)
    parser.add_argument("--runs", type=int, default=100, metavar="N", help="for each engine")
    parser.add_argument("--engine", action="append", metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many")
    options = parser.parse_args(arguments)
    wanted = [one for one in engines(options.engine) if not one.startswith("imitated")]
    wrong = 0
    with served(wanted) as servers:
        for engine in wanted:
            tally = walks(servers[engine], options.runs, options.seed, minutes=options.minutes)
            print(f"{servers[engine].title}: {' '.join(tally.lines())}")
            wrong += len(tally.wrong)
    return 1 if wrong else 0
