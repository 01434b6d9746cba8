"""Bad input: a clear error, nothing lost, nothing half done."""

from __future__ import annotations

import os

import pytest

from manticore_cockroachdb.errors import (
    ChangedFile,
    ConnectionFailed,
    FileError,
    MigrationError,
    MigrationFailed,
    Refused,
)

GOOD = "CREATE TABLE good (id INT8 PRIMARY KEY);\n"

BAD_FILES = {
    "no version": ({"create.sql": b"SELECT 1;"}, "has no version"),
    "letters": ({"12ab_x.sql": b"SELECT 1;"}, "has no version"),
    "too long": ({f"{2**63}_x.sql": b"SELECT 1;"}, "64 bits"),
    "two of one": ({"7_a.sql": b"SELECT 1;", "7_b.sql": b"SELECT 1;"}, "used by two files"),
    "empty": ({"7_a.sql": b"-- nothing yet\n-- @UNDO\nSELECT 1;"}, "forward part is empty"),
    "two markers": ({"7_a.sql": b"SELECT 1;\n-- @UNDO\n--@undo\n"}, "second -- @UNDO"),
    "not UTF-8": ({"7_a.sql": b"SELECT '\xe9';"}, "not UTF-8"),
    "open string": ({"7_a.sql": b"SELECT 1;\nSELECT 'x;"}, "(?i)unterminated string"),
    "open dollar": ({"7_a.sql": b"DO $x$ BEGIN;"}, "(?i)unterminated dollar"),
}


@pytest.mark.parametrize("case", BAD_FILES)
async def test_a_bad_file_stops_everything_before_it_starts(db, colour, tmp_path, case):
    files, message = BAD_FILES[case]
    (tmp_path / "1_good.sql").write_text(GOOD)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(FileError, match=message) as caught:
        await migration.migrate()
    assert str(tmp_path) in str(caught.value)
    assert not await db.exists("good")
    assert await migration.get_current_version() is None


async def test_a_directory_that_is_missing(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path / "nowhere")
    with pytest.raises(FileError, match="does not exist"):
        await migration.migrate()


async def test_a_directory_that_is_a_file(db, colour, tmp_path):
    (tmp_path / "file").write_text("")
    migration = colour.Migration(db, migrations_dir=tmp_path / "file")
    with pytest.raises(FileError, match="is a file"):
        await migration.migrate()
    with pytest.raises(FileError, match="is a file"):
        await migration.create_migration("x", "SELECT 1")


async def test_a_directory_that_cannot_be_read(colour, db, tmp_path, monkeypatch):
    """Permission bits would not do: the tests may run as root."""

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FileError, match="cannot be read: Permission denied"):
        await colour.Migration(db, migrations_dir=tmp_path).migrate()


@pytest.mark.parametrize(
    "description", ["../../up", "a/b\\c", 'it\'s "quoted"', "two\nlines", "'; DROP TABLE x; --"]
)
async def test_a_description_becomes_a_harmless_file_name(db, colour, tmp_path, description):
    directory = tmp_path / "m"
    migration = colour.Migration(db, migrations_dir=directory)
    path = await migration.create_migration(description, GOOD)
    assert os.path.dirname(path) == str(directory)  # noqa: PTH120
    assert await migration.migrate() == 1
    assert len(await migration.get_applied_migrations()) == 1


@pytest.mark.parametrize("description", ["", "!!!", "x" * 300])
async def test_a_description_that_cannot_be_a_name(db, colour, tmp_path, description):
    with pytest.raises(FileError):
        await colour.Migration(db, migrations_dir=tmp_path).create_migration(description, GOOD)
    assert list(tmp_path.iterdir()) == []


