"""A project of a user's, made by pytester, that runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FILES = {
    "1_users": "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT NOT NULL);\n"
    "-- @UNDO\nDROP TABLE users;\n",
    "2_seed": "INSERT INTO users VALUES (1, 'one');\n-- @UNDO\nDELETE FROM users WHERE id = 1;\n",
}

Project = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_url: str) -> Project:
    """Run tests in a directory with migrations; ``files`` are put beside the usual ones."""
    monkeypatch.setenv("MANTICORE_TEST_URL", server_url)
    directory = pytester.mkdir("migrations")
    for name, text in FILES.items():
        (directory / f"{name}.sql").write_text(text)

    def run(tests: str, ini: str = "", **files: str) -> pytest.RunResult:
        for name, text in files.items():
            (directory / f"{name.lstrip('_')}.sql").write_text(text)
        pytester.makeini(f"[pytest]\n{ini}")
        pytester.makepyfile(tests)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *plugin())

    return run


def plugin() -> list[str]:
    """Load the plugin by name where the installed package has no entry point for it yet."""
    from importlib.metadata import entry_points

    there = any(e.name == "manticore" for e in entry_points(group="pytest11"))
    return [] if there else ["-p", "manticore_cockroachdb.testing.plugin"]


@pytest.fixture
def server_url(server) -> str:
    """The server under test."""
    return server.url
