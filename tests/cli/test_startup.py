"""What is loaded: nothing that a command line does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb import __version__
from manticore_cockroachdb.cli.index import COMMANDS, EXIT_CODES, names

from .conftest import write_tables

pytestmark = pytest.mark.slow

MODULES = "import sys; from manticore_cockroachdb.cli import main; code = main(sys.argv[1:]);"


def loaded(*arguments: str, code: int = 0, **environ: str) -> set[str]:
    """The top-level packages and our own modules that a command line loads."""
    program = f"{MODULES} print('modules:', *sys.modules); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        check=False,
    )
    assert done.returncode == code, done.stderr
    return set(done.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize("argument", ["--help", "-h", "--version", "-V"])
def test_help_and_version_load_only_the_standard_library(argument: str) -> None:
    found = loaded(argument)
    assert not found & {"psycopg", "rich", "click", "asyncio", "importlib.metadata", "tomllib"}
    assert not any("cli.commands" in name or "cli.app" in name for name in found)


@pytest.mark.clock
def test_help_and_version_take_60_ms_at_most() -> None:
    """Of the processor, since others may be using the machine too: they hardly wait for more."""
    resource = pytest.importorskip("resource", reason="Windows has no times of child processes")

    def fastest(program: str) -> float:
        times = []
        for _ in range(6):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(
                after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            )
        return min(times)

    bare = fastest("pass")
    for argument in ("--help", "--version"):
        program = f"from manticore_cockroachdb.cli import main; main(['{argument}'])"
        assert fastest(program) - bare < 0.06


def test_a_command_loads_no_other_one_and_no_database_for_its_help() -> None:
    found = loaded("status", "--help")
    assert not found & {"psycopg", "rich", "jinja2"}
    commands = {n for n in found if n.startswith("manticore_cockroachdb.cli.commands.")}
    assert commands == {"manticore_cockroachdb.cli.commands.status"}


def test_nothing_to_do_loads_neither_rich_nor_the_pool(url: str) -> None:
    write_tables(1)
    loaded("migrate", DATABASE_URL=url)
    found = loaded("migrate", DATABASE_URL=url)
    assert "psycopg" in found
    assert not found & {
        "rich",
        "jinja2",
        "psycopg_pool",
        "manticore_cockroachdb.cli.terminal.progress",
    }


@pytest.mark.parametrize("argument", ["None", "['lint', '--help']"])
def test_the_end_is_not_spent_on_looking_for_garbage(argument: str) -> None:
    """That takes longer than all else at the end; only a process that ends may do without."""
    program = (
        "import gc; from manticore_cockroachdb.cli import main;"
        f" main({argument}); print('frozen:', gc.get_freeze_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "lint", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    frozen = int(done.stdout.rpartition("frozen:")[2])
    assert (frozen > 1000) is (argument == "None")


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "manticore_cockroachdb", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"manticore {__version__}\n"


def test_every_command_is_listed_has_a_file_and_a_page() -> None:
    here = Path(__file__).parents[2]
    files = {p.stem for p in (here / "src/manticore_cockroachdb/cli/commands").glob("[a-z]*.py")}
    assert files == {name.replace("-", "_") for name in names()}
    page = (here / "docs/cli.md").read_text(encoding="utf-8")
    for name in names():
        assert f"\n### {name}\n" in page, f"docs/cli.md has no section on {name}"
    for number, meaning in EXIT_CODES.items():
        assert f"| {number} | {meaning} |" in page
    assert sum(len(group) for group in COMMANDS.values()) == len(names())
