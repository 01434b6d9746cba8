"""How fast text becomes statements and statements become a model: the inside of `rows.reading`.

    python -m benchmarks.reading [--quick]      prints one object of JSON

Runs in a process of its own. Throughput is the best of several passes over text made beforehand,
by CPU time; linear means that twice the text takes twice the time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

from manticore_cockroachdb.migrations.parse import parse
from manticore_cockroachdb.migrations.split import split

from . import work


def schema(size: int) -> str:
    """What migrations are made of: tables, indexes, columns, comments."""
    parts, length, number = [], 0, 0
    while length < size:
        number += 1
        name = work.table(number)
        text = (
            f"-- the table {name}; it's new\n{work.create(number)};\n"
            f"CREATE INDEX {name}_amount ON {name} (amount DESC, name) WHERE noted IS NOT NULL;\n"
            f"ALTER TABLE {name} ADD COLUMN made TIMESTAMPTZ NOT NULL DEFAULT now();\n"
            f"/* and */ COMMENT ON TABLE {name} IS 'it''s number {number}';\n"
            f"UPDATE {name} SET noted = 'a; b' WHERE amount > {number};\n"
        )
        parts.append(text)
        length += len(text)
    return "".join(parts)


def seed(size: int) -> str:
    """A file of seed data: 500 rows a statement."""
    parts, length, number = [], 0, 0
    while length < size:
        text = seed_statement(number)
        number += 500
        parts.append(text)
        length += len(text)
    return "".join(parts)


def seed_statement(first: int) -> str:
    """One INSERT of 500 rows."""
    rows = ",\n".join(
        f"({n}, 'some text, it''s {n}', 'another text of the row {n}; it ends here')"
        for n in range(first, first + 500)
    )
    return f"INSERT INTO seed (id, first, second) VALUES\n{rows};\n"


def functions(size: int) -> str:
    """Functions with dollar-quoted bodies."""
    parts, length, number = [], 0, 0
    while length < size:
        number += 1
        text = (
            f"CREATE FUNCTION f{number}(a BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $body$\n"
            "BEGIN\n    -- don't\n    IF a > 1 THEN\n        RETURN a * 2;\n    END IF;\n"
            f"    RETURN {number};\nEND\n$body$;\n"
        )
        parts.append(text)
        length += len(text)
    return "".join(parts)


def split_all(text: str) -> None:
    """Only split."""
    for _ in split(text):
        pass


def parse_all(text: str) -> None:
    """Split and parse."""
    for start, end in split(text):
        parse(text[start:end])


def best(function: Callable[[str], None], text: str, passes: int) -> float:
    """CPU seconds of the fastest pass."""
    times = []
    for _ in range(passes):
        started = time.process_time()
        function(text)
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Measure and print: name -> [MB/s, time for four times the text over four times the time]."""
    size = 1_000_000 if "--quick" in sys.argv else 5_000_000
    texts: Mapping[str, Callable[[int], str]] = {
        "schema": schema,
        "seed data": seed,
        "functions": functions,
    }
    report: dict[str, tuple[float, float]] = {}
    for name, make in texts.items():
        small, large = make(size), make(4 * size)
        for what, function in (("split", split_all), ("split and parse", parse_all)):
            one, four = best(function, small, 4), best(function, large, 2)
            report[f"{what}: {name}"] = (
                len(large) / 1e6 / four,
                four / len(large) * len(small) / one,
            )
    print(json.dumps(report))


if __name__ == "__main__":
    main()
