"""README and guide followed from top to bottom in one folder, twice, as they are written.

Blocks of Python run; README's commands for a terminal too. What is left out is what a reader has of
one's own: an installation, a workflow, a deployment's commands, and files shown as examples.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb import Database, local, project
from manticore_cockroachdb.cli import main
from manticore_cockroachdb.local import cockroach
from tests.support.servers import available

from .blocks import read, run, variables

ROOT = Path(__file__).parents[2]
# Blocks in a list stand as deep as its text.
DEEP = re.compile(r"^( +)```\w+\n.*?^\1```$", re.MULTILINE | re.DOTALL)
TEXT = DEEP.sub(lambda m: textwrap.dedent(m[0]), (ROOT / "docs" / "guide.md").read_text())
GUIDE = [b.code for b in read(TEXT) if b.language == "python"]
README = (ROOT / "README.md").read_text()
REST = "        # Rest of the migration code..."


def awaits(code: str) -> bool:
    """Whether a block has ``await`` at its top level, and so belongs inside ``main``."""
    try:
        compile(code, "guide", "exec")
    except SyntaxError:
        return True
    return False


@pytest.fixture
def nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A server that has none of the guide's databases, and an empty folder."""
    here = Database.from_url(url)
    for variable, value in variables(here.settings.conninfo()).items():
        monkeypatch.setenv(variable, value)
    for variable in ("PGDATABASE", "ENVIRONMENT", "DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    if not Database(database="x").settings.create:
        pytest.skip("the server under test is on another machine")
    mine = uuid.uuid4().hex[:8]
    names = {name: f"{name}_{mine}" for name in ("example_db", "async_example_db")}
    yield names
    for name in names.values():
        here.drop_database(name, force=True)
    here.close()


def as_named(code: str, names: dict[str, str]) -> str:
    """The block, on databases that are nobody's."""
    for name, mine in names.items():
        code = code.replace(f'database="{name}"', f'database="{mine}"')
    return code


def test_the_guide_s_synchronous_half(nothing: dict[str, str], capsys: Any) -> None:
    blocks = [code for code in GUIDE if not awaits(code) and REST not in code]
    assert len(blocks) > 12
    for applied, left in ((2, 0), (3, 1)):  # the third is made further down in the guide
        names: dict[str, Any] = {"__name__": "guide"}
        for code in blocks:
            run(as_named(code, nothing), names)
        said = re.sub(r"\d{14}", "N", capsys.readouterr().out)
        assert f"Applied {applied} migrations\nApplied 0 migrations\n" in said
        assert f"Rolled back {2 + left - 1} migrations" in said
        assert "Migrations applied successfully\n" in said
        assert f"Loaded {applied} migrations\n" in said
        assert "Users in database: " in said
        names["db"].close()


def test_the_guide_s_asynchronous_half(nothing: dict[str, str], capsys: Any) -> None:
    """What awaits stands inside ``main``, where the guide says so."""
    (around,) = (code for code in GUIDE if REST in code)
    inside = [code for code in GUIDE if awaits(code)]
    assert len(inside) > 5
    program = around.replace(REST, textwrap.indent("\n".join(inside), "        "))
    for _ in range(2):
        run(as_named(program, nothing), {})
        said = re.sub(r"\d{14}", "N", capsys.readouterr().out)
        assert said.count("Version N: create async users table") == 1, "one file, however often"
        assert "Rolled back 1 migrations\nManually reverted migration N\n" in said
        assert "Error" not in said


@pytest.fixture(params=available())
def own_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What ``local:`` leads to, on each engine that can be had here."""
    parent = Path(tempfile.mkdtemp(prefix="manticore-test-", dir="/tmp"))
    parent.chmod(0o711)
    for name in ("DATABASE_URL", "MANTICORE_URL", "MANTICORE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    if (binary := cockroach.find()) is not None:
        monkeypatch.setenv("MANTICORE_COCKROACH", str(binary))
    monkeypatch.setenv("MANTICORE_LOCAL_ENGINE", request.param)
    monkeypatch.setenv("MANTICORE_LOCAL_DIR", str(parent / "own"))
    local.start(parent / "own", durable=False)
    yield
    local.destroy(parent / "own")
    shutil.rmtree(parent, ignore_errors=True)


@pytest.mark.usefixtures("own_server")
def test_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (commands,) = (b for b in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "migrate" in b)
    lines = [shlex.split(line, comments=True) for line in commands.replace("\\\n", "").splitlines()]
    assert {words[0] for words in lines} == {"export", "manticore"}
    monkeypatch.chdir(tmp_path)
    for times in (1, 2):
        caplog.clear()
        run(program, {})
        said = capsys.readouterr().out
        assert "'name': 'Ada'" in said and "1 rolled back" in said
        assert ("created the database" in caplog.text) == (times == 1)
        for words in lines:
            if words[0] == "export":
                monkeypatch.setenv(*words[1].split("="))
            else:
                assert main(words[1:]) == 0, capsys.readouterr().err
        said = capsys.readouterr().err
        assert "rolled back" in said and project.database_name(tmp_path) in said
        monkeypatch.delenv("DATABASE_URL")
        names = sorted(p.name.partition("_")[2] for p in (tmp_path / "migrations").iterdir())
        assert names == ["add_email_to_users.sql", "create_users_table.sql"]


@pytest.mark.usefixtures("own_server")
def test_a_shell_is_led_to_a_server_of_one_s_own(tmp_path: Path) -> None:
    """As the guide says for who has none."""
    program = "from manticore_cockroachdb import *; print(Database(database='shop').select('t'))"
    manticore = Path(sys.executable).parent / "manticore"
    script = f"eval \"$('{manticore}' local env)\" && env | grep ^PG && '{sys.executable}' -c "
    done = subprocess.run(
        ["bash", "-c", script + f'"{program}" 2>&1'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "created the database shop" in done.stdout and "UndefinedTable" in done.stdout
    assert "PGUSER=root" in done.stdout


def test_a_migration_that_is_there_stays_the_only_one(tmp_path: Path) -> None:
    from manticore_cockroachdb import Migration

    migration = Migration(Database(), tmp_path)
    table, drop = "CREATE TABLE t (\n    id INT\n);", "DROP TABLE t;"
    path = migration.create_migration("Make t", table, drop, exist_ok=True)
    deeper = textwrap.indent(table, "    ")
    assert migration.create_migration("make T!", deeper, drop, exist_ok=True) == path
    other = migration.create_migration("make t", table, None, exist_ok=True)
    assert migration.create_migration("remake t", table, drop, exist_ok=True) not in (path, other)
    assert migration.create_migration("make t", table, drop) != path, "new unless one says so"
    assert len(migration.load_migrations()) == 4
