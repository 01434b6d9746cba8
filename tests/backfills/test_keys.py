"""Keys of every kind: composite, UUID, text, time, negative, decimal, enum, mixed directions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.backfill.cuts import key_at
from manticore_cockroachdb.backfill.keys import KeyColumn, Walk, decode, encode
from manticore_cockroachdb.errors import MigrationError, Refused

from ..support.psql import psql

SMALL = "-- @batch rows 3..7, workers 2\n"
TABLES = {
    "composite": ("a INT8, b TEXT, PRIMARY KEY (a, b)", "i % 5, 'k' || (i / 5)::TEXT"),
    "uuid": ("a UUID PRIMARY KEY", "gen_random_uuid()"),
    "text": ("a TEXT PRIMARY KEY", "'it''s \\ ' || (i * 7919 % 100)::TEXT || ' Ä\"x'"),
    "timestamp": (
        "a TIMESTAMPTZ PRIMARY KEY",
        "'2020-02-29 23:59:59.123456+00'::TIMESTAMPTZ + (i::TEXT || ' hours')::INTERVAL",
    ),
    "date": ("a DATE PRIMARY KEY", "'0099-12-25'::DATE + i::INT"),
    "negative": ("a INT8 PRIMARY KEY", "(i - 20) * 1000"),
    "gaps": ("a INT8 PRIMARY KEY", "(i::INT8 - 20) * 230584300921369395"),
    "decimal": ("a DECIMAL(20, 6) PRIMARY KEY", "(i - 20)::DECIMAL / 3"),
    "float": ("a FLOAT8 PRIMARY KEY", "(i - 20)::FLOAT8 / 3"),
    "char": ("a CHAR(8) PRIMARY KEY", "i::TEXT"),
    "enum": ("a word PRIMARY KEY", "('w' || lpad(i::TEXT, 2, '0'))::word"),
    "bool and int": ("a BOOL, b INT8, PRIMARY KEY (a, b)", "i % 2 = 0, i"),
    "named oddly": ('"Order" INT8, "a ""b" INT8, PRIMARY KEY ("Order", "a ""b")', "i % 3, i"),
}
ONLY = {
    "postgresql": {
        "bytea": ("a BYTEA PRIMARY KEY", "('x' || i::TEXT)::BYTEA"),
        "collated": (
            'a TEXT COLLATE "C" PRIMARY KEY',
            "CASE i % 2 WHEN 0 THEN 'b' ELSE 'B' END || i",
        ),
        "child": ("a INT8 PRIMARY KEY", "i"),
        "descending": (
            "b INT8 NOT NULL, c TEXT NOT NULL",
            "i % 3, i::TEXT",
            "CREATE UNIQUE INDEX ON descending (b DESC, c)",
        ),
        "including": (
            "b INT8 NOT NULL, c TEXT NOT NULL",
            "i % 3, i::TEXT",
            "CREATE UNIQUE INDEX ON including (b, c) INCLUDE (n)",
        ),
        "constraint": (
            "b INT8 NOT NULL, c TEXT NOT NULL, UNIQUE (b, c)",
            "i % 3, i::TEXT",
            " by c, b",
        ),
    },
    "cockroachdb": {
        "bytes": ("a BYTES PRIMARY KEY", "('x' || i::TEXT)::BYTES"),
        "collated": ("a STRING COLLATE de PRIMARY KEY", "('ä' || i::STRING) COLLATE de"),
        "directions": ("a INT8, b INT8, PRIMARY KEY (a ASC, b DESC)", "i % 4, i"),
        "no key": ("a INT8", "i"),
    },
}


def by_migrate(db: Database, directory: Path) -> None:
    """As always."""
    Migration(db, directory).migrate()


def by_hand(db: Database, directory: Path) -> None:
    """With the script that `plan --sql` prints."""
    migration = Migration(db, directory)
    done = psql(db.settings.url(secrets=True), migration.plan().sql())
    assert done.returncode == 0, done.stderr
    assert migration.status().clean


def walk(
    db: Database,
    directory: Path,
    tables: dict[str, tuple[str, str, str]],
) -> None:
    """Make tables of 40 rows, walk each, and see that every row was changed once; and once more
    from the beginning, by hand.

    A table is its columns, the values of row `i`, and by which columns it is walked.
    """
    for number, (name, (columns, values, by)) in enumerate(tables.items()):
        db.execute(f'CREATE TABLE "{name}" ({columns}, n INT8 NOT NULL DEFAULT 0)')
        db.execute(f'INSERT INTO "{name}" SELECT {values} FROM generate_series(1, 40) AS i')
        if by.startswith("CREATE"):
            db.execute(by)
            by = " by b, c"
        statement = f'-- @backfill "{name}"{by}\nUPDATE "{name}" u SET n = n + 1 WHERE :batch(u);\n'
        (directory / f"{number}_walk.sql").write_text(SMALL + statement)
    for times, how in enumerate((by_migrate, by_hand), 1):
        how(db, directory)
        for name in tables:
            rows = db.execute(f'SELECT n, count(*) AS c FROM "{name}" GROUP BY n')
            assert rows == [{"n": times, "c": 40}], (name, how)
        db.execute("DELETE FROM _migrations")


def test_each_kind_of_key(url, server, tmp_path):
    """What is walked how is text, the same in both colours."""
    tables = {**TABLES, **ONLY[server.engine]}
    words = ", ".join(f"'w{i:02}'" for i in range(1, 41))
    with Database.from_url(url) as db:
        db.execute(f"CREATE TYPE word AS ENUM ({words})")
        walk(db, tmp_path, {name: (*one, "")[:3] for name, one in tables.items()})


def test_a_bound_is_looked_up_in_the_order_of_the_key_not_of_its_text(url):
    """Otherwise the parts would be uneven, and each lookup would read and sort them whole."""
    with Database.from_url(url) as db:
        db.execute("CREATE TABLE t (id INT8 PRIMARY KEY)")
        db.execute("INSERT INTO t SELECT i FROM generate_series(1, 1000) AS i WHERE i <> 9")
        walk = Walk("t", (KeyColumn("id", "bigint"),))
        for value, after, upto, key in [
            ("9", None, None, "10"),
            ("10", None, None, "10"),
            ("200", ("50",), ("1000",), "200"),
        ]:
            assert db.execute(key_at(walk, value, after, upto, past="")) == [{"id": key}]
        assert db.execute(key_at(walk, "1001", None, None, past="")) == []
        plan = db.execute("EXPLAIN " + key_at(walk, "500", ("1",), ("900",), past=""))
        assert "sort" not in str(plan).lower().replace("sort key", ""), plan


# --- what cannot be walked -----------------------------------------------------------------------

REFUSED = {
    "no primary key": ("a INT8 NOT NULL", "", "", "no primary key", "unique index"),
    "no primary key, but a unique one": (
        "a INT8 NOT NULL UNIQUE",
        "",
        "",
        "no primary key",
        "-- @backfill t by a",
    ),
    "may be NULL": ("a INT8 PRIMARY KEY, b INT8 UNIQUE", " by b", "", "may be NULL", "NOT NULL"),
    "not unique": ("a INT8 PRIMARY KEY, b INT8 NOT NULL", " by b", "", "not unique", "unique"),
    "no such column": ("a INT8 PRIMARY KEY", " by c", "", "no column c", "its columns are"),
    "a view": ("a INT8 PRIMARY KEY", "", "CREATE VIEW v AS SELECT a FROM t;", "is a view", "table"),
}


def test_a_table_that_cannot_be_walked_is_refused_before_anything(url, server, tmp_path):
    with Database.from_url(url) as db:
        for case, (columns, by, extra, message, hint) in REFUSED.items():
            if server.engine == "cockroachdb" and "primary key" in message:
                continue  # there a table without one gets rowid
            db.execute("DROP VIEW IF EXISTS v")
            db.execute("DROP TABLE IF EXISTS t")
            db.execute(f"CREATE TABLE t ({columns}, n INT8)")
            if extra:
                db.execute(extra)
            table = "v" if extra else "t"
            text = f"-- @backfill {table}{by}\nUPDATE {table} SET n = 1 WHERE :batch;\n"
            (tmp_path / "2_walk.sql").write_text(text)
            migration = Migration(db, tmp_path)
            with pytest.raises(Refused, match=message) as failure:
                migration.migrate()
            assert hint in str(failure.value.hint), case
            assert failure.value.version == 2 and failure.value.path, case
            assert migration.get_current_version() is None, case
            assert migration.backfills() == (), case


async def test_a_backfill_that_sets_its_own_key(files):
    files.write(1, "CREATE TABLE t (a INT8 PRIMARY KEY, n INT8);")
    await files.migrator().migrate()
    files.write(2, "-- @backfill t\nUPDATE t SET n = 1, a = a + 100 WHERE :batch;\n")
    with pytest.raises(MigrationError, match=r"set t\.a, and the walk goes by it"):
        await files.migrator().migrate()


# --- pure ----------------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1))
def test_keys_survive_being_stored(parts):
    assert decode(encode(tuple(parts))) == tuple(parts)


def test_conditions_in_one_direction_are_rows_and_in_two_written_out():
    one = Walk("t", (KeyColumn("a", "bigint"), KeyColumn("b", "text")))
    assert one.condition(("1", "x"), None) == "((a, b) > ('1'::bigint, 'x'::text))"
    two = Walk("t", (KeyColumn("a", "bigint"), KeyColumn("b", "bigint", True)))
    assert two.condition(("1", "2"), ("3", "4"), "u") == (
        "((u.a > '1'::bigint OR (u.a = '1'::bigint AND u.b < '2'::bigint))"
        " AND (u.a < '3'::bigint OR (u.a = '3'::bigint AND u.b >= '4'::bigint)))"
    )
    assert two.order() == "a, b DESC" and one.condition(None, None) == "(true)"
