"""Splitting text into statements, and reading the statements into the model that plans are made
from: text like schema migrations, like seed data, like functions. Linear: four times the text
takes four times as long, and not more than a quarter beyond. Then whole files of seed data
through `manticore migrate`, with the most memory the process ever held.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..bench import Bench
from ..clock import Command, run
from ..findings import Bar, Section, Table, megabytes, seconds
from ..reading import seed_statement
from ..servers import SHORT, Place, server
from ..tools import Psql

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = "CREATE TABLE seed (id BIGINT PRIMARY KEY, first TEXT, second TEXT);\n"
MEMORY = 150e6


def measure(bench: Bench) -> Section:
    """Throughput first, then memory."""
    argv = (sys.executable, "-m", "benchmarks.reading", *(["--quick"] if bench.quick else []))
    report = json.loads(run(Command(argv, cwd=ROOT)).out)
    bars: list[Bar] = []
    rows = []
    for name, (speed, growth) in report.items():
        bars.append(Bar(name, speed, 20, "MB/s", at_least=True))
        bars.append(Bar(f"{name}: time for 4 × the text, of linear", growth, 1.25, "times"))
        rows.append((name, f"{speed:.0f} MB/s", f"{growth:.2f} ×"))
    tables = [Table(("", "throughput", "4 × the text, of linear"), tuple(rows))]
    bench.say(f"  {rows}")
    sizes = (1, 4) if bench.quick else (10, 25, 50)
    seeds = []
    for engine in bench.engines:
        with server(engine) as here:
            for size in sizes:
                directory = _seed(bench, size)
                with here.database() as place:
                    found = run(bench.ours.migrate(directory, place))
                    _complete(place, directory)
                psql = ""
                if not Psql().refuses(engine, ""):
                    with here.database() as place:
                        command = Psql().file(directory / "psql.txt", place)
                        psql = seconds(run(command).seconds)
                bench.say(f"  {SHORT[engine]}: {size} MB: {found.seconds:.1f} s, {found.peak}")
                cells = (seconds(found.seconds), seconds(found.cpu), megabytes(found.peak), psql)
                seeds.append((f"{size} MB", SHORT[engine], *cells))
            what = f"a {size} MB seed file on {SHORT[engine]}: peak memory"
            bars.append(Bar(what, found.peak, MEMORY, "bytes"))
    heading = ("seed file", "on", "`manticore migrate`", "CPU", "peak memory", "psql")
    tables.append(Table(heading, tuple(seeds)))
    return Section("reading", "Splitting and parsing", f"{__doc__}", tuple(bars), tuple(tables))


def _seed(bench: Bench, size: int) -> Path:
    """A directory with one migration of so many MB, and the same as one transaction for psql."""
    directory = bench.space / f"seed-{size}"
    if not directory.exists():
        directory.mkdir()
        with (
            (directory / "1_seed.sql").open("w") as file,
            (directory / "psql.txt").open("w") as psql,
        ):
            file.write(TABLE)
            psql.write(f"BEGIN;\n{TABLE}")
            number = 0
            while file.tell() < size * 1e6:
                text = seed_statement(number)
                file.write(text)
                psql.write(text)
                number += 500
            psql.write("COMMIT;\n")
        (directory / "rows").write_text(str(number))
    return directory


def _complete(place: Place, directory: Path) -> None:
    with place.connect() as connection:
        (count,) = connection.execute("SELECT count(*) FROM seed").fetchone() or (0,)
    assert str(count) == (directory / "rows").read_text(), count
