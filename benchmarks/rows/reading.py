"""Three kinds of work, on texts as people write them and on texts made to be slow: splitting a
file into statements; loading it as a migration, with its parts, directives and checksum; and
reading each statement into the model that plans are made from. The last looks at every token of
small statements, so there the number of statements a second counts, not their length, and the
bar in MB/s is held against long statements only; of texts made to be slow it is enough there
that time grows with their length. Linear: four times the text takes four
times as long, and not more than half of that beyond: what grows with the square takes sixteen.
All of this by CPU time.

Then whole files of seed data through `manticore migrate`, one migration each, with the most
memory that the process ever held.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..bench import Bench
from ..clock import Command, run
from ..findings import Bar, Section, Table, megabytes, seconds
from ..reading import MODEL, seed_statement
from ..servers import SHORT, Place, server
from ..tools import Psql

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = "CREATE TABLE seed (id BIGINT PRIMARY KEY, first TEXT, second TEXT);\n"
MEMORY = 150e6
# Read token by token into the model: what counts for these is how many statements a second.
SMALL = ("small DDL statements", "small functions", "seed data, an INSERT a row")


def measure(bench: Bench) -> Section:
    """Throughput first, then memory."""
    bars: list[Bar] = []
    tables = (_throughput(bench, bars), _files(bench, bars))
    return Section("reading", "Splitting and parsing", f"{__doc__}", tuple(bars), tables)


def _throughput(bench: Bench, bars: list[Bar]) -> Table:
    argv = (sys.executable, "-m", "benchmarks.reading", *(["--quick"] if bench.quick else []))
    report = json.loads(run(Command(argv, cwd=ROOT)).out)
    rows: list[tuple[str, ...]] = []
    for what, found in report.items():
        for text, (speed, growth, rate) in found.items():
            rows.append((what, text, f"{speed:,.0f} MB/s", f"{growth:.2f} ×", f"{rate:,.0f}"))
        counted = [t for t in found if what != MODEL or not t.startswith((*SMALL, "hostile"))]
        slowest = min(counted, key=lambda t: found[t][0])
        steepest = max(found, key=lambda t: found[t][1])
        bars.append(Bar(f"{what}: {slowest}, the slowest", found[slowest][0], 20, "MB/s", True))
        linear = f"{what}: time for 4 × the text, of linear; {steepest}, the steepest"
        bars.append(Bar(linear, found[steepest][1], 1.5, "times"))
    return Table(("", "text", "throughput", "4 × the text, of linear", "statements/s"), tuple(rows))


def _files(bench: Bench, bars: list[Bar]) -> Table:
    rows: list[tuple[str, ...]] = []
    for engine in bench.engines:
        with server(engine) as here:
            for size in (1, 4) if bench.quick else (10, 50):
                directory = _seed(bench, size)
                with here.database() as place:
                    found = run(bench.ours.migrate(directory, place))
                    _complete(place, directory)
                psql = ""
                if not Psql().refuses(engine, ""):
                    with here.database() as place:
                        psql = seconds(run(Psql().file(directory / "psql.txt", place)).seconds)
                bench.say(f"  {SHORT[engine]}: {size} MB: {found.seconds:.1f} s, {found.peak}")
                cells = (seconds(found.seconds), seconds(found.cpu), megabytes(found.peak), psql)
                rows.append((f"{size} MB", SHORT[engine], *cells))
            what = f"a {size} MB seed file on {SHORT[engine]}: peak memory"
            bars.append(Bar(what, found.peak, MEMORY, "bytes"))
    heading = ("seed file", "on", "`manticore migrate`", "CPU", "peak memory", "psql")
    return Table(heading, tuple(rows))


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
