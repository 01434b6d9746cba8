"""Names that are longer than a server keeps: PostgreSQL cuts them, CockroachDB does not."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.docs.async_gather import async_gather_document
from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.quoting import cut

LONG = "of_a_name_that_somebody_has_put_together_from_many_words_and_then_some_more"
TABLE, INDEX, COLUMN = f"table_{LONG}", f"index_{LONG}", f"column_{LONG}"


def test_what_is_cut():
    assert cut("a" * 63, 63) == "a" * 63
    assert cut("a" * 64, 63) == "a" * 63
    assert cut("é" * 40, 63) == "é" * 31  # between characters
    assert cut("a" * 64, None) == "a" * 64


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (f"CREATE TABLE {TABLE} ({COLUMN} INT8)", lambda n: (n.name.name, n.columns[0].name)),
        (f'CREATE TABLE "{TABLE}" ("{COLUMN}" INT8)', lambda n: (n.name.name, n.columns[0].name)),
        (f"DROP TABLE {TABLE}, {COLUMN}", lambda n: tuple(name.name for name in n.names)),
        (f"INSERT INTO {TABLE} VALUES (1)", lambda n: (n.table.name,)),
        (f"ALTER TABLE s.{TABLE} RENAME TO {COLUMN}", lambda n: (n.name.name, n.actions[0].new)),
    ],
)
def test_a_statement_is_read_as_the_server_keeps_it(sql, names):
    long = [getattr(name, "name", name) for name in names(parse(sql))]
    found = [getattr(name, "name", name) for name in names(parse(sql, 63))]
    assert set(long) <= {TABLE, COLUMN}
    assert found == [cut(name, 63) for name in long]


def test_other_statements_are_read_once():
    assert parse("SELECT 1", 63) is parse("SELECT 1")


@pytest.fixture
def migrator(colour, url, tmp_path):
    return colour.Migration(colour.database(url), tmp_path)


async def test_plan_knows_their_size(db, migrator, tmp_path):
    (tmp_path / "1_t.sql").write_text(f"CREATE TABLE {TABLE} (a INT8 PRIMARY KEY, b TEXT);")
    await migrator.migrate()
    await db.execute(f"INSERT INTO {TABLE} SELECT generate_series(1, 10), 'x'")
    (tmp_path / "2_b.sql").write_text(f"ALTER TABLE {TABLE} ALTER COLUMN b SET NOT NULL;")
    (statement,) = (await migrator.plan()).migrations[0].statements
    assert statement.size is not None and not statement.size.new


async def test_steps_and_their_record(db, migrator, tmp_path):
    (tmp_path / "1_t.sql").write_text(f"CREATE TABLE {TABLE} (a INT8 PRIMARY KEY);")
    (tmp_path / "2_i.sql").write_text(
        f"-- @transaction off\nCREATE INDEX CONCURRENTLY {INDEX} ON {TABLE} (a);\n"
        f"ALTER TABLE {TABLE} ADD COLUMN {COLUMN} INT8;"
    )
    assert await migrator.migrate() == 2
    assert not (await migrator.drift()).differs
    found = await migrator.verify()
    assert found.ok, found  # through simulated crashes too


async def test_the_past_of_a_table(db, server, colour, url, tmp_path):
    from manticore_cockroachdb.async_migration import AsyncMigrator

    (tmp_path / "1_t.sql").write_text(f"CREATE TABLE {TABLE} (a INT8 PRIMARY KEY);")
    await colour.Migration(db, tmp_path).migrate()
    if colour.name == "async":
        document = await async_gather_document(AsyncMigrator(db, tmp_path))
        (entry,) = document.entries
        assert [touch.table for touch in entry.touches] == [
            table.key for table in document.schema.tables
        ]


async def test_a_refusal_finds_the_statement(db, migrator, tmp_path):
    (tmp_path / "1_t.sql").write_text(f"CREATE TABLE {TABLE} (a INT8 PRIMARY KEY);")
    (tmp_path / "2_s.sql").write_text(f"SELECT 1;\nINSERT INTO {TABLE} VALUES (1);")
    with pytest.raises(FileError) as caught:
        await migrator.squash(2)
    assert caught.value.line == 2


@pytest.mark.engine("postgresql", because="functions")
async def test_a_function_gets_its_grants_back(db, migrator, tmp_path):
    home = tmp_path / "repeatable"
    home.mkdir()
    name = f"function_{LONG}"
    text = f"CREATE OR REPLACE FUNCTION {name}(n INT8) RETURNS INT8 LANGUAGE sql AS 'SELECT n';"
    (home / "f.sql").write_text(text)
    await migrator.migrate()
    await db.execute(f"REVOKE ALL ON FUNCTION {name}(INT8) FROM PUBLIC")
    (home / "f.sql").write_text(text.replace("RETURNS INT8", "RETURNS NUMERIC"))
    await migrator.migrate()
    (row,) = await db.execute(
        "SELECT proacl::TEXT AS acl FROM pg_proc WHERE proname LIKE 'function_of_a%'"
    )
    assert row["acl"] is not None and not row["acl"].startswith("{=")  # not PUBLIC's
