"""The migrations on the database of a pipeline: ``python -m tests.test_migrations``.

    DATABASE_URL=postgresql://root@localhost:26257/defaultdb?sslmode=disable \\
        python -m tests.test_migrations

Runs the tests of `tests/migrations`, each in a database of its own on that server, which may be
CockroachDB or PostgreSQL; without DATABASE_URL, on the servers that every test run finds. Further
arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from manticore_cockroachdb import Database
from tests.support.servers import VARIABLES

MIGRATIONS = Path(__file__).parent / "migrations"


def command(environment: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """The pytest command for the server that DATABASE_URL names, or for all there are."""
    chosen = [sys.executable, "-m", "pytest", str(MIGRATIONS), *arguments]
    return [*chosen, "-k", engine_of(url)] if (url := environment.get("DATABASE_URL")) else chosen


def engine_of(url: str) -> str:
    """Which of the two engines answers there."""
    with Database.from_url(url).dedicated() as connection:
        row = connection.execute("SELECT version()").fetchone()
    return "cockroachdb" if row and str(row[0]).startswith("CockroachDB") else "postgresql"


def main(arguments: Sequence[str] = ()) -> int:
    """Run the tests and return pytest's exit code."""
    environment = dict(os.environ)
    if url := environment.get("DATABASE_URL"):
        engine = engine_of(url)
        environment.update({v: url for e, v in VARIABLES.items() if e == engine})
    return subprocess.call(command(environment, arguments), env=environment)


def test_the_guides_command_runs_the_migrations_tests(server):
    """One test of them, so that the whole does not run twice."""
    environment = {**os.environ, "DATABASE_URL": server.url}
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_migrations", "-q", "--co", "-p", "no:cacheprovider"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    other = "postgresql" if server.engine == "cockroachdb" else "cockroachdb"
    assert f"[{server.engine}-sync]" in done.stdout
    assert f"[{other}-sync]" not in done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
