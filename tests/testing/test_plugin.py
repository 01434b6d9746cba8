"""The pytest plugin, used as a project would use it."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from manticore_cockroachdb.testing.databases import PREFIX

from .conftest import Project, plugin

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]


def leftovers(url: str) -> list[str]:
    """Databases that the plugin made and that are still there."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT datname FROM pg_catalog.pg_database").fetchall()
    return [row[0] for row in rows if row[0].startswith((PREFIX, "_manticore_scratch_"))]


def test_each_test_has_a_fresh_migrated_database(project: Project, server_url: str) -> None:
    done = project(
        """
        import asyncio

        NAMES = set()

        def test_one(manticore_db):
            assert manticore_db.select("users") == [{"id": 1, "name": "one"}]
            manticore_db.insert("users", {"id": 2, "name": "two"})
            NAMES.add(manticore_db.settings.database)

        def test_two(manticore_db, manticore_url):
            assert len(manticore_db.select("users")) == 1
            assert manticore_db.settings.database in manticore_url
            assert manticore_db.settings.database not in NAMES

        def test_asynchronously(manticore_async_db):
            async def body():
                async with manticore_async_db as db:
                    assert len(await db.select("users")) == 1
            asyncio.run(body())

        def test_left_open(manticore_async_db):
            async def body():
                assert len(await manticore_async_db.select("users")) == 1
            asyncio.run(body())

        def test_migration(manticore_migration):
            assert manticore_migration.get_current_version() == 2
            assert manticore_migration.rollback() == 1
        """
    )
    done.assert_outcomes(passed=5)
    assert leftovers(server_url) == []


def test_the_checks_pass_for_what_is_well_made(project: Project, server_url: str) -> None:
    done = project("from manticore_cockroachdb.testing.checks import *")
    done.assert_outcomes(passed=6)
    assert leftovers(server_url) == []


@pytest.mark.engine("postgresql", because="one engine")
def test_the_checks_find_what_is_not(project: Project, server_url: str) -> None:
    """What a check finds is the library's business, tested there on both engines."""
    done = project(
        "from manticore_cockroachdb.testing.checks import *",
        _2_again="SELECT 1;",
    )
    done.stdout.fnmatch_lines(["*Version 2 is used by two files*"])
    assert leftovers(server_url) == []


