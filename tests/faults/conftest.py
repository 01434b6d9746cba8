"""The server behind the proxy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manticore_cockroachdb import local


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL of the tests' own, or the one that the environment names."""
    given = os.environ.get("MANTICORE_TEST_POSTGRES_URL")
    return given or local.url_for(Path(tmp_path_factory.mktemp("server")))
