"""Shell completion: the scripts, and what they are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb.cli.index import names

from .conftest import Manticore

pytestmark = pytest.mark.slow


def complete(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from manticore_cockroachdb.cli import main; main([])"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "_MANTICORE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["manticore", *words]),
            "COMP_CWORD": str(len(words)),
        },
    )
    assert done.returncode == 0, done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_understands(manticore: Manticore, shell: str) -> None:
    script = manticore("completion", shell).out
    assert "_MANTICORE_COMPLETE" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_commands_options_and_environments_are_completed() -> None:
    Path("manticore.toml").write_text("[environments.production]\n[environments.staging]\n")
    assert complete("") == list(names())
    assert complete("st") == ["status"]
    assert complete("lock", "re") == ["release"]
    assert "--fresh" in complete("migrate", "--f")
    assert complete("migrate", "--env", "p") == ["production"]


def test_versions_rules_and_schemas_are_completed() -> None:
    directory = Path("db/changes")
    directory.mkdir(parents=True)
    for name in ("1_first.sql", "12_second.sql", "2_third.sql", "readme.txt", "none.sql"):
        (directory / name).write_text("SELECT 1;")
    Path("manticore.toml").write_text('dir = "db/changes"\n[environments.staging]\n')
    for words in (("migrate", "--to"), ("rollback", "--to"), ("repair",), ("baseline",)):
        assert complete(*words, "1") == ["1", "12"]
    assert complete("plan", "--dir", "nowhere", "--to", "") == []
    assert complete("lint", "--ignore", "drop-t") == ["drop-table"]
    assert complete("lint", "--select", "rename,drop-t") == ["rename,drop-table"]
    assert complete("diff", "st")[0] == "staging"
    Path("manticore.toml").write_text("this is no configuration")
    assert complete("migrate", "--to", "1") == []
