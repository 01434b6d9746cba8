"""What an import costs: the package's names load on first use, and nothing heavy before."""

from __future__ import annotations

import subprocess
import sys

import pytest

import manticore_cockroachdb


def loaded_after(code: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after the code."""
    program = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import manticore_cockroachdb; manticore_cockroachdb.__version__",
        "from manticore_cockroachdb import ManticoreError, ConnectionFailed",
        "from manticore_cockroachdb import Settings; Settings().display()",
        "from manticore_cockroachdb.config import resolve; resolve('local:/x'); resolve()",
    ],
)
def test_the_package_loads_neither_psycopg_nor_click_nor_rich(code: str) -> None:
    heavy = {"psycopg", "psycopg_pool", "click", "rich", "asyncio"}
    assert not heavy & loaded_after(code)


def test_the_pool_is_loaded_only_when_it_opens() -> None:
    code = "from manticore_cockroachdb import Database; Database(database='x')"
    assert "psycopg_pool" not in loaded_after(code)


def test_every_public_name_is_there() -> None:
    for name in manticore_cockroachdb.__all__:
        assert getattr(manticore_cockroachdb, name) is not None
    assert set(manticore_cockroachdb.__all__) <= set(dir(manticore_cockroachdb))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Databse"):
        manticore_cockroachdb.Databse  # noqa: B018
    with pytest.raises(ImportError):
        from manticore_cockroachdb import Databse  # noqa: F401


def test_public_names_say_where_they_live() -> None:
    from manticore_cockroachdb.async_database import AsyncDatabase
    from manticore_cockroachdb.database import Database

    assert manticore_cockroachdb.AsyncDatabase is AsyncDatabase
    assert manticore_cockroachdb.Database is Database
