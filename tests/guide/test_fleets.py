"""The page on fleets: its configuration, its commands and its program do what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Manticore, manticore, nothing_set, on  # noqa: F401

PAGE = (Path(__file__).parents[2] / "docs" / "fleets.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture
def tenants(on: Manticore) -> Manticore:  # noqa: F811
    """What the page begins with, in the current directory."""
    (sql,) = blocks("sql")
    name = sql.splitlines()[0].removeprefix("-- ")
    Path(name).parent.mkdir()
    Path(name).write_text(sql)
    Path("manticore.toml").write_text(blocks("toml")[0])
    return on


def typed(block: str) -> list[list[str]]:
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


def test_two_tenants(tenants: Manticore) -> None:
    migrate, status = typed(blocks("bash")[0])
    tenants(*migrate)
    assert tenants(*status).out == blocks("text")[0]


def test_every_command_of_the_page_runs(tenants: Manticore) -> None:
    tenants("migrate", "--fleet", "tenants", "--create")
    for command in [one for block in blocks("bash")[1:] for one in typed(block)]:
        if "--except" in command:  # for a tenant that these two are not
            command = [word.replace("acme_test", "bolt") for word in command]
        if "--to" in command:
            command[command.index("6")] = "0"
        tenants(*command)


def test_the_program(tenants: Manticore) -> None:
    (program,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_every_key_is_one_that_a_fleet_has() -> None:
    from manticore_cockroachdb.fleet.spec import FleetSpec

    keys = set(re.findall(r"^\| `(\w+) = ", PAGE, re.MULTILINE))
    assert keys >= {"names", "query", "schemas", "command", "schema", "database", "url"}
    assert keys <= set(FleetSpec.__dataclass_fields__)
