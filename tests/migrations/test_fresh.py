"""`migrate(fresh=True)`: fewer transactions, and the same history, catalog and errors."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import MigrationFailed

FILES = {
    1: "CREATE TABLE a (id INT8 PRIMARY KEY)",
    2: "CREATE TABLE b (id INT8 PRIMARY KEY)",
    3: "INSERT INTO a VALUES (1)",
    4: "CREATE TABLE c (id INT8 PRIMARY KEY, a INT8 REFERENCES a (id))",
    5: "CREATE TABLE d (id INT8 PRIMARY KEY, c INT8 REFERENCES c (id))",
    6: "CREATE INDEX CONCURRENTLY i ON d (c)",
    7: "UPDATE a SET id = id + 1",
    8: "CREATE TABLE e (id INT8 PRIMARY KEY)",
    9: "CREATE TABLE f (id INT8 PRIMARY KEY)",
}


def write(directory, files):
    for version, sql in files.items():
        (directory / f"{version}_x.sql").write_text(f"{sql};\n-- @UNDO\nSELECT 1;\n")


async def recorded(db):
    return await db.execute(
        "SELECT version, description, checksum, undo, mode, applied_by, applied_from"
        " FROM _migrations ORDER BY version"
    )


async def test_the_history_and_the_effect_are_those_of_an_ordinary_run(
    server, db, colour, tmp_path
):
    write(tmp_path, FILES)
    assert await colour.Migration(db, migrations_dir=tmp_path).migrate() == 9
    with server.fresh_database() as url:
        other = colour.database(url)
        assert await colour.Migration(other, migrations_dir=tmp_path).migrate(fresh=True) == 9
        assert await recorded(other) == await recorded(db)
        assert await other.execute("SELECT id FROM a") == [{"id": 2}]
        assert [await other.exists(name) for name in "abcdef"] == [True] * 6
        assert await colour.Migration(other, migrations_dir=tmp_path).migrate() == 0


async def test_a_failure_is_the_one_of_an_ordinary_run(db, colour, tmp_path):
    write(tmp_path, {**FILES, 2: "CREATE TABLE b (id NO_SUCH_TYPE)"})
    migration = colour.Migration(db, migrations_dir=tmp_path)
    with pytest.raises(MigrationFailed) as caught:
        await migration.migrate(fresh=True)
    assert (caught.value.version, caught.value.applied) == (2, (1,))
    assert [row["version"] for row in await recorded(db)] == [1]
