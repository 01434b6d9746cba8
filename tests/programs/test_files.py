"""A Python migration as a file: what is read of it before anything runs, and what is refused."""

from __future__ import annotations

import textwrap

import pytest

from manticore_cockroachdb.errors import FileError, ForeignFile
from manticore_cockroachdb.migrations import directory
from manticore_cockroachdb.migrations.file import checksum, parse_file
from manticore_cockroachdb.migrations.script import script_of

PLAIN = "def migrate(connection):\n    pass\n"


def parsed(text, name="2_x.py"):
    return parse_file(name, textwrap.dedent(text), name)


def test_what_is_known_of_it():
    text = "# @environments production, staging\n#@requires 1\n# @allow x: y\n" + PLAIN
    file = parsed(text, "20250101120000_make_digests.py")
    assert (file.version, file.description) == (20250101120000, "make digests")
    assert file.environments == ("production", "staging") and file.requires == (1,)
    assert file.is_program and not file.has_undo and file.down_sql is None
    assert file.checksum == checksum(text)
    assert parsed(PLAIN + "async def undo(connection): ...\n").has_undo
    assert list(script_of(file).nodes()) == []


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("def migrate(connection)\n    pass\n", 1, "no Python: expected ':'"),
        ("\n\ndef migrate(connection):\npass\n", 4, "no Python: expected an indented block"),
        ("x = 1\n", None, "no function migrate"),
        ("def upgrade(connection): ...\n", None, "It has upgrade"),
        ("", None, "no function migrate"),
        ("def migrate(c): ...\n\0", None, "no Python"),
        ("# @environment x\n" + PLAIN, 1, "did you mean # @environments"),
        ("# @environments\n" + PLAIN, 1, "names none"),
        ("# @requires 3\n" + PLAIN, 1, "no older version"),
        ("# @variables x\n" + PLAIN, 1, "Unknown directive"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, line, says):
    with pytest.raises(FileError) as error:
        parsed(text)
    assert says in str(error.value)
    assert error.value.line == line and error.value.path == "2_x.py"


def test_a_directive_counts_only_above_the_code():
    assert parsed(PLAIN + "# @nothing\n").is_program
    assert parsed('"""\n# @nothing\n"""\n' + PLAIN).is_program


def test_which_names_are_migrations(tmp_path):
    (tmp_path / "1_a.sql").write_text("SELECT 1;")
    (tmp_path / "2_b.py").write_text(PLAIN)
    for name in (
        "__init__.py",
        "helpers.py",
        "conftest.py",
        "2024-01-01-x.py",
        "1975ea83b712_x.py",
    ):
        (tmp_path / name).write_text("raise SystemExit")
    (tmp_path / "3_folder.py").mkdir()
    (tmp_path / "4_helper.py").write_text("def up(): ...\nx = {'a': lambda y: y}\n")
    (tmp_path / "5_half_written.py").write_text("this is no Python")
    assert [file.version for file in directory.load(tmp_path)] == [1, 2]
    for text in ("def upgrade(connection): ...\n", "def undo(connection): ...\n"):
        (tmp_path / "6_x.py").write_text(text)
        with pytest.raises(FileError, match="no function migrate"):
            directory.load(tmp_path)
    (tmp_path / "6_x.py").write_text("def migrate(connection)\n")
    with pytest.raises(FileError, match="no Python"):
        directory.load(tmp_path)
    (tmp_path / "6_x.py").write_text("from helpers import migrate, undo\n")
    assert directory.load(tmp_path)[-1].functions == ("migrate", "undo")
    (tmp_path / "2_c.sql").write_text("SELECT 1;")
    with pytest.raises(FileError, match="Version 2 is used by two files"):
        directory.load(tmp_path)


@pytest.mark.parametrize(
    ("tool", "name", "text"),
    [
        ("alembic", "20240101_x.py", "revision = 'a'\ndown_revision = None\ndef upgrade(): ...\n"),
        ("django", "0001_initial.py", "class Migration(migrations.Migration):\n    pass\n"),
        ("yoyo", "20240101_x.py", "from yoyo import step\nsteps = []\n"),
    ],
)
def test_other_tools_files_stay_refused(tmp_path, tool, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ForeignFile) as error:
        directory.load(tmp_path)
    assert error.value.tools == (tool,)
    with pytest.raises(ForeignFile) as error:
        parse_file(name, text, name)
    assert error.value.tools == (tool,)


BAD = {
    "an import that fails": (
        "import no_such_module_of_anybodys\n" + PLAIN,
        1,
        "ModuleNotFoundError",
    ),
    "an error": ("x = 1\ny = 1 / 0\n" + PLAIN, 2, "ZeroDivisionError"),
    "an error of what it calls": ("import json\njson.loads('x')\n" + PLAIN, 2, "JSONDecodeError"),
    "no function": ("migrate = 3\n", None, "migrate is no function but int"),
    "deleted": (PLAIN + "del migrate\n", None, "migrate is not defined"),
    "no argument": ("def migrate():\n    pass\n", 1, "does not take one argument"),
    "two arguments": ("\ndef migrate(a, b):\n    pass\n", 2, "does not take one argument"),
    "a generator": ("def migrate(c):\n    yield\n", 1, "is a generator"),
    "an async one": ("async def migrate(c):\n    yield\n", 1, "is a generator"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_what_executing_tells_is_told_before_anything_runs(db, colour, tmp_path, bad):
    text, line, says = BAD[bad]
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (a INT8);")
    (tmp_path / "2_x.py").write_text(text)
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(FileError) as error:
        await migration.migrate()
    assert says in error.value.message
    assert error.value.line == line and error.value.path.endswith("2_x.py")
    assert not await migration.is_applied(1)


async def test_only_what_is_due_is_executed(db, colour, tmp_path):
    (tmp_path / "1_x.py").write_text(PLAIN)
    migration = colour.Migration(db, tmp_path)
    await migration.plan()
    await migration.migrate()
    (tmp_path / "1_x.py").write_text("import no_such_module\n" + PLAIN)
    migration = colour.Migration(db, tmp_path, allow_changed=True)
    assert await migration.migrate() == 0
    await migration.status()
