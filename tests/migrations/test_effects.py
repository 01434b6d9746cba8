"""What the catalog says of a schema change, asked of real servers.

Each case is set up, read, done, and read again: before it, the effect is not there; after it, it
is. A statement whose effect cannot be seen must say so by having no probes. What is asked is the
server, not either half of the client, so each case runs once an engine.
"""

from __future__ import annotations

import pytest

from manticore_cockroachdb import Database
from manticore_cockroachdb.analysis.catalog_probe import Conclusion, conclude, effect_of
from manticore_cockroachdb.parser.parse import parse

SETUP = (
    "CREATE TABLE t (id INT8 PRIMARY KEY, a INT8, b TEXT, c INT8 NOT NULL DEFAULT 1,"
    " CONSTRAINT positive CHECK (a > 0))",
    "CREATE INDEX on_a ON t (a)",
    "CREATE TABLE other (id INT8 PRIMARY KEY)",
    "CREATE VIEW v AS SELECT id FROM t",
    "CREATE SEQUENCE s",
    'CREATE TABLE "Odd Name" ("A b" INT8 PRIMARY KEY)',
)

CHANGES = [
    "CREATE TABLE n (id INT8 PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS n (id INT8 PRIMARY KEY)",
    'CREATE TABLE "N N" (id INT8 PRIMARY KEY)',
    "CREATE TABLE n AS SELECT 1 AS a",
    "CREATE INDEX i ON t (b)",
    "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (b)",
    "CREATE INDEX ON t (b)",
    "CREATE INDEX CONCURRENTLY i ON t (b)",
    'CREATE INDEX "I i" ON "Odd Name" ("A b")',
    "CREATE VIEW w AS SELECT 1 AS one",
    "CREATE SEQUENCE q",
    "CREATE SCHEMA elsewhere",
    "CREATE TYPE mood AS ENUM ('ok')",
    "CREATE ROLE {role}",
    "DROP TABLE other",
    'DROP TABLE IF EXISTS other, "Odd Name"',
    "DROP INDEX on_a",
    "DROP VIEW v",
    "DROP SEQUENCE s",
    "ALTER TABLE t ADD COLUMN d INT8",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS d INT8, ADD COLUMN e TEXT",
    "ALTER TABLE other ADD COLUMN d INT8 NOT NULL DEFAULT 3",
    "ALTER TABLE t DROP COLUMN b",
    "ALTER TABLE t DROP COLUMN IF EXISTS b CASCADE",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN c DROP NOT NULL",
    "ALTER TABLE t ADD CONSTRAINT small CHECK (c < 10)",
    "ALTER TABLE t ADD CONSTRAINT once UNIQUE (b)",
    "ALTER TABLE t ADD CONSTRAINT to_other FOREIGN KEY (a) REFERENCES other (id)",
    "ALTER TABLE t ADD UNIQUE (b)",
    "ALTER TABLE t DROP CONSTRAINT positive",
    "ALTER TABLE t RENAME COLUMN b TO bb",
    "ALTER TABLE other RENAME TO another",
    "ALTER TABLE t RENAME CONSTRAINT positive TO above_zero",
    "ALTER SEQUENCE s RENAME TO ss",
]


@pytest.fixture
def db(url):
    """One client, whatever its colour."""
    with Database.from_url(url, max_size=1) as database:
        yield database


@pytest.mark.parametrize("sql", CHANGES)
def test_an_effect_is_seen_and_not_before(server, db, sql):
    cockroachdb = server.engine == "cockroachdb"
    sql = sql.format(role="r_" + db.settings.database)
    for statement in SETUP:
        db.execute(statement)
    effect = effect_of(parse(sql), cockroachdb=cockroachdb)
    assert effect.probes, "nothing to look up"

    def look():
        (row,) = db.execute(labelled(effect))
        return tuple(row.values())

    before = look()
    assert conclude(effect, before, before) is not Conclusion.DONE
    db.execute(sql)
    try:
        assert conclude(effect, before, look()) is Conclusion.DONE
    finally:
        if sql.startswith("CREATE ROLE"):
            db.execute(sql.replace("CREATE", "DROP"))


def labelled(effect):
    """The effect's query with a name for each column, since rows are dicts here."""
    return "SELECT " + ", ".join(f"({p.sql})::TEXT AS p{i}" for i, p in enumerate(effect.probes))


@pytest.mark.engine("postgresql", because="types in place")
def test_a_changed_type_is_seen(db):
    """CockroachDB 20.2 changes types only behind an experimental setting."""
    db.execute("CREATE TABLE t (a INT4)")
    effect = effect_of(
        parse("ALTER TABLE t ALTER COLUMN a TYPE INT8 USING a * 2"), cockroachdb=False
    )
    (row,) = db.execute(labelled(effect))
    before = tuple(row.values())
    db.execute("ALTER TABLE t ALTER COLUMN a TYPE INT8 USING a * 2")
    (row,) = db.execute(labelled(effect))
    assert conclude(effect, before, tuple(row.values())) is Conclusion.DONE
    assert conclude(effect, before, before) is Conclusion.NOT_DONE
    assert not effect.repeatable


@pytest.mark.engine("postgresql", because="CONCURRENTLY")
def test_an_index_that_failed_is_not_there_and_its_debris_is_known(db):
    """Only PostgreSQL leaves an invalid index behind."""
    db.execute("CREATE TABLE t (a INT8)")
    db.execute("INSERT INTO t VALUES (1), (1)")
    sql = "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"
    effect = effect_of(parse(sql), cockroachdb=False)
    with pytest.raises(Exception, match="could not create unique index"):
        db.execute(sql)
    (row,) = db.execute(labelled(effect))
    assert tuple(row.values()) == ("false",)
    (debris,) = db.execute(effect.debris)
    db.execute(next(iter(debris.values())))
    assert db.execute(effect.debris) == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "SELECT f()",
        "GRANT SELECT ON t TO x",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "ALTER TABLE t SPLIT AT VALUES (1)",
        "FROBNICATE",
    ],
)
def test_what_cannot_be_seen_says_so(sql):
    assert effect_of(parse(sql), cockroachdb=True).probes == ()


@pytest.mark.parametrize(
    "sql",
    [
        "GRANT SELECT ON t TO x",
        "COMMENT ON TABLE t IS 'x'",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "DROP TABLE IF EXISTS t",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
        "VACUUM t",
        "vacuum (full) t",
        "ANALYSE t",
        "REINDEX TABLE t",
        "REFRESH MATERIALIZED VIEW m",
    ],
)
def test_what_may_be_done_twice_says_so(sql):
    assert effect_of(parse(sql), cockroachdb=True).repeatable
