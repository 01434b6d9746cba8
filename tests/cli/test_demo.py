"""The demonstration: it shows what it promises and leaves nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manticore_cockroachdb import Database, local

from .conftest import Manticore

pytestmark = pytest.mark.slow


def databases(url: str) -> set[str]:
    with Database.from_url(url).dedicated() as connection:
        crdb = connection.info.parameter_status("crdb_version")
        sql = "SHOW DATABASES" if crdb else "SELECT datname FROM pg_database"
        return {str(row[0]) for row in connection.execute(sql.encode()).fetchall()}


def test_on_a_server(manticore: Manticore, url: str) -> None:
    before = databases(url)
    answer = manticore("demo", "--url", url)
    assert databases(url) == before
    assert not list(Path().iterdir())
    shown = re.sub(r"\d{14}", "N", re.sub(r"\(\d[^)]*s\)", "(T)", answer.out))
    parts = [
        "N_create_users_table.sql",
        "applied N create users table (T)",
        "applied N add age column (T)",
        "inserted Migration Test User, 30",
        "rolled back N add age column (T)",
        "its columns are id, name, email, created_at\n",
        "applied N add age column (T)",
        "It works.",
    ]
    position = -1
    for part in parts:
        position = shown.find(part, position + 1)
        assert position >= 0, f"{part!r} is missing, or too early, in\n{shown}"


def test_on_a_server_of_ones_own(manticore: Manticore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither DATABASE_URL nor the configuration counts, and the server is stopped again."""
    import tempfile

    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/not-this-one")
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", "postgresql")
    Path("manticore.toml").write_text('url = "postgresql://127.0.0.1:1/nor-this-one"')
    with tempfile.TemporaryDirectory(prefix="manticore-test-", dir="/tmp") as home:
        Path(home).chmod(0o711)
        monkeypatch.setenv("MANTICORE_LOCAL_DIR", f"{home}/db")
        try:
            assert "It works." in manticore("demo").out
            assert not local.status().running
            url = local.start().url
            assert url is not None
            assert manticore("demo", "-q").out == ""
            assert local.status().running  # it ran before
            assert not [name for name in databases(url) if name.startswith("manticore_demo")]
        finally:
            local.destroy(Path(home) / "db")