async def test_two_migrations_made_in_one_second_differ(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    for i in range(5):
        await migration.create_migration(f"number {i}", "SELECT 1")
    versions = [m.version for m in await migration.load_migrations()]
    assert len(set(versions)) == 5
    assert versions == sorted(versions)


async def test_a_directory_that_counts_goes_on_counting(db, colour, tmp_path):
    (tmp_path / "9_x.sql").write_text("SELECT 1;")
    path = await colour.Migration(db, migrations_dir=tmp_path).create_migration("y", "SELECT 1")
    assert path == str(tmp_path / "10_y.sql")


async def test_creating_at_the_same_time_never_collides(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)

    async def create():
        await migration.create_migration("same words", "SELECT 1")

    await colour.concurrently(*[create] * 8)
    files = await migration.load_migrations()
    assert len({f.version for f in files}) == 8
    assert all(p.suffix == ".sql" for p in tmp_path.iterdir())


async def test_a_server_that_is_not_there(colour, tmp_path):
    (tmp_path / "1_good.sql").write_text(GOOD)
    db = colour.Database(host="127.0.0.1", port=1, user="me", password="s3cret-word")
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:1") as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert "s3cret-word" not in str(caught.value)
    assert "s3cret-word" not in repr(caught.value)


async def test_everything_that_is_wrong_is_said_at_once(db, colour, tmp_path):
    (tmp_path / "1_good.sql").write_text(GOOD)
    (tmp_path / "2_open.sql").write_text("SELECT 'x;\n-- @UNDO\n")
    (tmp_path / "3_odd.sql").write_text("-- @transactoin off\nSELECT 1;\n")
    (tmp_path / "four.sql").write_text("SELECT 1;\n")
    with pytest.raises(FileError) as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert [one.path for one in (caught.value, *caught.value.others)] == [
        str(tmp_path / name) for name in ("2_open.sql", "3_odd.sql", "four.sql")
    ]
    for text in ("Unterminated string", "did you mean -- @transaction?", "has no version"):
        assert text in str(caught.value)


async def test_every_refusal_and_every_obstacle_is_said_at_once(db, colour, tmp_path):
    migration = colour.Migration(db, migrations_dir=tmp_path)
    for version in (1, 2):
        (tmp_path / f"{version}_bad.sql").write_text("SELECT 1;\nCOMMIT;\n")
    with pytest.raises(Refused) as refused:
        await migration.migrate()
    assert [one.version for one in (refused.value, *refused.value.others)] == [1, 2]
    for version in (1, 2):
        (tmp_path / f"{version}_bad.sql").write_text("SELECT 1;\n")
    await migration.migrate()
    for version in (1, 2):
        (tmp_path / f"{version}_bad.sql").write_text("SELECT 2;\n")
    with pytest.raises(ChangedFile) as changed:
        await migration.migrate()
    assert [one.version for one in (changed.value, *changed.value.others)] == [1, 2]


@pytest.mark.parametrize(
    ("statement", "word"),
    [("CREATE TABLE user (id INT8)", "user"), ("CREATE TABLE t (id INT8, Order INT8)", "Order")],
)
async def test_a_reserved_word_is_called_one(db, colour, tmp_path, statement, word):
    (tmp_path / "1_x.sql").write_text(f"{statement};\n")
    with pytest.raises(MigrationFailed) as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    hint = caught.value.hint
    assert f"{word} is a reserved word" in hint
    assert hint.endswith(f'"{word.lower()}"')
    assert caught.value.column == statement.index(word) + 1


@pytest.mark.parametrize("statement", ["DELETE TABLE t", "SELECT 1 FROM WHERE x", "CREAT TABLE t"])
async def test_what_is_no_name_is_not_called_reserved(db, colour, tmp_path, statement):
    (tmp_path / "1_x.sql").write_text(f"{statement};\n")
    with pytest.raises(MigrationFailed) as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert "reserved" not in str(caught.value)


@pytest.mark.engine("postgresql", because="names of constraints")
async def test_the_caret_stands_under_the_constraint_that_failed(db, colour, tmp_path):
    sql = "CREATE TABLE t (id INT8 PRIMARY KEY, a INT8);\nINSERT INTO t VALUES (1, 1), (2, 1);\n"
    (tmp_path / "1_t.sql").write_text(sql)
    unique = "ALTER TABLE t ADD CONSTRAINT t_a_key UNIQUE (a);"
    (tmp_path / "2_unique.sql").write_text(f"{unique}\n")
    with pytest.raises(MigrationError) as caught:
        await colour.Migration(db, migrations_dir=tmp_path).migrate()
    assert caught.value.version == 2
    assert caught.value.column == unique.index("t_a_key") + 1
    assert caught.value.excerpt.split("\n")[1] == " " * unique.index("t_a_key") + "^"


async def test_a_file_wrapped_in_a_transaction_of_its_own_names_the_way(colour, url, tmp_path):
    (tmp_path / "1_t.sql").write_text("BEGIN;\nCREATE TABLE t (a INT8 PRIMARY KEY);\nCOMMIT;\n")
    with pytest.raises(Refused, match="BEGIN in a migration") as caught:
        await colour.Migration(colour.database(url), tmp_path).migrate()
    assert "`manticore import` takes a BEGIN and COMMIT around the whole" in str(caught.value)
