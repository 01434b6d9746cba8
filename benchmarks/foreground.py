"""Small transactions on a table at a fixed rate, in a process of their own.

    python -m benchmarks.foreground URL ROWS RATE

Each changes one row of `items` by its key. They are due at fixed times, whether or not the one
before has ended, and a time is counted from when the change was due: one that had to wait for
another has waited (no coordinated omission). Several connections take turns, as an application's
pool does. Says ``ready`` when it is connected and warm; at the end of its standard input it prints
a line of JSON: for each change when it was due, in seconds since ``ready``, and how long it took.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

CONNECTIONS = 4
UPDATE = b"UPDATE items SET name = 'touched' WHERE id = %s"


@dataclass
class Seen:
    """What the foreground saw: for each change when it was due, and how many seconds it took."""

    times: list[tuple[float, float]] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return percentile([took for _, took in self.times], 0.99)

    @property
    def median(self) -> float:
        """The 50th percentile, in seconds."""
        return percentile([took for _, took in self.times], 0.5)


def percentile(values: list[float], part: float) -> float:
    """A percentile of some values; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


@contextmanager
def foreground(url: str, rows: int, rate: float) -> Iterator[Seen]:
    """Run it beside the block; what it saw is there after it."""
    seen = Seen()
    command = [sys.executable, "-m", "benchmarks.foreground", url, str(rows), str(rate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the foreground did not begin")
            yield seen
        finally:
            process.stdin.close()
            found = process.stdout.read()
    seen.times += [(due, took) for due, took in json.loads(found)]


class _Connection(threading.Thread):
    """One connection, with every so many-th change of the schedule."""

    def __init__(self, url: str, rows: int, rate: float, number: int) -> None:
        super().__init__(daemon=True)
        self.connection = psycopg.connect(url, autocommit=True)
        self.rows, self.rate, self.number = rows, rate, number
        self.rng = random.Random(number)
        self.times: list[tuple[float, float]] = []
        self.stop = threading.Event()
        self.began = 0.0
        for _ in range(20):
            self.connection.execute(UPDATE, (0,))

    def run(self) -> None:
        """Make one change after another, each as soon as it is due."""
        number = self.number
        while not self.stop.is_set():
            due = self.began + number / self.rate
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            try:
                self.connection.execute(UPDATE, (self.rng.randrange(self.rows) + 1,))
            except psycopg.Error as error:
                print(error, file=sys.stderr)
            self.times.append((due - self.began, time.monotonic() - due))
            number += CONNECTIONS


def main(url: str, rows: int, rate: float) -> None:
    """Run until standard input ends."""
    connections = [_Connection(url, rows, rate, number) for number in range(CONNECTIONS)]
    began = time.monotonic() + 0.01
    for one in connections:
        one.began = began
        one.start()
    print("ready", flush=True)
    sys.stdin.read()
    for one in connections:
        one.stop.set()
    for one in connections:
        one.join()
    print(json.dumps(sorted(pair for one in connections for pair in one.times)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
