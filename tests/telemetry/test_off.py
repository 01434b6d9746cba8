"""Off, which it is unless asked for, telemetry is not even imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from psycopg import AsyncCursor, Cursor

from manticore_cockroachdb import AsyncDatabase, ConfigError, Database, telemetry

from .conftest import Told

PROGRAM = """
import sys
from manticore_cockroachdb import Database, Migration
with Database.from_url(sys.argv[1]) as db:
    db.execute("SELECT 1")
    Migration(db, sys.argv[2]).migrate()
loaded = ("opentelemetry", "manticore_cockroachdb.telemetry")
print(sorted(m for m in sys.modules if m.startswith(loaded)))
"""


@pytest.mark.slow
def test_nothing_of_opentelemetry_is_imported(url: str, tmp_path: Any) -> None:
    (tmp_path / "1_a.sql").write_text("CREATE TABLE a (id INT PRIMARY KEY);")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['manticore_cockroachdb.telemetry']"


async def test_connections_have_psycopgs_own_cursors(url: str, colour: Any) -> None:
    db = colour.database(url)
    async with db.connection() as connection:
        assert connection.cursor_factory in (AsyncCursor, Cursor)
        assert connection.target is None


def test_enable_is_for_databases_that_are_made_later(told: Told) -> None:
    before = Database("x")
    handle = telemetry.enable(told.tracers, told.meters)
    try:
        assert before.telemetry is None
        assert Database("x").telemetry is handle and AsyncDatabase("x").telemetry is handle
        assert Database("x", telemetry=False).telemetry is None
        assert Database("x").sibling("y").telemetry is handle
    finally:
        telemetry.disable()
    assert Database("x").telemetry is None
    assert Database("x", telemetry=True).telemetry is not None


def test_the_instrumentor_enables_and_disables(told: Told) -> None:
    instrumentor = telemetry.Instrumentor()
    instrumentor.instrument(tracer_provider=told.tracers, meter_provider=told.meters)
    try:
        assert Database("x").telemetry is not None
    finally:
        instrumentor.uninstrument()
    assert Database("x").telemetry is None


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="'telemetry' is True or False"):
        Database("x", telemetry="yes")


def test_without_opentelemetry_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from manticore_cockroachdb import ConfigError, Database\n"
        "try: Database('x', telemetry=True)\n"
        "except ConfigError as error: print(error.message, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "[otel]" in done.stdout and "not installed" in done.stdout
