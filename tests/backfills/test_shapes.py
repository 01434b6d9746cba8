"""Tables of every shape: partitions, heirs, generated columns, row security, shards, regions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from manticore_cockroachdb.errors import MigrationError, Refused

from .conftest import COUNT

SMALL = "-- @batch rows 7..7, workers 2\n"


async def walk(files: Any, *ddl: str, by: str = "", text: str = COUNT) -> list[dict[str, Any]]:
    """Make a table of 60 users, go through it, and say how often rows were changed."""
    for one in ddl:
        await files.db.execute(one)
    files.write(1, SMALL + text.replace("users", f"users{by}", 1))
    assert await files.migrator().migrate() == 1
    return await files.db.execute("SELECT n, count(*) AS rows FROM users GROUP BY n")


ONCE = [{"n": 1, "rows": 60}]
ROWS = "INSERT INTO users (id, {more}) SELECT i, {value} FROM generate_series(1, 60) AS i"


@pytest.mark.engine("postgresql", because="partitions")
async def test_a_partitioned_table(files):
    """Of uneven parts, one empty, by a key that begins with the column they go by."""
    assert (
        await walk(
            files,
            "CREATE TABLE users (region TEXT, id INT8, n INT8 NOT NULL DEFAULT 0,"
            " PRIMARY KEY (region, id)) PARTITION BY LIST (region)",
            "CREATE TABLE users_eu PARTITION OF users FOR VALUES IN ('eu')",
            "CREATE TABLE users_us PARTITION OF users FOR VALUES IN ('us')",
            "CREATE TABLE users_rest PARTITION OF users DEFAULT",
            ROWS.format(more="region", value="CASE WHEN i % 10 = 0 THEN 'us' ELSE 'eu' END"),
            "ANALYZE users",
        )
        == ONCE
    )


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_a_table_with_heirs(files):
    """Rows of an heir are rows of the table; two of them may have the same key, and a batch then
    has both."""
    assert (
        await walk(
            files,
            "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0)",
            "CREATE TABLE guests (PRIMARY KEY (id)) INHERITS (users)",
            "INSERT INTO users (id) SELECT i FROM generate_series(1, 40) AS i",
            "INSERT INTO guests (id) SELECT i FROM generate_series(21, 40) AS i",
        )
        == ONCE
    )


async def test_a_generated_column(files, server):
    """It follows what the statement sets."""
    generated = "GENERATED ALWAYS AS" if server.engine == "postgresql" else "AS"
    assert (
        await walk(
            files,
            "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0,"
            f" twice INT8 {generated} (n * 2) STORED)",
            "INSERT INTO users (id) SELECT i FROM generate_series(1, 60) AS i",
        )
        == ONCE
    )
    assert await files.db.execute("SELECT count(*) AS c FROM users WHERE twice = 2") == [{"c": 60}]


async def test_a_key_that_is_generated_of_what_it_sets(files, server):
    """Each row would move in the order that is walked."""
    generated = "GENERATED ALWAYS AS" if server.engine == "postgresql" else "AS"
    await files.db.execute(
        "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL,"
        f" place INT8 NOT NULL {generated} (id * 100 - n) STORED, UNIQUE (place))"
    )
    files.write(1, COUNT.replace("users", "users by place", 1))
    with pytest.raises((Refused, MigrationError)) as failure:
        await files.migrator().migrate()
    assert "place" in str(failure.value) and "generated from n" in str(failure.value)


@pytest.mark.engine("postgresql", because="objects of PostgreSQL")
async def test_rows_that_a_policy_hides_are_an_error_and_not_passed_over(files, url):
    """To its owner a table can be closed too; a row that is not seen would be counted as done."""
    user = f"owner_{uuid4().hex[:8]}"
    await files.db.execute(f"CREATE USER {user}")
    try:
        await files.db.execute(f"GRANT ALL ON SCHEMA public TO {user}")
        theirs = psycopg.conninfo.make_conninfo(url, user=user)
        with psycopg.connect(theirs, autocommit=True) as connection:
            for text in (
                "CREATE TABLE users (id INT8 PRIMARY KEY, n INT8 NOT NULL DEFAULT 0)",
                "INSERT INTO users (id) SELECT i FROM generate_series(1, 60) AS i",
                "CREATE POLICY odd ON users USING (id % 2 = 1)",
                "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE users FORCE ROW LEVEL SECURITY",
            ):
                connection.execute(text.encode())
        files.write(1, SMALL + COUNT)
        migrator = files.colour.Migration(files.colour.database(theirs), files.directory)
        with pytest.raises(MigrationError, match="row-level security policy"):
            await migrator.migrate()
        assert await files.counts() == {0: 60}
        await files.db.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
        assert await migrator.migrate() == 1
        assert await files.counts() == {1: 60}
    finally:
        await files.db.execute(f"DROP OWNED BY {user}")
        await files.db.execute(f"DROP USER {user}")


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_a_hash_sharded_key(files):
    assert (
        await walk(
            files,
            "SET experimental_enable_hash_sharded_indexes = true;"
            " CREATE TABLE users (id INT8 PRIMARY KEY USING HASH WITH BUCKET_COUNT = 4,"
            " n INT8 NOT NULL DEFAULT 0)",
            "INSERT INTO users (id) SELECT i FROM generate_series(1, 60) AS i",
        )
        == ONCE
    )


async def test_a_key_that_begins_with_the_region(files):
    """What REGIONAL BY ROW makes of a primary key: the region, not at all evenly, then the rest."""
    assert (
        await walk(
            files,
            "CREATE TABLE users (crdb_region VARCHAR(20), id INT8, n INT8 NOT NULL DEFAULT 0,"
            " PRIMARY KEY (crdb_region, id))",
            ROWS.format(
                more="crdb_region",
                value="CASE i % 20 WHEN 0 THEN 'us-east1' WHEN 1 THEN 'asia-south1' ELSE 'eu' END",
            ),
        )
        == ONCE
    )


async def test_a_materialized_view_is_refused(files, server):
    await files.db.execute("CREATE TABLE t (id INT8 PRIMARY KEY, n INT8)")
    await files.db.execute("CREATE MATERIALIZED VIEW users AS SELECT id, n FROM t")
    files.write(1, COUNT)
    with pytest.raises(Refused, match="is a materialized view"):
        await files.migrator().migrate()
