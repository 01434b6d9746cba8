"""What a test costs with each fixture of the pytest plugin, in milliseconds a test.

    python -m benchmarks.plugin [--tests 100] [--migrations 20] [--engine cockroachdb] [--url URL]

It makes a project with that many migrations, runs pytest in it with that many tests of one query
each, and gives the median over the tests, of set-up, test and clearing up together, and the
slowest tenth's limit; the first test, with the server's start and the migrations, by itself.
Without --url it is a throwaway server of pytest's own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

CLOCK = """
import pathlib, time, pytest

TIMES = []

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    start = time.perf_counter()
    result = yield
    TIMES.append((time.perf_counter() - start) * 1000)
    return result

def pytest_sessionfinish():
    pathlib.Path("times").write_text(" ".join(map(str, TIMES)))
"""
FIXTURES = {
    "manticore_transaction": "    assert manticore_transaction.select('t1') == []",
    "manticore_async_transaction": """\
    async def body():
        async with manticore_async_transaction as db:
            assert await db.select('t1') == []
    asyncio.run(body())""",
    "manticore_db": "    assert manticore_db.select('t1') == []",
    "manticore_async_db": """\
    async def body():
        async with manticore_async_db as db:
            assert await db.select('t1') == []
    asyncio.run(body())""",
}


def main() -> None:
    """Print a line for each fixture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=100)
    parser.add_argument("--migrations", type=int, default=20)
    parser.add_argument("--engine", default="postgresql")
    parser.add_argument("--url")
    given = parser.parse_args()
    environ = {k: v for k, v in os.environ.items() if k != "MANTICORE_TEST_URL"}
    if given.url:
        environ["MANTICORE_TEST_URL"] = given.url
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / "migrations").mkdir()
        for n in range(1, given.migrations + 1):
            sql = f"CREATE TABLE t{n} (id INT8 PRIMARY KEY, a TEXT, b TEXT);\n"
            (project / "migrations" / f"{n}_t{n}.sql").write_text(sql)
        (project / "pytest.ini").write_text(f"[pytest]\nmanticore_engine = {given.engine}\n")
        for fixture, body in FIXTURES.items():
            first, *rest = _times(project, fixture, body, given.tests + 1, environ)
            rest.sort()
            print(
                f"{fixture:<28} {median(rest):7.1f} ms a test, 90 % within"
                f" {rest[len(rest) * 9 // 10]:.1f} ms; the first {first:,.0f} ms",
                flush=True,
            )


def _times(
    project: Path, fixture: str, body: str, tests: int, environ: dict[str, str]
) -> list[float]:
    """Milliseconds for each test."""
    (project / "conftest.py").write_text(CLOCK)
    (project / "test_it.py").write_text(
        "import asyncio, pytest\n"
        f"@pytest.mark.parametrize('n', range({tests}))\n"
        f"def test_it({fixture}, n):\n{body}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=project, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return [float(time) for time in (project / "times").read_text().split()]


if __name__ == "__main__":
    main()