@pytest.mark.engine("postgresql", because="one engine")
def test_undo_parts_that_do_not_undo(project: Project) -> None:
    """What a check finds is the library's business, tested there on both engines."""
    done = project(
        "from manticore_cockroachdb.testing.checks import test_every_migration_is_reversible",
        _3_bad="ALTER TABLE users ADD COLUMN age INT8;\n-- @UNDO\nSELECT 1;\n",
        _4_none="SELECT 1;",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*3: undo failed: The undo part does not lead back*"])


@pytest.mark.engine("postgresql", because="one engine")
def test_versions_that_need_no_undo_part(project: Project) -> None:
    """A setting is read alike on both engines."""
    tests = "from manticore_cockroachdb.testing.checks import test_every_migration_is_reversible"
    none = {"_3_none": "ALTER TABLE users ADD COLUMN age INT8;"}
    project(tests, **none).assert_outcomes(failed=1)
    project(tests, "manticore_irreversible = 3", **none).assert_outcomes(passed=1)


@pytest.mark.engine("postgresql", because="one engine")
def test_settings_and_overrides(project: Project, pytester: pytest.Pytester) -> None:
    """A setting is read alike on both engines."""
    other = pytester.mkdir("other")
    (other / "7_seven.sql").write_text("CREATE TABLE seven (id INT8 PRIMARY KEY);")
    tests = "def test_it(manticore_migration): assert manticore_migration.is_applied(7)"
    project(tests, "manticore_migrations_dir = other").assert_outcomes(passed=1)
    project(tests, "manticore_migrations_dir = nowhere").assert_outcomes(errors=1)
    pytester.makeconftest(
        """
        import pathlib, pytest

        @pytest.fixture(scope="session")
        def manticore_migrations_dir():
            return pathlib.Path(__file__).parent / "other"
        """
    )
    project(tests).assert_outcomes(passed=1)


@pytest.mark.engine("postgresql", because="one engine")
def test_variables(project: Project, pytester: pytest.Pytester) -> None:
    tests = "def test_it(manticore_db): assert manticore_db.select('in_test') == []"
    declared = "-- @variables where\nCREATE TABLE in_${where} (id INT8 PRIMARY KEY);"
    project(tests, _3_declared=declared).assert_outcomes(errors=1)
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def manticore_variables():
            return {"where": "test"}
        """
    )
    project(tests, _3_declared=declared).assert_outcomes(passed=1)


@pytest.mark.engine("postgresql", because="one engine")
def test_a_migration_that_fails_is_told_and_leaves_nothing(
    project: Project, server_url: str
) -> None:
    """The library's own tests have failures on both engines."""
    done = project("def test_it(manticore_db): pass", _3_bad="DROP TABLE nowhere;")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*Migration 3 failed*"])
    assert leftovers(server_url) == []


def test_a_server_of_our_own(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANTICORE_TEST_URL", raising=False)
    (pytester.mkdir("migrations") / "1_t.sql").write_text("CREATE TABLE t (id INT8 PRIMARY KEY);")
    pytester.makeini("[pytest]\nmanticore_engine = postgresql\n")
    pytester.makepyfile("def test_it(manticore_db): assert manticore_db.select('t') == []")
    pytester.runpytest_subprocess(*plugin()).assert_outcomes(passed=1)


def test_it_costs_nothing_when_it_is_not_used() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules);"
        "import manticore_cockroachdb.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [m for m in loaded if m.startswith(("psycopg", "click", "rich", "asyncio"))]
    ours = [m for m in loaded if m.startswith("manticore_cockroachdb")]
    assert set(ours) <= {
        "manticore_cockroachdb",
        "manticore_cockroachdb._version",
        "manticore_cockroachdb.testing",
        "manticore_cockroachdb.testing.plugin",
    }


@pytest.mark.engine("postgresql", because="one engine")
def test_another_tools_directory_fails_the_checks(project: Project, server_url: str) -> None:
    done = project(
        "from manticore_cockroachdb.testing.checks import *",
        _3_more="-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE users;\n",
    )
    assert "passed" not in done.parseoutcomes()
    done.stdout.fnmatch_lines(["*The line '-- +goose Down' is goose's*"])
    assert leftovers(server_url) == []


@pytest.mark.engine("postgresql", because="one engine")
def test_an_empty_directory_is_a_warning(
    project: Project, pytester: pytest.Pytester, server_url: str
) -> None:
    for path in (pytester.path / "migrations").iterdir():
        path.unlink()
    done = project("def test_one(manticore_db):\n    assert not manticore_db.exists('users')\n")
    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.fnmatch_lines(["*No migrations in *migrations, which is empty.*"])


UNDONE = """
import asyncio, psycopg, pytest

LEFT = [{"id": 1, "name": "one"}]

def test_one(manticore_transaction):
    assert manticore_transaction.select("users") == LEFT
    manticore_transaction.insert("users", {"id": 2, "name": "two"})
    with manticore_transaction.transaction():
        manticore_transaction.insert("users", {"id": 3, "name": "three"})
    with pytest.raises(psycopg.errors.UniqueViolation), manticore_transaction.transaction():
        manticore_transaction.insert("users", {"id": 3, "name": "three"})
    assert len(manticore_transaction.select("users")) == 3

def test_two(manticore_transaction):
    assert manticore_transaction.select("users") == LEFT
    with pytest.raises(psycopg.errors.UniqueViolation):
        manticore_transaction.insert("users", LEFT[0])

@pytest.mark.parametrize("number", range(2))
def test_asynchronously(manticore_async_transaction, number):
    async def body():
        async with manticore_async_transaction as db:
            assert await db.select("users") == LEFT
            await db.insert("users", {"id": 2, "name": "two"})
            async with db.transaction():
                await db.insert("users", {"id": 3, "name": "three"})
            assert len(await db.select("users")) == 3
    asyncio.run(body())

def test_beside(manticore_db, manticore_transaction):
    manticore_transaction.delete("users", {"id": 1})
    assert manticore_db.select("users") == LEFT
"""


def test_a_transaction_that_is_rolled_back_at_the_test_s_end(
    project: Project, server_url: str
) -> None:
    project(UNDONE).assert_outcomes(passed=5)
    assert leftovers(server_url) == []


def test_a_test_that_ends_its_transaction_spoils_nothing(project: Project, server_url: str) -> None:
    done = project(
        """
        import asyncio

        LEFT = [{"id": 1, "name": "one"}]

        def test_one(manticore_transaction):
            manticore_transaction.insert("users", {"id": 2, "name": "two"})
            manticore_transaction.execute("COMMIT")

        def test_two(manticore_transaction):
            assert manticore_transaction.select("users") == LEFT

        def test_three(manticore_async_transaction):
            async def body():
                async with manticore_async_transaction as db:
                    await db.insert("users", {"id": 2, "name": "two"})
                    await db.execute("COMMIT")
            asyncio.run(body())

        def test_four(manticore_transaction):
            assert manticore_transaction.select("users") == LEFT
        """
    )
    done.assert_outcomes(passed=3, failed=1, errors=1)
    done.stdout.fnmatch_lines(["*the test ended the transaction that it was in*"])
    assert leftovers(server_url) == []
